import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LATENESS_BOUNDS_MS, LatenessMeter } from "./lateness-meter.ts";

describe("LatenessMeter", () => {
  it("keeps the latest wake-up, and counts those over each bound", () => {
    const meter = new LatenessMeter();
    for (const lateMs of [0, -3, 0.4, 1, 1.5, 7, 30, 2_000]) meter.note(1_000, lateMs);
    assert.deepEqual(meter.report(1_000), {
      maxMs: 2_000,
      lastMinuteMs: 2_000,
      //     1, 2, 5, 10, 20, 50, 100
      over: [4, 3, 3, 2, 2, 1, 1],
    });
    assert.equal(LATENESS_BOUNDS_MS.length, 7);
  });

  it("forgets after a minute, but not for good", () => {
    const meter = new LatenessMeter();
    meter.note(5_000, 8);
    meter.note(25_000, 3);
    assert.equal(meter.report(59_000).lastMinuteMs, 8);
    assert.equal(meter.report(66_000).lastMinuteMs, 3);
    assert.equal(meter.report(81_000).lastMinuteMs, 0);
    meter.note(81_000, 2);
    assert.equal(meter.report(500_000).lastMinuteMs, 0);
    assert.equal(meter.report(500_000).maxMs, 8);
  });
});
