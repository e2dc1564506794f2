import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeWindow } from "./probe-window.ts";

/** Sends a probe every millisecond from `fromMs`; those in the outage find no answer. */
function run(window: ProbeWindow, fromMs: number, toMs: number, outage?: readonly [number, number]): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs++) {
    const number = window.send(nowMs);
    if (outage === undefined || nowMs < outage[0] || nowMs >= outage[1]) window.answer(number);
  }
}

test("the gap is the time between the sendings of two answered probes", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 1_000, [400, 430]);
  // Answered: 399 and 430.
  assert.deepEqual(window.report(1_000), {
    sent: 1_000,
    answered: 970,
    gapMs: 31,
    outageMs: 31,
    outageLateMs: 1,
    outages: 1,
    sendGapMs: 1,
  });
});

test("a probe that is late itself makes a gap, but no outage; neither does one that is on its way at a mark", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 100);
  run(window, 120, 200);
  const late = window.report(200);
  assert.equal(late.gapMs, 21);
  assert.equal(late.outageMs, 0);
  run(window, 200, 203, [202, 203]);
  window.mark();
  run(window, 203, 300, [250, 251]);
  assert.equal(window.report(300).outageMs, 2);
  window.mark();
  run(window, 300, 400);
  assert.equal(window.report(400).outageMs, 0);
});

test("stretches of lost probes are counted, each once", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 10_000, [100, 130]);
  run(window, 10_000, 20_000, [12_000, 12_001]);
  run(window, 20_000, 20_100, [20_050, 20_100]);
  assert.equal(window.report(20_100).outages, 2);
  run(window, 20_100, 20_200);
  assert.equal(window.report(20_200).outages, 3);
  window.mark();
  run(window, 20_200, 30_000);
  assert.equal(window.report(30_000).outages, 0);
});

test("an outage that goes on counts up to now", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 1_000, [900, 1_000]);
  assert.equal(window.report(1_000).gapMs, 101);
  assert.equal(window.report(1_000).outageMs, 101);
});

test("a mark begins a new window, but an outage that spans it counts whole", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 100, [50, 100]);
  window.mark();
  run(window, 100, 200, [100, 120]);
  const report = window.report(200);
  assert.equal(report.gapMs, 120 - 49);
  // The outage is that of this window: from the last probe before the mark.
  assert.equal(report.outageMs, 120 - 99);
  assert.equal(report.sent, 100);
  assert.equal(report.answered, 80);
  window.mark();
  run(window, 200, 300);
  assert.equal(window.report(300).gapMs, 1);
});

test("late answers close their gap, and answers of an old window or of nothing are ignored", () => {
  const window = new ProbeWindow(0);
  const late = window.send(0);
  run(window, 1, 50, [1, 40]);
  window.answer(late);
  assert.equal(window.report(50).gapMs, 40);
  window.mark();
  window.answer(late);
  window.answer(99_999);
  window.answer(-1);
  window.answer(Number.NaN);
  assert.equal(window.report(50).answered, 0);
});

test("a window that is longer than the memory for single probes keeps its worst gap", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 60_000, [10_000, 10_025]);
  assert.deepEqual(window.report(60_000), {
    sent: 60_000,
    answered: 59_975,
    gapMs: 26,
    outageMs: 26,
    outageLateMs: 1,
    outages: 1,
    sendGapMs: 1,
  });
});

test("lateness of the probe counts by itself where it overlaps the longest outage", () => {
  type Stretch = readonly [fromMs: number, toMs: number, outage?: readonly [number, number]];
  const lateness = (...stretches: readonly Stretch[]) => {
    const window = new ProbeWindow(0);
    for (const stretch of stretches) run(window, ...stretch);
    const { outageMs, outageLateMs, sendGapMs } = window.report(stretches.at(-1)?.[1] ?? 0);
    return [outageMs, outageLateMs, sendGapMs];
  };
  const outage = [100, 125] as const;
  assert.deepEqual(lateness([0, 200]), [0, 0, 1]);
  // Long after it, and just before its last answer.
  assert.deepEqual(lateness([0, 200, outage], [219, 300]), [26, 1, 20]);
  assert.deepEqual(lateness([0, 80], [99, 200, outage]), [26, 1, 20]);
  // At its beginning, in the middle, at its end.
  assert.deepEqual(lateness([0, 100], [110, 200, [110, 125]]), [26, 11, 11]);
  assert.deepEqual(lateness([0, 110, outage], [117, 200, outage]), [26, 8, 8]);
  assert.deepEqual(lateness([0, 120, outage], [140, 200]), [41, 21, 21]);
  // In a shorter outage, whichever is first.
  assert.deepEqual(lateness([0, 200, outage], [209, 300, [209, 215]]), [26, 1, 10]);
  assert.deepEqual(lateness([0, 50], [59, 200, [59, 65]], [200, 300, [220, 245]]), [26, 1, 10]);
  // While it goes on.
  assert.deepEqual(lateness([0, 180, [100, 999]], [200, 260, [100, 999]]), [161, 21, 21]);
});

test("what overlapped the longest outage outlasts the memory for single probes, and ends at a mark", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 5_000, [4_000, 5_000]);
  run(window, 5_007, 12_000, [5_007, 9_500]);
  run(window, 12_020, 20_000);
  const { outageMs, outageLateMs, sendGapMs } = window.report(20_000);
  assert.deepEqual([outageMs, outageLateMs, sendGapMs], [5_501, 8, 21]);
  window.mark();
  run(window, 20_015, 20_100);
  run(window, 20_100, 20_200, [20_150, 20_152]);
  assert.equal(window.report(20_200).outageLateMs, 1);
});

test("a probe that has stood still since the last sending is late in the outage that goes on", () => {
  const window = new ProbeWindow(0);
  run(window, 0, 110, [100, 110]);
  assert.equal(window.report(170).outageLateMs, 61);
});
