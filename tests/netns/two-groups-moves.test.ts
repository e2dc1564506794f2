/** Two failover groups, so that each node protects the other: handovers, and power failures of either. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual } from "./table-equality.ts";
import { assertAllGoOn, CONNECTIONS, HOME, labOfTwoGroups, SERVER, untilActive } from "./two-groups-lab.ts";

const SERVICE_PORT = 7_201;

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  lab = await labOfTwoGroups();
  await untilActive(lab, HOME);
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

test("a group that is handed over takes its flows along; the other stays", async () => {
  const tocha = new ControlClient(controlSocket(lab.name, "gw2"));
  await assert.rejects(tocha.switchover(), /several failover groups: gateway, second/);
  await assert.rejects(tocha.switchover({ group: "third" }), /no failover group third/);
  await streams.mark();
  assert.deepEqual(await tocha.switchover({ group: "gateway" }), {
    ...{ ok: true, group: "gateway", from: "gw1", to: "gw2" },
  });
  const status = await lab.seenBy("gw2");
  assert.deepEqual(
    status?.groups.map(({ activeNode }) => activeNode),
    ["gw2", "gw2"],
  );
  await assertAllGoOn(lab, streams);
  // It prefers gw1, which has preemption on, and gets it back when gw1 has every connection.
  await untilActive(lab, HOME);
  await assertAllGoOn(lab, streams);
  await assertTablesEqual(lab, "gw1", "gw2");
});

for (const [dead, survivor] of [
  ["gw1", "gw2"],
  ["gw2", "gw1"],
] as const) {
  test(`the power of ${dead} fails: all connections of both groups go on through ${survivor}, and back again`, async () => {
    await untilActive(lab, HOME);
    await assertTablesEqual(lab, "gw1", "gw2");
    await streams.mark();
    await powerOff(lab.name, dead);
    await waitFor(
      `${survivor} to be active for both groups`,
      async () => {
        const { groups } = await lab.status(survivor);
        return groups.every(({ role, complete }) => role === "active" && complete);
      },
      { explain: () => lab.log(survivor) },
    );
    await assertAllGoOn(lab, streams);
    await powerOn(lab.name, dead);
    await untilActive(lab, HOME);
    await assertAllGoOn(lab, streams);
    await assertTablesEqual(lab, "gw1", "gw2");
  });
}

test("a connection of no group is on both nodes, goes on after a power failure, and is there again after the boot", async () => {
  // Not translated, from a network that no group has, to one that both have.
  const source = "10.99.0.10";
  const ip = (part: string, ...args: string[]) => runCommand("ip", ["-n", lab.namespace(part), ...args]);
  const routeTo = (node: string) => ip(node, "route", "add", "10.99.0.0/16", "via", "10.1.0.10");
  await ip("lan", "address", "add", `${source}/32`, "dev", "lo");
  await ip("wan", "route", "add", "10.99.0.0/16", "via", "192.0.2.1");
  for (const node of ["gw1", "gw2"]) await routeTo(node);
  const server = new NamespaceAgent(lab.namespace("wan"));
  const clients = [
    new NamespaceAgent(lab.namespace("lan")),
    new NamespaceAgent(lab.namespace("lan")),
  ] as const;
  const states = async (node: string) =>
    (await lab.flows(node))
      .filter((line) => line.includes(`src=${source} `) && line.includes(`dport=${SERVICE_PORT}`))
      .map((line) => line.match(/[A-Z_]{4,}/)?.[0]);
  const both = ["ESTABLISHED", "ESTABLISHED"];
  const untilBoth = (node: string) =>
    waitFor(`${node} to have both connections`, async () => (await states(node)).join() === both.join());
  try {
    await server.request({ do: "serve", port: SERVICE_PORT });
    for (const client of clients) {
      const answer = await client.request({
        ...({
          do: "ask",
          protocol: "tcp",
          host: SERVER,
          port: SERVICE_PORT,
          localAddress: source,
          keep: true,
        } as const),
      });
      assert.deepEqual(answer, { seen: source });
    }
    await untilBoth("gw2");
    await powerOff(lab.name, "gw1");
    await lab.waitForNode("gw2", "active for both groups", ({ groups }) =>
      groups.every(({ role }) => role === "active"),
    );
    await powerOn(lab.name, "gw1");
    await routeTo("gw1");
    await untilActive(lab, HOME);
    await untilBoth("gw1");
    // A FIN without an entry would be dropped.
    await clients[0].close();
    await waitFor("gw1 to see the end of one", async () => (await states("gw1")).includes("TIME_WAIT"));
    assert.ok((await states("gw1")).includes("ESTABLISHED"));
  } finally {
    for (const agent of [...clients, server]) await agent.close();
  }
});
