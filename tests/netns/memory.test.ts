import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../src/lab/lab-plan.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestDaemon, TestLab } from "./daemon-node.ts";
import { FlowMaker } from "./flow-maker.ts";
import { MemoryGroup } from "./memory-group.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import {
  askForMuch,
  outOfMemory,
  processBefore,
  refuseMemory,
  waitForRestart,
} from "./troubled-processes.ts";

// A process of a node has no memory left: its own heap is full, the kernel gives it none, or kills one to get some.

const nodeScript = fileURLToPath(new URL("../../scripts/node.sh", import.meta.url));
const fullHeap = fileURLToPath(new URL("./full-heap-program.ts", import.meta.url));
/** What is left for another program before the kernel has to kill. Less than what control counts for: its adjustment is 0.4 of the limit. */
const ROOM_BYTES = 100 << 20;
const FAILURES_MIN = 4;
const CHURNED = 4_000;
const CONNECTIONS = 10;
/** Slowly, so that few are killed before this test has ended it. */
const hungryProgram = "const all = []; setInterval(() => all.push(Buffer.alloc(1 << 20, 1)), 10)";

let lab: TestLab;
let watch: NamespaceAddresses;
let traffic: StreamTraffic | undefined;
const daemons: TestDaemon[] = [];

before(async () => {
  await requireNamespaces(["prlimit"]);
  lab = await TestLab.up("tm", {}, { daemons: false });
  appendFileSync(documentPath(lab.name), "api: { interface: lan }\n");
  const namespaces = ["gw1", "gw2"].map((node) => lab.namespace(node));
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
});

afterEach(async () => {
  await traffic?.close();
  traffic = undefined;
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
});

after(async () => {
  await watch?.close();
  await lab?.down();
});

const said = () => daemons.map((daemon) => daemon.said.slice(-5_000)).join("\n----\n");

function start(node: string, more: Partial<ConstructorParameters<typeof TestDaemon>[0]> = {}): TestDaemon {
  const daemon = new TestDaemon({
    ...{ namespace: lab.namespace(node), config: documentPath(lab.name), node },
    ...{ runDirectory: nodeFolder(lab.name, node), ...more },
  });
  daemons.push(daemon);
  return daemon;
}

/** gw1 is active, and has the addresses, which may come after the role (docs/decisions/0030). */
async function untilFirstServes(): Promise<void> {
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  await watch.waitForSoleHolder(lab.namespace("gw1"), said);
}

/** Both nodes, well, with gw1 active and connections through it that nothing may break. */
async function startUnderTraffic(
  more: Parameters<typeof start>[1] = {},
): Promise<{ daemon: TestDaemon; streams: StreamTraffic }> {
  const daemon = start("gw1", more);
  await untilFirstServes();
  start("gw2");
  await lab.waitUntilDaemonsAreWell();
  traffic = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  await lab.waitUntilDaemonsAreWell();
  return { daemon, streams: traffic };
}

test("a role whose heap is full dies again and again: it is shown as such, and the gateway works on", async () => {
  const daemon = start("gw1", { command: ["bash", nodeScript, fullHeap] });
  await untilFirstServes();
  const activeMs = NamespaceAddresses.now();
  traffic = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  const status = await lab.waitForNode("gw1", "failing", ({ processes }) =>
    processes.some(({ role, failures = 0 }) => role === "replicator" && failures >= FAILURES_MIN),
  );
  assert.match(
    status.processes.find(({ role }) => role === "replicator")?.lastEnd ?? "",
    /^SIGABRT: .* its heap was full/,
  );
  const problems = (await lab.seenBy("gw1"))?.problems ?? [];
  const failing = problems.find(({ code }) => code === "role-failing");
  assert.match(
    failing?.message ?? "",
    /^replicator of gw1 ended \d+ times in a row, the last time with SIGABRT/,
  );
  assert.match(daemon.said, /replicator error: .*heap out of memory/, "its last words are in the log");
  // Each wait is twice as long as the one before.
  const delays = [...daemon.said.matchAll(/replicator ended .* again in (\d+) ms/g)].map(([, ms]) =>
    Number(ms),
  );
  assert.deepEqual(delays.slice(0, FAILURES_MIN), [50, 100, 200, 400]);
  assert.deepEqual(watch.since(activeMs), [], "no address has moved");
  await assertAllGoOn(lab, traffic, CONNECTIONS);
});

