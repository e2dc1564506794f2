import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import { virtualAddresses } from "../../src/lab/lab-plan.ts";
import { crash } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { processesIn, sendSignal } from "../../src/lab/process-table.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { assertCodeIsLocked, capabilitiesOf } from "./process-status.ts";
import { hang, waitForNoProcess, waitForReplacement, wakeAndStartAll } from "./troubled-processes.ts";
import { memoryLockLimit } from "./unit-stand-in.ts";

// Each process of a node hangs (SIGSTOP), and nobody but the node itself does anything about it.

const CONNECTIONS = 20;
/** Several lifetimes of the lab's virtual addresses, which live for a second without renewal. */
const SUPERVISOR_HANGS_MS = 5_000;

let lab: TestLab;
let watch: NamespaceAddresses;
let streams: StreamTraffic;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("th");
  await lab.waitUntilWell();
  const namespaces = [lab.namespace("gw1"), lab.namespace("gw2")];
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await watch?.close();
  await lab?.down();
});

beforeEach(() => wakeAndStartAll(lab));

const logs = () => `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;

async function assertConnectionsGoOn(): Promise<void> {
  let reasons = "";
  await waitFor(
    "bytes on all connections",
    async () => {
      const report = await streams.report();
      reasons = JSON.stringify(report);
      return report.survived === CONNECTIONS && report.corrupted === 0;
    },
    { explain: () => `${reasons}\n${logs()}` },
  );
}

for (const which of ["active", "standby"] as const) {
  test(`the ${which} node's replicator hangs: it is said, it is replaced, nothing moves`, async () => {
    const node = (await lab.rolesWhenWell())[which];
    await streams.mark();
    const stoppedMs = NamespaceAddresses.now();
    const before = await hang(lab, node, "replicator");
    await waitFor("status to say so", async () => {
      const problems = (await lab.seenBy(node))?.problems ?? [];
      return problems.some((one) => one.code === "role-hangs" && one.node === node);
    });
    await waitForReplacement(lab, node, "replicator", before);
    await assertConnectionsGoOn();
    assert.deepEqual(watch.since(stoppedMs), [], "no address has moved");
    assert.match(lab.log(node), /supervisor error: replicator has not answered for \d+ s: it is killed/);
  });
}

test("control hangs: it is replaced, nothing moves", async () => {
  const { active } = await lab.rolesWhenWell();
  await streams.mark();
  const stoppedMs = NamespaceAddresses.now();
  const before = await hang(lab, active, "control");
  await waitForReplacement(lab, active, "control", before);
  await assertConnectionsGoOn();
  assert.deepEqual(watch.since(stoppedMs), [], "no address has moved");
});

test("the active failover role hangs: the other node takes over, then the role is replaced", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await streams.mark();
  const before = await hang(lab, active, "failover");
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  await assertConnectionsGoOn();
  await waitForReplacement(lab, active, "failover", before);
  assert.equal(
    (await lab.rolesWhenWell()).active,
    standby,
    "the new process does not take the addresses back",
  );
});

test("the standby's failover role hangs: it is replaced, nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const stoppedMs = NamespaceAddresses.now();
  const before = await hang(lab, standby, "failover");
  await waitForReplacement(lab, standby, "failover", before);
  assert.equal((await lab.rolesWhenWell()).active, active);
  assert.deepEqual(watch.since(stoppedMs), [], "no address has moved");
});

test("the active node's supervisor hangs: the failover role keeps the addresses, and status says so", async () => {
  const { active } = await lab.rolesWhenWell();
  const { pid } = await lab.processOf(active, "supervisor");
  const roles = new Set(processesIn(lab.namespace(active), { withoutOutsiders: true }));
  await streams.mark();
  const stoppedMs = NamespaceAddresses.now();
  sendSignal(pid, "SIGSTOP");
  await letTimePass(SUPERVISOR_HANGS_MS);
  assert.deepEqual(watch.since(stoppedMs), [], "no address was lost, not even for a moment");
  await waitFor("status to say so", async () => {
    const problems = (await lab.seenBy(active))?.problems ?? [];
    return problems.some((one) => one.code === "supervisor-hangs" && one.node === active);
  });
  const { verdict, summary } = (await lab.seenBy(active)) ?? {};
  assert.deepEqual(
    { verdict, summary },
    { verdict: "degraded", summary: `no node says that it is active, and ${active} cannot say` },
  );
  sendSignal(pid, "SIGCONT");
  await lab.waitUntilWell();
  await assertConnectionsGoOn();
  // The roles could not answer a supervisor that did not ask.
  assert.deepEqual(new Set(processesIn(lab.namespace(active), { withoutOutsiders: true })), roles);
});

