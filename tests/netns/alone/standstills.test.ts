import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { HistoryEntry } from "../../../src/contract/failover-history.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { virtualAddresses } from "../../../src/lab/lab-plan.ts";
import { startNode, stopNode } from "../../../src/lab/node-process.ts";
import { sendSignal } from "../../../src/lab/process-table.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { AdvertisementTimes } from "../advertisement-times.ts";
import { TestLab } from "../daemon-node.ts";
import { NamespaceAddresses } from "../namespace-addresses.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { letTimePass, waitFor } from "../namespace-waiting.ts";
import { assertAllGoOn } from "../streams-go-on.ts";
import { wakeAndStartAll } from "../troubled-processes.ts";

// Failover processes stand still (SIGSTOP) and go on, in ways in which nobody can have replaced the active, or nobody was there who
// could: it keeps its role (docs/guide/failover.md, stalled machines; decision 0033).

const CONNECTIONS = 10;
/** Longer than usual: what a busy machine adds to a signal must not be what is judged. */
const INTERVAL_MS = 200;
/** The best standby takes over after three intervals and an eighth. */
const ACTIVE_DOWN_MS = 3.125 * INTERVAL_MS;
/** An active that is late by two intervals listens. By less it speaks at once: its last pulse was an interval before this at most. */
const SHORT_STOP_MS = 1.5 * INTERVAL_MS;
/** After one that lasted longer than it was meant, by that much, the active may be late by two, and listen. */
const SHORT_STOP_MS_LIMIT = 1.9 * INTERVAL_MS;
const SHORT_STOPS = 8;
/** No multiple of the interval, so that the stops begin at different times between two pulses. */
const SHORT_PAUSE_MS = 1.65 * INTERVAL_MS;
/** Both are late by more than they bear, whenever their pulses are due. */
const LONG_STOP_MS = 1.5 * ACTIVE_DOWN_MS;
/** Longer than the virtual addresses live without renewal, and not so long that the role is killed for not answering. */
const LIFETIME_STOP_MS = 3_000;
/** Between two stops: not so long that the active is about to speak, see `listensEachTime`. */
const STOP_SKEW_MS = INTERVAL_MS / 4;
/**
 * Between two that go on. A standby that is first gives the active three intervals and a quarter, of which the active listens for one
 * and an eighth: two are left.
 */
const GO_SKEW_MS = INTERVAL_MS;
/** Where the second one stops or goes on later than that, the first one may rightly have taken over, see above. */
const SKEW_MS_LIMIT = 2 * INTERVAL_MS;
/** Of what did not happen as it was meant. */
const REPEATS_MAX = 3;
const ROUNDS = 2;
/** An active that woke late has listened by then, and has spoken more than once; a standby that gave it time would have taken over. */
const SETTLE_MS = 1.5 * ACTIVE_DOWN_MS;

let lab: TestLab;
let watch: NamespaceAddresses;
let advertisements: AdvertisementTimes;
let streams: StreamTraffic;

before(async () => {
  await requireNamespaces(["tcpdump"]);
  lab = await TestLab.up("ts", { intervalMs: INTERVAL_MS });
  await lab.waitUntilWell();
  const namespaces = [lab.namespace("gw1"), lab.namespace("gw2")];
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
  advertisements = await AdvertisementTimes.watch(lab);
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await advertisements?.close();
  await watch?.close();
  await lab?.down();
});

beforeEach(() => wakeAndStartAll(lab));

