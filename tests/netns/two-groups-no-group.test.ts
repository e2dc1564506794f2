/** Two failover groups: connections that are of neither. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { CONNECTIONS, HOME, labOfTwoGroups, SERVER, untilActive } from "./two-groups-lab.ts";

const SERVICE_PORT = 7_202;
const UDP_STREAM_TIMEOUT_SECONDS = 12;
/** Longer than a copy lives that nobody renews: what packets give, and four sweeps. */
const UDP_SECONDS = 60;

let lab: TestLab;
/** A node that boots gets everything only from one that has much more than itself. */
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

// Not translated, from a network that no group has, to one that both have: such connections are of no group.
const NO_GROUP_SOURCE = "10.99.0.10";
const ip = (part: string, ...args: string[]) => runCommand("ip", ["-n", lab.namespace(part), ...args]);
const routeTo = (node: string) => ip(node, "route", "replace", "10.99.0.0/16", "via", "10.1.0.10");

async function routeNoGroup(): Promise<void> {
  await ip("lan", "address", "replace", `${NO_GROUP_SOURCE}/32`, "dev", "lo");
  await ip("wan", "route", "replace", "10.99.0.0/16", "via", "192.0.2.1");
  for (const node of ["gw1", "gw2"]) await routeTo(node);
}

test("a connection of no group is on both nodes, goes on after a power failure, and is there again after the boot", async () => {
  const source = NO_GROUP_SOURCE;
  const port = SERVICE_PORT;
  await routeNoGroup();
  const server = new NamespaceAgent(lab.namespace("wan"));
  const clients = [
    new NamespaceAgent(lab.namespace("lan")),
    new NamespaceAgent(lab.namespace("lan")),
  ] as const;
  const states = async (node: string) =>
    (await lab.flows(node))
      .filter((line) => line.includes(`src=${source} `) && line.includes(`dport=${port}`))
      .map((line) => line.match(/[A-Z_]{4,}/)?.[0]);
  const both = ["ESTABLISHED", "ESTABLISHED"];
  const untilBoth = (node: string) =>
    waitFor(`${node} to have both connections`, async () => (await states(node)).join() === both.join());
  try {
    await server.request({ do: "serve", port });
    for (const client of clients) {
      const answer = await client.request({
        ...({ do: "ask", protocol: "tcp", host: SERVER, port, localAddress: source, keep: true } as const),
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

test("a UDP stream of no group stays on the other node for as long as it lives, and not much longer", async () => {
  await untilActive(lab, HOME);
  await routeNoGroup();
  for (const node of ["gw1", "gw2"]) {
    const setting = `net.netfilter.nf_conntrack_udp_timeout_stream=${UDP_STREAM_TIMEOUT_SECONDS}`;
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "sysctl", "-qw", setting]);
  }
  const [port, localPort] = [SERVICE_PORT + 1, 40_000];
  const client = new NamespaceAgent(lab.namespace("lan"));
  const server = new NamespaceAgent(lab.namespace("wan"));
  const on = async (node: string) =>
    (await lab.flows(node)).filter((line) => line.includes(`sport=${localPort} dport=${port} `)).length;
  try {
    await server.request({ do: "serve", port });
    for (let second = 0; second < UDP_SECONDS; second++) {
      const answer = await client.request({
        ...({ do: "ask", protocol: "udp", host: SERVER, port, localPort } as const),
        localAddress: NO_GROUP_SOURCE,
      });
      assert.ok("seen" in answer, "failed" in answer ? answer.failed : "");
      await sleep(1_000);
    }
    assert.deepEqual([await on("gw1"), await on("gw2")], [1, 1]);
  } finally {
    await client.close();
    await server.close();
  }
  // Neither node keeps the other's entry alive.
  await waitFor("both to forget it", async () => (await on("gw1")) + (await on("gw2")) === 0, {
    limitMs: 3 * UDP_SECONDS * 1_000,
  });
});
