/** Two failover groups, so that both nodes work at once: what is replicated between them. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";
import { CONNECTIONS, HOME, labOfTwoGroups, SERVER, SWEEP_MS, untilActive } from "./two-groups-lab.ts";

const SERVICE_PORT = 7_200;
/** Longer than a heartbeat and a coalescing turn; short against a sweep. */
const IDLE_MS = 3_000;

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
  await assertAllGoOn(lab, streams, CONNECTIONS);
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