test("a supervisor that hangs and is killed, as by a watchdog: the node withdraws, the other takes over", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const { pid } = await lab.processOf(active, "supervisor");
  await streams.mark();
  sendSignal(pid, "SIGSTOP");
  await letTimePass(1_000);
  sendSignal(pid, "SIGKILL");
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  const { cause } = await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  assert.match(cause, /resigned/, "the failover role has told the others");
  await assertConnectionsGoOn();
  await waitForNoProcess(lab, active);
  await startNode(lab.name, active);
  await lab.waitUntilWell();
});

test("all processes of the active node hang, and are killed, as by a watchdog: the other takes over, the addresses' lifetimes end", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await streams.mark();
  for (const pid of processesIn(lab.namespace(active), { withoutOutsiders: true }))
    sendSignal(pid, "SIGSTOP");
  // Nobody on that node removes an address: only the kernel does.
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  await assertConnectionsGoOn();
  await crash(lab.name, active);
  await startNode(lab.name, active);
  await lab.waitUntilWell();
  assert.equal((await lab.rolesWhenWell()).active, standby, "it does not take the addresses back");
});

test("each process has the capabilities that it needs, its place before the out-of-memory killer, and its name", async () => {
  const { active } = await lab.rolesWhenWell();
  const { processes } = await lab.status(active);
  const expected = {
    failover: ["net_admin", "net_raw", "ipc_lock", "sys_nice"],
    replicator: ["net_admin", "net_raw"],
    control: ["net_admin", "net_raw"],
  };
  for (const [role, capabilities] of Object.entries(expected)) {
    const pid = processes.find((one) => one.role === role)?.pid ?? 0;
    assert.deepEqual(capabilitiesOf(pid), capabilities, `capabilities of ${role}`);
    assert.match(readFileSync(`/proc/${pid}/cmdline`, "utf8"), new RegExp(`^tochad-${role}-${active}`));
  }
  const adjust = (role: string) => processes.find((one) => one.role === role)?.oomScoreAdj ?? Number.NaN;
  assert.ok(adjust("supervisor") <= adjust("failover"));
  assert.ok(adjust("failover") < adjust("replicator"));
  assert.ok(adjust("replicator") < adjust("control"));
});

test("the kernel keeps the failover role's code in memory, and nothing of its heap; the unit's limit is enough for it", async () => {
  const { active } = await lab.rolesWhenWell();
  const { pid } = await lab.processOf(active, "failover");
  assertCodeIsLocked(pid);
  const { processes } = await lab.status(active);
  const lockedKiB = processes.find(({ role }) => role === "failover")?.lockedKiB ?? 0;
  assert.ok(lockedKiB > 10_000);
  assert.ok(lockedKiB * 1_024 < memoryLockLimit(), `${lockedKiB} KiB fit into the unit's limit`);
});

test("no thread that the failover loop may have to wait for is at ordinary priority", async () => {
  const { active } = await lab.rolesWhenWell();
  const { pid } = await lab.processOf(active, "failover");
  // proc_pid_stat(5): the 40th field is the real-time priority, counted from behind the name, which may have spaces.
  const priorities = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { isLoop: thread === `${pid}`, priority: Number(fields[40 - 3]) };
  });
  assert.ok(priorities.length > 1);
  assert.deepEqual(
    priorities.filter(({ isLoop }) => isLoop).map(({ priority }) => priority),
    [50],
  );
  const others = priorities.filter(({ isLoop }) => !isLoop).map(({ priority }) => priority);
  assert.equal(others.filter((priority) => priority === 49).length, 1, "its guard");
  assert.equal(others.filter((priority) => priority === 48).length, others.length - 1, `${others}`);
});
