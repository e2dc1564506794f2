import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { ControlClient } from "../../../src/client/control-client.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { crash } from "../../../src/lab/node-power.ts";
import { killServiceManager, runningNode, startNode, stopNode } from "../../../src/lab/node-process.ts";
import { processesIn, sendSignal } from "../../../src/lab/process-table.ts";
import { runCommand } from "../../../src/lab/run-command.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "../daemon-node.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { letTimePass, waitFor } from "../namespace-waiting.ts";

// Each process of a node is killed or stopped, alone and all together, under TCP connections that must go on.

const CONNECTIONS = 20;
/**
 * Time stamps of two namespaces are compared: they are taken by two processes, which may have to wait for a processor.
 * A node that does not let go at all shows as 300 ms and more, the time in which the other takes over.
 */
const STAMP_TOLERANCE_MS = 150;
/** Without a takeover nothing may stop the connections; only a busy machine does, and not for so long. */
const STALL_MS_MAX = 2_000;
/** Several active-down times of the lab's interval, and not so long that the role is killed for not answering. */
const STANDBY_STOPPED_MS = 2_000;
/** The kernel's lifetime of virtual addresses is 2 s and is counted in whole seconds. */
const LIFETIME_MS_MAX = 3_500;

let lab: TestLab;
let watch: NamespaceAddresses;
let streams: StreamTraffic;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("tr");
  await lab.waitUntilWell();
  watch = await NamespaceAddresses.watch(
    [lab.namespace("gw1"), lab.namespace("gw2")],
    virtualAddresses(lab.settings),
  );
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await watch?.close();
  await lab?.down();
});

beforeEach(async () => {
  // A test that failed half-way must not make the others fail.
  for (const node of ["gw1", "gw2"])
    if (runningNode(lab.name, node) === undefined) await startNode(lab.name, node);
});

const logs = () => `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;

/** Waits until verified bytes have come through every connection, in both directions, since the last mark. */
async function assertConnectionsGoOn(): Promise<{ longestStallMs: number }> {
  let reasons = "";
  return await waitFor(
    "bytes on all connections",
    async () => {
      const report = await streams.report();
      reasons = JSON.stringify(report);
      return report.survived === CONNECTIONS && report.corrupted === 0 ? report : undefined;
    },
    { explain: () => `${reasons}\n${logs()}` },
  );
}

async function kill(node: string, role: string): Promise<void> {
  const { pid } = await lab.processOf(node, role);
  sendSignal(pid, "SIGKILL");
}

/** The role has been started again, and the node has everything it needs. */
async function waitForRestart(node: string, role: string, restarts: number): Promise<void> {
  await lab.waitForNode(node, `running a new ${role}`, (status) =>
    status.processes.some((one) => one.role === role && one.pid > 0 && one.restarts === restarts + 1),
  );
  await lab.waitUntilWell();
}

async function makeActive(node: string): Promise<{ active: string; standby: string }> {
  const roles = await lab.rolesWhenWell();
  if (roles.active === node) return roles;
  await new ControlClient(controlSocket(lab.name, node)).switchover({ to: node });
  return await lab.rolesWhenWell();
}

/**
 * The roles once the standby has been one for some time. A node that has just come may have heard the other's IPv6
 * advertisements before its pulses, and takes them for a foreign router's, until an active-down time later.
 */
async function rolesWhenSettled(): Promise<{ active: string; standby: string }> {
  const roles = await lab.rolesWhenWell();
  await lab.waitForNode(roles.standby, "standby for a second", ({ sinceSeconds }) => sinceSeconds > 1);
  return roles;
}

/** The node's lines about changes of its role, after an earlier length of its log. */
function transitionsSince(node: string, logLength: number): string[] {
  return [
    ...lab
      .log(node)
      .slice(logLength)
      .matchAll(/(\w+ -> \w+):/g),
  ].map((match) => match[1] ?? "");
}

for (const which of ["active", "standby"] as const) {
  for (const role of ["replicator", "control"] as const) {
    test(`kill -9 of the ${which} node's ${role}: it comes back, nothing moves, no connection stops`, async () => {
      const node = (await lab.rolesWhenWell())[which];
      const { restarts } = await lab.processOf(node, role);
      await streams.mark();
      const killedMs = NamespaceAddresses.now();
      await kill(node, role);
      await waitForRestart(node, role, restarts);
      const { longestStallMs } = await assertConnectionsGoOn();
      assert.ok(longestStallMs < STALL_MS_MAX, `a connection stood still for ${longestStallMs} ms`);
      assert.deepEqual(watch.since(killedMs), [], "no address has moved");
    });
  }
}

