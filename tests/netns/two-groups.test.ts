/** Two failover groups, so that both nodes work at once: each protects the other. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";

const CONNECTIONS = 60;
const SWEEP_MS = 10_000;
const LIMIT_MS = 60_000;
const SERVER = bareAddress(labAddresses.server[0]);
const SERVICE_PORT = 7_200;
const UDP_STREAM_TIMEOUT_SECONDS = 12;
/** Longer than a copy lives that nobody renews: what packets give, and four sweeps. */
const UDP_SECONDS = 60;
/** Longer than a heartbeat and a coalescing turn; short against a sweep. */
const IDLE_MS = 3_000;

let lab: TestLab;
let streams: StreamTraffic | undefined;

before(async () => {
  lab = await TestLab.up("gr", { groups: 2, refreshMs: SWEEP_MS, preempt: true });
  await untilActive({ gateway: "gw1", second: "gw2" });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

type Places = Readonly<Record<string, string>>;

/** Waits until the groups are where they should be, every node is there, and each could take over everything. */
async function untilActive(places: Places): Promise<ClusterStatus> {
  return await waitForCluster(
    lab.settings,
    ({ verdict, groups, nodes }) =>
      verdict === "ok" &&
      groups.every(({ name, activeNode }) => activeNode === places[name]) &&
      nodes.every(({ reachable, replication }) => reachable && replication.complete),
    { limitMs: LIMIT_MS, until: `all is well, with ${JSON.stringify(places)}` },
  );
}

async function assertAllGoOn(traffic: StreamTraffic): Promise<void> {
  await traffic.mark();
  const report = await waitFor(
    "every connection to go on",
    async () => {
      const now = await traffic.report();
      return now.survived === CONNECTIONS ? now : undefined;
    },
    { limitMs: 20_000, explain: () => lab.log("gw1") + lab.log("gw2") },
  );
  assert.deepEqual([report.lost, report.corrupted, report.brokenEver], [0, 0, 0]);
}

/** Records that a node has sent to its peer, changes and copies. */
async function sent(node: string): Promise<number> {
  const { replication } = await lab.status(node);
  return replication.streams
    .filter(({ direction }) => direction === "to")
    .reduce((sum, { records }) => sum + records, 0);
}

async function injected(node: string): Promise<number> {
  const { counters } = await lab.status(node);
  const names = ["flowsCreated", "flowsUpdated", "flowsDeleted", "flowsReplaced", "flowsKept", "flowsPurged"];
  return names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
}

test("both nodes work at once, each with its own public address, and each holds the flows of both", async () => {
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  await assertAllGoOn(streams);
  const { sources } = await streams.report();
  for (const address of ["192.0.2.1", "192.0.2.100"])
    assert.ok(sources.includes(address), `the server sees ${address} among ${sources.join(", ")}`);
  await assertTablesEqual(lab, "gw1", "gw2");
  const flows = await mirrored(lab, "gw1");
  for (const address of ["192.0.2.1", "192.0.2.100", "2001:db8::1", "2001:db8::100"])
    assert.ok(
      flows.some((line) => line.includes(`dst=${address} `)),
      `there are flows of ${address}`,
    );
  for (const node of ["gw1", "gw2"]) assert.ok((await sent(node)) >= CONNECTIONS / 2, `${node} is a source`);
});

test("flows that come and go on one node are not echoed by the other", async () => {
  const client = new NamespaceAgent(lab.namespace("lan"));
  const server = new NamespaceAgent(lab.namespace("wan"));
  try {
    await server.request({ do: "serve", port: SERVICE_PORT });
    await assertTablesEqual(lab, "gw1", "gw2");
    const before = await sent("gw2");
    for (let i = 0; i < 20; i++) {
      await client.request({
        ...({ do: "ask", protocol: "tcp", host: SERVER, port: SERVICE_PORT } as const),
        localAddress: "10.1.0.10",
        keep: true,
      });
    }
    const ofService = async (node: string) =>
      (await mirrored(lab, node)).filter((line) => line.includes(`dport=${SERVICE_PORT}`)).length;
    await waitFor("the flows of gw1 to be on gw2", async () => (await ofService("gw2")) === 20);
    assert.equal(await sent("gw2"), before, "gw2 sends nothing about flows of gw1");
    // Nothing changes now: whatever travels would be an echo.
    const idle = [await sent("gw1"), await sent("gw2"), await injected("gw1"), await injected("gw2")];
    await sleep(IDLE_MS);
    const after = [await sent("gw1"), await sent("gw2"), await injected("gw1"), await injected("gw2")];
    assert.deepEqual(after, idle);
  } finally {
    await client.close();
    await server.close();
  }
});

test("comparisons in both directions find nothing where nothing is wrong", async () => {
  await assertTablesEqual(lab, "gw1", "gw2");
  const nodes = ["gw1", "gw2"] as const;
  const counts = (name: string) =>
    Promise.all(nodes.map(async (node) => (await lab.status(node)).counters[name] ?? 0));
  const [sweeps, differing] = [await counts("sweeps"), await counts("sweepBucketsDiffering")];
  await waitFor(
    "a sweep of both nodes that began after this",
    async () => (await counts("sweeps")).every((count, index) => count >= (sweeps[index] ?? 0) + 2),
    { limitMs: 4 * SWEEP_MS },
  );
  assert.deepEqual(await counts("sweepBucketsDiffering"), differing);
});

test("an entry of the other node's group that runs out on the copy ends nothing", async () => {
  const line = (await mirrored(lab, "gw2")).find((one) => one.includes("dst=192.0.2.1 "));
  const field = (name: string) => line?.match(new RegExp(`${name}=(\\S+)`))?.[1] ?? "";
  const [before, held] = [await sent("gw2"), (await mirrored(lab, "gw1")).length];
  const tuple = ["-p", "tcp", "-s", field("src"), "-d", field("dst")];
  tuple.push("--sport", field("sport"), "--dport", field("dport"));
  await runCommand("ip", ["netns", "exec", lab.namespace("gw2"), "conntrack", "-D", ...tuple]);
  await sleep(IDLE_MS / 3);
  assert.equal(await sent("gw2"), before, "gw2 does not report the end of its copy");
  assert.equal((await mirrored(lab, "gw1")).length, held, "the flow itself goes on");
  await assertTablesEqual(lab, "gw1", "gw2");
});

test("a group that is handed over takes its flows along; the other stays", async () => {
  assert.ok(streams !== undefined);
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
  await assertAllGoOn(streams);
  // It prefers gw1, which has preemption on, and gets it back when gw1 has every connection.
  await untilActive({ gateway: "gw1", second: "gw2" });
  await assertAllGoOn(streams);
  await assertTablesEqual(lab, "gw1", "gw2");
});

for (const [dead, survivor] of [
  ["gw1", "gw2"],
  ["gw2", "gw1"],
] as const) {
  test(`the power of ${dead} fails: all connections of both groups go on through ${survivor}, and back again`, async () => {
    assert.ok(streams !== undefined);
    await untilActive({ gateway: "gw1", second: "gw2" });
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
    await assertAllGoOn(streams);
    await powerOn(lab.name, dead);
    await untilActive({ gateway: "gw1", second: "gw2" });
    await assertAllGoOn(streams);
    await assertTablesEqual(lab, "gw1", "gw2");
  });
}

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
  const port = SERVICE_PORT + 1;
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
    await untilActive({ gateway: "gw1", second: "gw2" });
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
  await untilActive({ gateway: "gw1", second: "gw2" });
  await routeNoGroup();
  for (const node of ["gw1", "gw2"]) {
    const setting = `net.netfilter.nf_conntrack_udp_timeout_stream=${UDP_STREAM_TIMEOUT_SECONDS}`;
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "sysctl", "-qw", setting]);
  }
  const [port, localPort] = [SERVICE_PORT + 2, 40_000];
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
