import assert from "node:assert/strict";
import { test } from "node:test";
import { type ProcessorTime, spentUs } from "./processor-time.ts";

/** @param processes by number: nanoseconds of the scheduler, milliseconds of `stat` */
function reading(processes: Record<number, [number, number]>): ProcessorTime {
  const entries = Object.entries(processes).map(
    ([pid, [schedulerNs, statMs]]) => [Number(pid), { schedulerNs, statMs }] as const,
  );
  return { atMs: 0, processes: new Map(entries) };
}

test("what all processes used is added up, new ones from their beginning", () => {
  const spent = spentUs(
    reading({ 1: [5e8, 500], 2: [1e9, 1_000] }),
    reading({ 1: [6e8, 600], 2: [1e9, 1_000], 3: [2e6, 0] }),
  );
  assert.deepEqual(spent, { scheduler: 102_000, stat: 100_000 });
});

test("a passing command that is gone does not matter; a daemon that is gone makes the reading worthless", () => {
  assert.deepEqual(spentUs(reading({ 1: [1e6, 0] }), reading({})), { scheduler: 0, stat: 0 });
  assert.throws(() => spentUs(reading({ 1: [1e9, 1_000] }), reading({})), /ended while it was measured/);
});