test("kill -9 of the active failover role: its addresses are gone before the other node takes them", async () => {
  const { active, standby } = await makeActive("gw1");
  const { restarts } = await lab.processOf(active, "failover");
  await streams.mark();
  const killedMs = NamespaceAddresses.now();
  await kill(active, "failover");
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  const duplicateMs = watch.longestDuplicateMs(killedMs);
  assert.ok(
    duplicateMs <= STAMP_TOLERANCE_MS,
    `an address stood on both nodes for ${duplicateMs} ms:\n${watch.since(killedMs).join("\n")}`,
  );
  await assertConnectionsGoOn();
  await waitForRestart(active, "failover", restarts);
  assert.equal((await lab.rolesWhenWell()).active, standby, "without preemption it does not come back");
});

test("kill -9 of the standby's failover role: nothing moves", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const { restarts } = await lab.processOf(standby, "failover");
  const killedMs = NamespaceAddresses.now();
  await kill(standby, "failover");
  await waitForRestart(standby, "failover", restarts);
  assert.equal((await lab.rolesWhenWell()).active, active);
  assert.deepEqual(watch.since(killedMs), [], "no address has moved");
});

// 1.5 s is shorter than the lifetime of the addresses, 4 s is longer: then they are gone when it wakes.
for (const stoppedMs of [1_500, 4_000]) {
  test(`the active failover role, stopped for ${stoppedMs} ms, yields without a fight`, async () => {
    const { active, standby } = await makeActive("gw1");
    const { pid } = await lab.processOf(active, "failover");
    const conflictsBefore = (await lab.status(standby)).counters["conflict"];
    const [activeLog, standbyLog] = [lab.log(active).length, lab.log(standby).length];
    await streams.mark();
    sendSignal(pid, "SIGSTOP");
    const resumed = letTimePass(stoppedMs).then(() => {
      sendSignal(pid, "SIGCONT");
      return NamespaceAddresses.now();
    });
    await lab.waitForNode(standby, "active", ({ role }) => role === "active");
    const resumedMs = await resumed;
    await lab.waitForNode(active, "standby", ({ role }) => role === "standby");
    await watch.waitForSoleHolder(lab.namespace(standby), logs);
    await assertConnectionsGoOn();
    await lab.waitUntilWell();
    assert.deepEqual(transitionsSince(active, activeLog), ["active -> standby"]);
    assert.deepEqual(transitionsSince(standby, standbyLog), ["standby -> active"]);
    assert.equal(
      (await lab.status(standby)).counters["conflict"],
      conflictsBefore,
      "the woken node has not claimed to be active",
    );
    const back = watch.since(resumedMs).filter((line) => line.endsWith(`comes to ${lab.namespace(active)}`));
    assert.deepEqual(back, [], "the woken node has not taken any address again");
  });
}

// What the active says meanwhile is lost: with that in its sockets the standby would know better than its clock.
test("the standby's failover role, stopped for many active-down times, takes nothing over from the living active", async () => {
  const { active, standby } = await rolesWhenSettled();
  const { pid } = await lab.processOf(standby, "failover");
  const late = async () => (await lab.status(standby)).counters["lateAsStandby"] ?? 0;
  const lateBefore = await late();
  const [activeLog, standbyLog] = [lab.log(active).length, lab.log(standby).length];
  await streams.mark();
  const stoppedMs = NamespaceAddresses.now();
  sendSignal(pid, "SIGSTOP");
  try {
    const chain = "add chain bridge lost forwarded { type filter hook forward priority 0; }";
    const rule = `add rule bridge lost forwarded oifname "${standby}-*" drop`;
    await inSwitches(`add table bridge lost; ${chain}; ${rule}`);
    await letTimePass(STANDBY_STOPPED_MS);
    await inSwitches("delete table bridge lost");
  } finally {
    sendSignal(pid, "SIGCONT");
  }
  await waitFor("the standby to notice that it was late", async () => (await late()) > lateBefore);
  await lab.waitUntilWell();
  await assertConnectionsGoOn();
  assert.deepEqual(transitionsSince(standby, standbyLog), []);
  assert.deepEqual(transitionsSince(active, activeLog), []);
  assert.deepEqual(watch.since(stoppedMs), [], "no address has moved");
});

