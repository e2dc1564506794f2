import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIp, parseNetwork, validIp } from "../../base/ip.ts";
import { readDocument } from "../../contract/read-document.ts";
import { draftText } from "./document-draft.ts";
import type { HostDevice } from "./host-network.ts";
import { isPrivate, lanNetworks, proposeRoles, virtualCandidates } from "./network-proposal.ts";

const device = (name: string, ...addresses: string[]): HostDevice => ({
  name,
  isUp: true,
  addresses,
  leased: [],
});

const eth0 = device("eth0", "10.1.0.2/24");
const eth1 = device("eth1", "192.0.2.2/24");
const eth2 = device("eth2", "10.255.0.1/24");
const byEth1 = [{ to: "default", via: "192.0.2.9", device: "eth1" }];

const roles = (devices: HostDevice[], routes = byEth1, wishes = {}) =>
  proposeRoles({ devices, routes }, wishes).map(({ role, device: one }) => `${role} ${one?.name ?? "none"}`);

describe("what a device is for", () => {
  it("is told by the default route, by names, and by networks for two", () => {
    assert.deepEqual(roles([eth0, eth1, eth2]), ["lan eth0", "wan eth1", "sync eth2"]);
    const link = device("eth0", "10.9.9.1/30");
    assert.deepEqual(roles([link, eth1, device("eth3", "10.1.0.2/24")]), [
      "lan eth3",
      "wan eth1",
      "sync eth0",
    ]);
    const named = [
      device("sync0", "10.255.0.1/24"),
      device("lan", "10.1.0.2/24"),
      device("wan", "192.0.2.2/24"),
    ];
    assert.deepEqual(roles(named, []), ["lan lan", "wan wan", "sync sync0"]);
  });

  it("is left open where nothing tells it, and as it was wished where somebody says it", () => {
    assert.deepEqual(roles([eth0, eth2], []), ["lan eth0", "wan none", "sync eth2"]);
    assert.deepEqual(roles([eth0, eth1]), ["lan eth0", "wan eth1", "sync none"]);
    assert.deepEqual(roles([eth0, eth1, eth2], byEth1, { lan: "eth2" }), [
      "lan eth2",
      "wan eth1",
      "sync eth0",
    ]);
    assert.deepEqual(roles([device("eth9"), eth0, eth1, eth2]), ["lan eth0", "wan eth1", "sync eth2"]);
  });
});

describe("virtual addresses", () => {
  const candidates = (own: string, role: "lan" | "wan", taken: string[] = []) => {
    const network = parseNetwork(own);
    assert.ok(network);
    return virtualCandidates(network, { role, taken: taken.map(validIp), most: 4 }).map(formatIp);
  };

  it("are beside the own one; to the hosts, the first of the network comes first", () => {
    assert.deepEqual(candidates("10.1.0.2/24", "lan"), ["10.1.0.1", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
    assert.deepEqual(candidates("192.0.2.2/24", "wan"), ["192.0.2.1", "192.0.2.4", "192.0.2.5", "192.0.2.6"]);
    assert.deepEqual(candidates("192.0.2.2/24", "wan", ["192.0.2.1"])[0], "192.0.2.4");
    assert.deepEqual(candidates("fd00:1::2/64", "lan")[0], "fd00:1::1");
    assert.deepEqual(candidates("10.0.0.255/8", "wan"), ["10.0.0.254", "10.0.1.1", "10.0.1.2", "10.0.1.3"]);
  });

  it("are hosts of the network, and none where it has no room", () => {
    assert.deepEqual(candidates("192.0.2.1/30", "wan"), ["192.0.2.2"]);
    assert.deepEqual(candidates("192.0.2.1/30", "wan", ["192.0.2.2"]), []);
    assert.deepEqual(candidates("192.0.2.1/32", "wan"), []);
  });
});

it("networks behind routers of the LAN are translated, too", () => {
  const routes = [
    ...byEth1,
    { to: "10.1.0.0/24", via: undefined, device: "eth0" },
    { to: "10.77.0.0/16", via: "10.1.0.10", device: "eth0" },
    { to: "198.51.100.0/24", via: "192.0.2.9", device: "eth1" },
  ];
  assert.deepEqual(lanNetworks(eth0, { devices: [], routes }), ["10.1.0.0/24", "10.77.0.0/16"]);
  const told = ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"].map((one) =>
    isPrivate(validIp(one)),
  );
  assert.deepEqual(new Set(told), new Set([true]));
  const known = ["11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"];
  assert.deepEqual(
    known.filter((one) => isPrivate(validIp(one))),
    [],
  );
});

it("the draft of a document is valid, with and without translations and IPv6", () => {
  const draft = {
    ...{ cluster: "campus", node: "gw1", virtualRouterId: 51 },
    interfaces: {
      lan: { device: "eth0", addresses: ["10.1.0.2/24", "fd00:1::2/64"] },
      wan: { device: "eth1", addresses: ["192.0.2.2/24"] },
      sync: { device: "eth2", addresses: ["10.255.0.1/24"] },
    },
    virtual: { lan: ["10.1.0.1/24", "fd00:1::1/64"], wan: ["192.0.2.1/24"] },
    nat: [{ id: "lan-out", from: ["10.1.0.0/24", "10.77.0.0/16"], to: "192.0.2.1" }],
  };
  for (const one of [draft, { ...draft, nat: [] }]) {
    const { document, problems } = readDocument(draftText(one), "cluster.yaml");
    assert.deepEqual(problems, []);
    assert.equal(document?.nat.source.length, one.nat.length);
    assert.equal(document?.groups["gateway"]?.intervalMs, 100);
  }
});
