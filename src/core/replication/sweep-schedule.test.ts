import assert from "node:assert/strict";
import { test } from "node:test";
import { SWEEP_PERIOD_MS_MAX, SweepSchedule } from "./sweep-schedule.ts";

test("sweeps are so far apart that passes take a fiftieth of the time", () => {
  const schedule = new SweepSchedule(60_000);
  assert.equal(schedule.periodMs, 60_000);
  schedule.ownPass(2_000);
  assert.equal(schedule.periodMs, 100_000);
  schedule.theirPasses(3_000);
  assert.equal(schedule.periodMs, 150_000);
});

test("a standby that says that its passes take for ever has its sweeps nonetheless", () => {
  const schedule = new SweepSchedule(60_000);
  schedule.theirPasses(0xffff_ffff);
  schedule.next(1_000);
  assert.equal(schedule.dueMs, 1_000 + SWEEP_PERIOD_MS_MAX);
  // And it is forgotten in time.
  for (let sweep = 0; sweep < 40; sweep++) schedule.ownPass(10);
  assert.equal(schedule.periodMs, 60_000);
});

test("no sweep comes sooner than the document says, however long that is", () => {
  assert.equal(new SweepSchedule(700_000).periodMs, 700_000);
});
