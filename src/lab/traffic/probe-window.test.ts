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
    outages: 1,
    sendGapMs: 1,
  });
});
