import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../src/lab/lab-plan.ts";
import { TestDaemon, TestLab } from "./daemon-node.ts";
import { FlowMaker } from "./flow-maker.ts";
import { MemoryGroup } from "./memory-group.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { askForMuch, processBefore, refuseMemory, waitForRestart } from "./troubled-processes.ts";

// A process of a node has no memory left: its own heap is full, the kernel gives it none, or kills one to get some.

const nodeScript = fileURLToPath(new URL("../../scripts/node.sh", import.meta.url));
const fullHeap = fileURLToPath(new URL("./full-heap-program.ts", import.meta.url));
/** What is left for another program before the kernel has to kill. Less than what control counts for: its adjustment is 0.4 of the limit. */
const ROOM_BYTES = 100 << 20;
const FAILURES_MIN = 4;
const CHURNED = 4_000;
const hungryProgram = "const all = []; setInterval(() => all.push(Buffer.alloc(1 << 20, 1)), 2)";

let lab: TestLab;
let watch: NamespaceAddresses;
const daemons: TestDaemon[] = [];

before(async () => {
  await requireNamespaces(["prlimit"]);
  lab = await TestLab.up("tm", {}, { daemons: false });
  appendFileSync(documentPath(lab.name), "api: { interface: lan }\n");
  const namespaces = ["gw1", "gw2"].map((node) => lab.namespace(node));
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
});

afterEach(async () => {
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

test("a role whose heap is full dies again and again: it is shown as such, and the gateway works on", async () => {
  const daemon = start("gw1", { command: ["bash", nodeScript, fullHeap] });
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  const activeMs = NamespaceAddresses.now();
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
});

for (const role of ["replicator", "control"]) {
  test(`the kernel gives the active node's ${role} no more memory: it dies and comes back, nothing moves`, async () => {
    for (const node of ["gw1", "gw2"]) start(node);
    const { activeNode: active } = await lab.waitUntilDaemonsAreWell();
    const before = await processBefore(lab, active, role);
    const limitedMs = NamespaceAddresses.now();
    // What the replicator is asked needs next to nothing; connections do.
    const churn =
      role === "replicator" ? new FlowMaker(lab.namespace(active), "churn", 0, CHURNED) : undefined;
    try {
      await refuseMemory(before.pid);
      const work = () => (churn === undefined ? askForMuch(lab, active) : lab.tryStatus(active));
      await waitForRestart(lab, { node: active, role, before, work }, said);
    } finally {
      await churn?.end();
    }
    await lab.waitUntilDaemonsAreWell();
    assert.deepEqual(watch.since(limitedMs), [], "no address has moved");
  });
}

for (const role of ["failover", "supervisor"]) {
  test(`the kernel gives the active node's ${role} no more memory: it dies, and the other node takes over`, async () => {
    const running = new Map(["gw1", "gw2"].map((node) => [node, start(node)]));
    const { activeNode: active } = await lab.waitUntilDaemonsAreWell();
    const standby = active === "gw1" ? "gw2" : "gw1";
    const { pid } = await processBefore(lab, active, role);
    await refuseMemory(pid);
    await waitFor(
      `the end of the ${role}`,
      async () => {
        // Questions make both of them work.
        await lab.tryStatus(active);
        return !existsSync(`/proc/${pid}`);
      },
      { explain: said },
    );
    await watch.waitForSoleHolder(lab.namespace(standby), said);
    const daemon = running.get(active);
    if (role === "failover") {
      assert.match(daemon?.said ?? "", /failover ended \(SIGABRT/);
      assert.equal((await lab.waitUntilDaemonsAreWell()).activeNode, standby, "it comes back as a standby");
    } else {
      assert.equal(await daemon?.exitStatus(), null, "a signal has ended it");
      const { cause } = await lab.waitForNode(standby, "active", (status) => status.role === "active");
      assert.match(cause, /resigned/, "the failover role has told the others");
    }
  });
}

test("the kernel's out-of-memory killer takes the roles that are cheap to lose, never the addresses", async (context) => {
  const group = MemoryGroup.tryCreate(lab.name);
  if (group === undefined) {
    context.skip("no control group with a limit of memory can be made here");
    return;
  }
  // Another program in the group, which takes a MiB after the other until something is killed.
  let hungry: ChildProcess | undefined;
  try {
    const daemon = start("gw1", { outside: group.through });
    start("gw2");
    // Whichever is active: it is gw1's own processes that are counted.
    await lab.waitUntilDaemonsAreWell();
    const before = await pidsThatStay();
    const limitedMs = NamespaceAddresses.now();
    group.limit(group.usageBytes + ROOM_BYTES);
    const [shell = "", ...words] = group.through;
    hungry = spawn(shell, [...words, "bash", nodeScript, "-e", hungryProgram], { stdio: "ignore" });
    await waitFor(
      "a role to be killed",
      () => /ended \(SIGKILL, and the kernel has killed/.test(daemon.said),
      { explain: said },
    );
    await end(hungry);
    // Others may follow until this test has ended the hungry one; the first is the one that is missed least.
    const [, first] = /(\w+) ended \(SIGKILL, and the kernel has killed/.exec(daemon.said) ?? [];
    assert.equal(first, "api");
    await lab.waitUntilDaemonsAreWell();
    assert.deepEqual(await pidsThatStay(), before);
    assert.deepEqual(watch.since(limitedMs), [], "no address has moved");
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