async function inSwitches(rules: string): Promise<void> {
  await runCommand("ip", ["netns", "exec", lab.namespace("net"), "nft", rules]);
}

test("kill -9 of the active node's supervisor: the node withdraws, the other takes over", async () => {
  const { active, standby } = await rolesWhenSettled();
  await streams.mark();
  const killedMs = NamespaceAddresses.now();
  await kill(active, "supervisor");
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  const duplicateMs = watch.longestDuplicateMs(killedMs);
  assert.ok(duplicateMs <= STAMP_TOLERANCE_MS, `an address stood on both nodes for ${duplicateMs} ms`);
  const { cause } = await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  assert.match(cause, /resigned/, "the failover role has told the others");
  await assertConnectionsGoOn();
  await waitForNoProcess(active);
  await startNode(lab.name, active);
  await lab.waitUntilWell();
});

test("kill -9 of all processes of the active node: the stop command removes the addresses before the other takes them", async () => {
  const duplicateMs = await crashActive();
  assert.ok(duplicateMs <= STAMP_TOLERANCE_MS, `an address stood on both nodes for ${duplicateMs} ms`);
});

test("kill -9 of all, and nobody runs the stop command: the addresses vanish by themselves", async () => {
  const duplicateMs = await crashActive((active) => killServiceManager(lab.name, active));
  assert.ok(duplicateMs < LIFETIME_MS_MAX, `an address stood on both nodes for ${duplicateMs} ms`);
});

/** @returns how long an address stood on both nodes; connections go on, and the node is back afterwards */
async function crashActive(before?: (active: string) => void): Promise<number> {
  const { active, standby } = await lab.rolesWhenWell();
  await streams.mark();
  before?.(active);
  const killedMs = NamespaceAddresses.now();
  await crash(lab.name, active);
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  const duplicateMs = watch.longestDuplicateMs(killedMs);
  await assertConnectionsGoOn();
  await startNode(lab.name, active);
  await lab.waitUntilWell();
  return duplicateMs;
}

test("SIGTERM: the active node withdraws in order and leaves no process, the other takes over at once", async () => {
  const { active, standby } = await rolesWhenSettled();
  await streams.mark();
  const stoppedMs = NamespaceAddresses.now();
  const logLength = lab.log(active).length;
  await stopNode(lab.name, active);
  await watch.waitForSoleHolder(lab.namespace(standby), logs);
  const duplicateMs = watch.longestDuplicateMs(stoppedMs);
  assert.ok(duplicateMs <= STAMP_TOLERANCE_MS, `an address stood on both nodes for ${duplicateMs} ms`);
  assert.deepEqual(transitionsSince(active, logLength), ["active -> stopped"]);
  const { cause } = await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  assert.match(cause, /resigned/, logs());
  await waitForNoProcess(active);
  await assertConnectionsGoOn();
  await startNode(lab.name, active);
  await lab.waitUntilWell();
});

test("no process has ended by a fault of its own", () => {
  for (const node of ["gw1", "gw2"])
    assert.doesNotMatch(
      lab.log(node),
      /Fatal error|exit status|Error:|SIGABRT| {4}at /,
      `the log of ${node}`,
    );
});

async function waitForNoProcess(node: string): Promise<void> {
  await waitFor(`the last process of ${node} to end`, () => {
    return processesIn(lab.namespace(node), { withoutOutsiders: true }).length === 0;
  });
}