const logs = () => `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;

interface Nodes {
  readonly active: string;
  readonly standby: string;
  /** Of their failover processes. */
  readonly activePid: number;
  readonly standbyPid: number;
}

/** This process was late itself, and what it did is not what the test is about. Whatever came of it tells nothing. */
class NotAsMeant extends Error {}

/** Whatever happens, the active keeps its role. What did not happen as it was meant happens again, from the beginning. */
async function keepsItsRole(happens: (nodes: Nodes) => Promise<void>): Promise<void> {
  for (let repeats = 0; ; repeats++) {
    try {
      await assertKept(happens);
      return;
    } catch (error) {
      if (!(error instanceof NotAsMeant) || repeats === REPEATS_MAX) throw error;
      // Whoever takes over because of it has done so by then.
      await letTimePass(SETTLE_MS);
    }
  }
}

/** Nobody takes over, and nobody is active beside the one that is, not for a moment. */
async function assertKept(happens: (nodes: Nodes) => Promise<void>): Promise<void> {
  const { active, standby } = await lab.rolesWhenWell();
  // One that has just come may take the other's IPv6 advertisements for a foreign router's (roles.test.ts).
  await lab.waitForNode(standby, "standby for a second", ({ sinceSeconds }) => sinceSeconds > 1);
  const { pid: activePid, restarts } = await lab.processOf(active, "failover");
  const { pid: standbyPid } = await lab.processOf(standby, "failover");
  const before = { taken: await takeoversOf(active), counters: (await lab.status(active)).counters };
  const fromMs = NamespaceAddresses.now();
  await happens({ active, standby, activePid, standbyPid });
  assert.deepEqual(await lab.rolesWhenWell(), { active, standby }, logs());
  assert.deepEqual(await takeoversOf(active), before.taken, logs());
  assert.equal((await lab.status(active)).counters["conflict"], before.counters["conflict"], logs());
  const come = watch.since(fromMs).filter((line) => line.endsWith(`comes to ${lab.namespace(standby)}`));
  assert.deepEqual(come, [], "the standby has taken no address");
  await watch.waitForSoleHolder(lab.namespace(active), logs);
  assert.equal((await lab.processOf(active, "failover")).restarts, restarts, "nothing was killed");
  await assertAllGoOn(lab, streams, CONNECTIONS);
}

/** What any node remembers of having become active. */
async function takeoversOf(asked: string): Promise<string[]> {
  const control = new ControlClient(controlSocket(lab.name, asked));
  const { entries } = await control.history(new URLSearchParams({ limit: "500" }));
  return entries.filter(({ to }: HistoryEntry) => to === "active").map(({ id, cause }) => `${id}: ${cause}`);
}

/** Waits until a node has counted that it was late once more than before. */
async function waitUntilNoticed(
  node: string,
  lateness: "lateAsActive" | "lateAsStandby",
  timesBefore: number,
): Promise<void> {
  await waitFor(
    `${node} to notice that it was late`,
    async () => ((await lab.status(node)).counters[lateness] ?? 0) > timesBefore,
    { explain: logs },
  );
}

interface Standstill {
  readonly lastsMs: number;
  /** From before the first signal to behind the last one. Without it, any longer standstill is as good. */
  readonly lastsMsLimit?: number;
  /** From each process to the next one. */
  readonly stopSkewMs?: number;
  readonly goSkewMs?: number;
  /** In another order. */
  readonly thenGo?: readonly number[];
}

/**
 * Stops processes, and lets them go on: whatever comes, they do.
 *
 * @returns when each of them did
 * @throws NotAsMeant where this process was late by too much
 */
async function standStill(
  stopped: readonly number[],
  {
    lastsMs,
    lastsMsLimit = Number.POSITIVE_INFINITY,
    stopSkewMs = 0,
    goSkewMs = 0,
    thenGo = stopped,
  }: Standstill,
): Promise<ReadonlyMap<number, number>> {
  const now = NamespaceAddresses.now;
  const fromMs = now();
  try {
    await signalEach(stopped, "SIGSTOP", stopSkewMs);
    const skewMs = now() - fromMs;
    await letTimePass(lastsMs);
    const goMs = now();
    const goneOnMs = await signalEach(thenGo, "SIGCONT", goSkewMs);
    const toMs = now();
    const longestSkewMs = Math.max(skewMs, toMs - goMs);
    if (longestSkewMs >= SKEW_MS_LIMIT) throw new NotAsMeant(`${longestSkewMs} ms from one to the next`);
    if (toMs - fromMs >= lastsMsLimit) throw new NotAsMeant(`a standstill of ${toMs - fromMs} ms`);
    return goneOnMs;
  } finally {
    for (const pid of stopped) sendSignal(pid, "SIGCONT");
  }
}

async function signalEach(
  pids: readonly number[],
  signal: NodeJS.Signals,
  skewMs: number,
): Promise<ReadonlyMap<number, number>> {
  const sentMs = new Map<number, number>();
  for (const [place, pid] of pids.entries()) {
    if (place > 0 && skewMs > 0) await letTimePass(skewMs);
    sentMs.set(pid, NamespaceAddresses.now());
    sendSignal(pid, signal);
  }
  return sentMs;
}

/**
 * Again and again the active stands still for long enough to be late: it listens before it says anything. It stops in the middle between
 * two advertisements: one that stops between a decision to speak and its system calls says that when it goes on, whatever the time is.
 */
async function listensEachTime(
  { active, activePid }: Nodes,
  rounds: number,
  stands: () => Promise<ReadonlyMap<number, number>>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const { counters } = await lab.status(active);
    await advertisements.firstAfterMs(active, NamespaceAddresses.now());
    await letTimePass(INTERVAL_MS / 2);
    const goneOnMs = (await stands()).get(activePid) ?? Number.NaN;
    const firstAfterMs = await advertisements.firstAfterMs(active, goneOnMs);
    assert.ok(firstAfterMs >= INTERVAL_MS, `it spoke ${firstAfterMs} ms after it had gone on`);
    await waitUntilNoticed(active, "lateAsActive", counters["lateAsActive"] ?? 0);
    await letTimePass(SETTLE_MS);
  }
}

test("the active, stopped again and again for less than the others wait, speaks at once", async () => {
  await keepsItsRole(async ({ active, activePid }) => {
    const { counters: before } = await lab.status(active);
    for (let stop = 0; stop < SHORT_STOPS; stop++) {
      await standStill([activePid], { lastsMs: SHORT_STOP_MS, lastsMsLimit: SHORT_STOP_MS_LIMIT });
      await letTimePass(SHORT_PAUSE_MS);
    }
    const { lateness, counters } = await lab.status(active);
    assert.equal(
      counters["lateAsActive"],
      before["lateAsActive"],
      "nobody can have replaced it, so it need not listen",
    );
    // Its next pulse was due an interval after the stop began, at the latest.
    assert.ok(
      lateness.lastMinuteMs >= SHORT_STOP_MS - INTERVAL_MS,
      `late by ${lateness.lastMinuteMs} ms only`,
    );
  });
});

test("the active, stopped for much longer while no standby is awake, listens and goes on", async () => {
  await keepsItsRole(async (nodes) => {
    const { standby, activePid, standbyPid } = nodes;
    const { counters } = await lab.status(standby);
    await listensEachTime(nodes, ROUNDS, async () => {
      try {
        sendSignal(standbyPid, "SIGSTOP");
        const goneOnMs = await standStill([activePid], { lastsMs: LONG_STOP_MS });
        // It hears nobody while it listens, and speaks then.
        await letTimePass(SETTLE_MS);
        return goneOnMs;
      } finally {
        sendSignal(standbyPid, "SIGCONT");
      }
    });
    await waitUntilNoticed(standby, "lateAsStandby", counters["lateAsStandby"] ?? 0);
  });
});

test("the active, stopped again and again for much longer where no other daemon runs, listens and goes on", async () => {
  await keepsItsRole(async (nodes) => {
    await stopNode(lab.name, nodes.standby);
    try {
      await listensEachTime(nodes, ROUNDS, () => standStill([nodes.activePid], { lastsMs: LONG_STOP_MS }));
      assert.equal((await lab.status(nodes.active)).role, "active", logs());
    } finally {
      await startNode(lab.name, nodes.standby);
    }
  });
});

type Which = "active" | "standby";

/** Both stand still together, and are late by so much that neither can know what the other one did meanwhile. */
async function bothStandStill(
  rounds: number,
  { lastsMs, stopsFirst, goesFirst }: { lastsMs: number; stopsFirst?: Which; goesFirst?: Which },
): Promise<void> {
  await keepsItsRole(async (nodes) => {
    const { standby, activePid, standbyPid } = nodes;
    const inOrder = (first: Which = "active") =>
      first === "active" ? [activePid, standbyPid] : [standbyPid, activePid];
    const { counters } = await lab.status(standby);
    await listensEachTime(nodes, rounds, () =>
      standStill(inOrder(stopsFirst), {
        lastsMs,
        thenGo: inOrder(goesFirst),
        ...(goesFirst === undefined ? {} : { stopSkewMs: STOP_SKEW_MS, goSkewMs: GO_SKEW_MS }),
      }),
    );
    await waitUntilNoticed(standby, "lateAsStandby", (counters["lateAsStandby"] ?? 0) + rounds - 1);
  });
}

test("both, stopped together for longer than an active-down time, keep their roles", async () => {
  await bothStandStill(2 * ROUNDS, { lastsMs: LONG_STOP_MS });
});

for (const stopsFirst of ["active", "standby"] as const) {
  for (const goesFirst of ["active", "standby"] as const) {
    test(`both, of which the ${stopsFirst} stops and the ${goesFirst} goes on sooner, keep their roles`, async () => {
      await bothStandStill(ROUNDS, { lastsMs: LONG_STOP_MS, stopsFirst, goesFirst });
    });
  }
}

test("both, stopped for longer than the addresses live, keep their roles, and the active has its addresses again", async () => {
  const fromMs = NamespaceAddresses.now();
  await bothStandStill(1, { lastsMs: LIFETIME_STOP_MS });
  assert.notDeepEqual(watch.since(fromMs), [], "the kernel has dropped them meanwhile");
});