for (const role of ["replicator", "control"]) {
  test(`the kernel gives the active node's ${role} no more memory: it dies and comes back, nothing moves, connections go on`, async () => {
    const { streams } = await startUnderTraffic();
    const before = await processBefore(lab, "gw1", role);
    const limitedMs = NamespaceAddresses.now();
    // What the replicator is asked needs next to nothing; connections do.
    const churn =
      role === "replicator" ? new FlowMaker(lab.namespace("gw1"), "churn", 0, CHURNED) : undefined;
    try {
      await refuseMemory(before.pid);
      const work = () => (churn === undefined ? askForMuch(lab, "gw1") : lab.tryStatus("gw1"));
      await waitForRestart(lab, { node: "gw1", role, before, work }, said);
      await assertAllGoOn(lab, streams, CONNECTIONS);
    } finally {
      await churn?.end();
    }
    await lab.waitUntilDaemonsAreWell();
    assert.deepEqual(watch.since(limitedMs), [], "no address has moved");
    await assertAllGoOn(lab, streams, CONNECTIONS);
  });
}

for (const role of ["failover", "supervisor"]) {
  test(`the kernel gives the active node's ${role} no more memory: it dies, the other node takes over, connections go on`, async () => {
    const { daemon, streams } = await startUnderTraffic();
    const { pid } = await processBefore(lab, "gw1", role);
    await refuseMemory(pid);
    // Warm, neither of them asks for any in many seconds, whatever it is asked. A debugger's thread needs a stack.
    sendSignal(pid, "SIGUSR1");
    await waitFor(`the end of the ${role}`, () => !existsSync(`/proc/${pid}`), { explain: said });
    await watch.waitForSoleHolder(lab.namespace("gw2"), said);
    await assertAllGoOn(lab, streams, CONNECTIONS);
    if (role === "failover") {
      assert.match(daemon.said, /failover ended \(SIGABRT/);
      assert.equal((await lab.waitUntilDaemonsAreWell()).activeNode, "gw2", "it comes back as a standby");
      await assertAllGoOn(lab, streams, CONNECTIONS);
    } else {
      assert.equal(await daemon.exitStatus(), null, "a signal has ended it");
      const { cause } = await lab.waitForNode("gw2", "active", (status) => status.role === "active");
      assert.match(cause, /resigned/, "the failover role has told the others");
    }
  });
}

test("the kernel kills the active node's failover role for want of memory: the other node takes over, connections go on", async (context) => {
  if (!MemoryGroup.isPossible) {
    context.skip("no control group with a limit of memory can be made here");
    return;
  }
  const { daemon, streams } = await startUnderTraffic();
  const { pid } = await processBefore(lab, "gw1", "failover");
  await outOfMemory(lab.name, pid);
  await watch.waitForSoleHolder(lab.namespace("gw2"), said);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  assert.match(daemon.said, /failover ended \(SIGKILL, and the kernel has killed/);
  assert.equal((await lab.waitUntilDaemonsAreWell()).activeNode, "gw2", "it comes back as a standby");
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("the kernel's out-of-memory killer takes the roles that are cheap to lose, never the addresses", async (context) => {
  const group = MemoryGroup.tryCreate(lab.name);
  if (group === undefined) {
    context.skip("no control group with a limit of memory can be made here");
    return;
  }
  // Another program in the group, which takes a MiB after the other until something is killed.
  let hungry: ChildProcess | undefined;
  try {
    const { daemon, streams } = await startUnderTraffic({ outside: group.through });
    const before = await pidsThatStay();
    // The kernel kills the highest first. Of two that it has killed by then, the supervisor, too, which waits for memory
    // as they did, may hear in either order.
    const scores = await killScores(["api", "control", "replicator", "failover"]);
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => b.score - a.score),
    );
    const limitedMs = NamespaceAddresses.now();
    group.limit(group.usageBytes + ROOM_BYTES);
    const [shell = "", ...words] = group.through;
    hungry = spawn(shell, [...words, "bash", nodeScript, "-e", hungryProgram], { stdio: "ignore" });
    await waitFor(
      "the api role to be killed",
      () => /api ended \(SIGKILL, and the kernel has killed/.test(daemon.said),
      { explain: said },
    );
    await end(hungry);
    // Others may follow until this test has ended the hungry one.
    await lab.waitUntilDaemonsAreWell();
    assert.deepEqual(await pidsThatStay(), before);
    assert.deepEqual(watch.since(limitedMs), [], "no address has moved");
    await assertAllGoOn(lab, streams, CONNECTIONS);
  } finally {
    if (hungry !== undefined) await end(hungry);
    await Promise.all(daemons.splice(0).map((one) => one.stop()));
    await group.remove();
  }
});

async function pidsThatStay(): Promise<number[]> {
  const roles = ["supervisor", "failover"];
  return await Promise.all(roles.map(async (role) => (await processBefore(lab, "gw1", role)).pid));
}

/** What the kernel's out-of-memory killer compares (proc(5), oom_score): of which process of gw1 it would have most. */
async function killScores(roles: readonly string[]): Promise<{ role: string; score: number }[]> {
  return await Promise.all(
    roles.map(async (role) => {
      const { pid } = await processBefore(lab, "gw1", role);
      return { role, score: Number(readFileSync(`/proc/${pid}/oom_score`, "utf8")) };
    }),
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
