import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { ControlClient } from "../../../src/client/control-client.ts";
import { gapUs, type HistoryEntry } from "../../../src/contract/failover-history.ts";
import { controlSocket } from "../../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import { ProbeTraffic } from "../../../src/lab/traffic/probe-traffic.ts";
import type { ProbeReport } from "../../../src/lab/traffic/probe-window.ts";
import { TestLab } from "../daemon-node.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";

// The gap that the history tells, beside what a host has seen. The history counts from the last sign of the old active to the first
// packet that leaves the new one, by the kernel's time. A probe sends a datagram through the gateway each millisecond: its outage is
// the longest time between the sendings of two that were answered, with lost ones between them. The probe is the only traffic, so both
// end with the same datagram; what they begin with is what differs:
//
// - At a power cut the last sign has come up to an interval of pulses before the power went, the last answered probe just before it.
// - At a switchover the last sign is the resignation. From then on the new active waits 10 ms at most for its addresses before it
//   announces them; the old one forwards what still comes to it, so the probe loses little or nothing.

/** Of pulses, too. Short, because so much may the two differ by. */
const INTERVAL_MS = 20;
const ADDRESSES_MS = 10;
/** A period of the probe at either end, the ways of packets, and how late a pulse is sent and read on a machine that is busy. */
const GRAIN_MS = 5;
/** Of the witness of the machine's standstills: so much of each it may miss, which is less than the grain. */
const WITNESS_SLEEP_MS = 2;

let lab: TestLab;
let probe: ProbeTraffic;
let machine: MachineWatch;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("hg", { intervalMs: INTERVAL_MS });
  await lab.waitUntilWell();
  machine = MachineWatch.start(lab.name, { sleepMs: WITNESS_SLEEP_MS });
  probe = await ProbeTraffic.start(lab.name);
  await probe.warmUp();
});

after(async () => {
  await probe?.close();
  await machine?.close();
  await lab?.down();
});

async function newestOf(node: string): Promise<HistoryEntry | undefined> {
  const query = new URLSearchParams({ node, limit: "1" });
  return (await new ControlClient(controlSocket(lab.name, node)).history(query)).entries[0];
}

interface Seen {
  readonly gapMs: number;
  readonly probe: ProbeReport;
  /** How long the machine stood still meanwhile. */
  readonly stallMs: number;
}

/** Lets a node take over, and reads what its history and the probe say of that. */
async function takeover(
  context: TestContext,
  { to, kind, move }: { readonly to: string; readonly kind: string; readonly move: () => Promise<unknown> },
): Promise<Seen> {
  const before = await newestOf(to);
  await machine.mark();
  await probe.mark();
  await move();
  const entry = await waitFor(
    `the first packet through ${to}`,
    async () => {
      const newest = await newestOf(to);
      const isMeasured = newest?.to === "active" && gapUs(newest) !== undefined;
      return isMeasured && newest.id !== before?.id ? newest : undefined;
    },
    { explain: () => lab.log(to) },
  );
  assert.equal(entry.kind, kind);
  const gapMs = (gapUs(entry) ?? Number.NaN) / 1_000;
  const seen = { gapMs, probe: await probe.report(), stallMs: await machine.stallMs() };
  const told = `the history says ${gapMs} ms, the probe ${JSON.stringify(seen.probe)}`;
  context.diagnostic(`${kind}: ${told}, the machine stood still for ${seen.stallMs.toFixed(1)} ms`);
  return seen;
}

/**
 * The history never tells of a shorter gap than there was. What the probe was late by itself makes its own longer; so do datagrams that
 * wait on a processor that stands still, while the last sign of the old active comes through on another one.
 */
function assertNoneWasLonger({ gapMs, probe: { outageMs, outageLateMs }, stallMs }: Seen): void {
  // Not the sum: it is one standstill that makes either late.
  const lateMs = Math.max(outageLateMs, stallMs);
  assert.ok(gapMs >= outageMs - lateMs - GRAIN_MS, `${outageMs} ms without an answer, gap ${gapMs} ms`);
}

for (const turn of ["there", "back"]) {
  test(`at a switchover, ${turn}, the gap is what the probe lost, and the wait for the addresses at most`, async (context) => {
    const { active, standby } = await lab.rolesWhenWell();
    const client = new ControlClient(controlSocket(lab.name, active));
    const move = () => client.switchover();
    const seen = await takeover(context, { to: standby, kind: "resignation", move });
    assertNoneWasLonger(seen);
    // Where no probe is lost the first packet is the next one, however late that is. A standstill makes it late, or the new active.
    const { outageMs, sendGapMs } = seen.probe;
    const limitMs = outageMs + ADDRESSES_MS + Math.max(sendGapMs, seen.stallMs) + GRAIN_MS;
    assert.ok(seen.gapMs <= limitMs, `a gap of ${seen.gapMs} ms, and ${limitMs} ms are explained`);
  });
}

for (const turn of ["first", "second"]) {
  test(`at the ${turn} power cut the gap is what the probe saw, and an interval of pulses more at most`, async (context) => {
    const { active, standby } = await lab.rolesWhenWell();
    try {
      const move = () => powerOff(lab.name, active);
      const seen = await takeover(context, { to: standby, kind: "silence", move });
      assert.ok(seen.probe.outages > 0 && seen.probe.outageMs > INTERVAL_MS, "the probe has seen it");
      assertNoneWasLonger(seen);
      // A pulse that was due in a standstill has not come.
      const limitMs = seen.probe.outageMs + INTERVAL_MS + seen.stallMs + GRAIN_MS;
      assert.ok(seen.gapMs <= limitMs, `a gap of ${seen.gapMs} ms, and ${limitMs} ms are explained`);
    } finally {
      await powerOn(lab.name, active);
    }
  });
}
