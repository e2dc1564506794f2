import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIp, validIp } from "../base/ip.ts";
import { goodDocument } from "../contract/bad-documents.test-data.ts";
import { readDocument } from "../contract/read-document.ts";
import { nodeRoutes, type PresentRoute, planRoutes } from "./static-routes.ts";

const text = goodDocument.replace(
  "replication:",
  `routes:
  - { id: campus, to: 10.20.0.0/16, via: 10.1.0.254 }
  - { id: out1, to: 0.0.0.0/0, via: 192.0.2.254, nodes: [gw1] }
  - { id: out2, to: 0.0.0.0/0, via: 192.0.2.253, nodes: [gw2], metric: 50 }
  - { id: link, to: "fd00:2::/64", interface: lan }
  - { id: router6, to: "::/0", via: "fe80::9", interface: wan }
replication:`,
);

function routesOf(node: string) {
  const { document, problems } = readDocument(text, "cluster.yaml");
  assert.ok(document, JSON.stringify(problems));
  return nodeRoutes(document, node);
}

const devices = new Map([
  ["eth0", 3],
  ["eth1", 4],
]);

/** As the kernel would show what was added. */
function shown(node: string): PresentRoute[] {
  return planRoutes(routesOf(node), [], devices).add.map((route) => ({
    ...route,
    metric: route.metric ?? (route.destination.length === 16 ? 1_024 : 0),
  }));
}

const ids = (routes: readonly { readonly id: string }[]) => routes.map(({ id }) => id);

describe("nodeRoutes", () => {
  it("finds the device by the interface, or by the network that has the router", () => {
    assert.deepEqual(
      routesOf("gw1").map(({ id, destination, prefixLength, gateway, device, metric }) => [
        id,
        `${formatIp(destination)}/${prefixLength}`,
        gateway === undefined ? undefined : formatIp(gateway),
        device,
        metric,
      ]),
      [
        ["campus", "10.20.0.0/16", "10.1.0.254", "eth0", undefined],
        ["out1", "0.0.0.0/0", "192.0.2.254", "eth1", undefined],
        ["link", "fd00:2::/64", undefined, "eth0", undefined],
        ["router6", "::/0", "fe80::9", "eth1", undefined],
      ],
    );
  });

  it("has for each node what is said for it", () => {
    assert.deepEqual(ids(routesOf("gw2")), ["campus", "out2", "link", "router6"]);
  });
});

describe("planRoutes", () => {
  it("does nothing where all is as it should be", () => {
    const plan = planRoutes(routesOf("gw1"), shown("gw1"), devices);
    assert.deepEqual(plan, { remove: [], replace: [], add: [], waiting: [] });
  });

  it("removes what is wanted no more, replaces what leads elsewhere, adds what is missing", () => {
    const [campus, out, ...rest] = shown("gw1");
    assert.ok(campus && out);
    const stranger = { ...campus, destination: validIp("10.30.0.0") };
    const present = [
      { ...campus, gateway: validIp("10.1.0.253") },
      { ...out, deviceIndex: 3 },
      stranger,
      ...rest.slice(1),
    ];
    const plan = planRoutes(routesOf("gw1"), present, devices);
    assert.deepEqual(plan.remove, [stranger]);
    assert.deepEqual(ids(plan.replace), ["campus", "out1"]);
    assert.deepEqual(ids(plan.add), ["link"]);
  });

  it("takes another metric for another route", () => {
    const present = shown("gw2").map((route) => ({
      ...route,
      metric: route.metric === 50 ? 60 : route.metric,
    }));
    const plan = planRoutes(routesOf("gw2"), present, devices);
    assert.deepEqual([plan.remove.map(({ metric }) => metric), ids(plan.add)], [[60], ["out2"]]);
  });

  it("waits for devices that are not there, and removes nothing for that", () => {
    const plan = planRoutes(routesOf("gw1"), shown("gw1"), new Map([["eth0", 3]]));
    assert.deepEqual([ids(plan.waiting), plan.remove, plan.add], [["out1", "router6"], [], []]);
  });
});
