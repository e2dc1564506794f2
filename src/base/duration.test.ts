import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatDurationMs, parseDurationMs } from "./duration.ts";

describe("durations", () => {
  it("are read with their unit", () => {
    for (const [text, milliseconds] of [
      ["10ms", 10],
      ["0.5ms", 0.5],
      ["1.5s", 1_500],
      ["5m", 300_000],
      ["1h", 3_600_000],
    ] as const) {
      assert.equal(parseDurationMs(text), milliseconds);
    }
  });

  it("are nothing without a unit, or with words around", () => {
    for (const text of ["", "10", "10 ms", "ms", "-1s", "1d", "1s2", "1e3ms", ".5s", "5.s", "Infinitys"]) {
      assert.equal(parseDurationMs(text), undefined, text);
    }
  });

  it("are written for people, in at most two units", () => {
    for (const [milliseconds, text] of [
      [0, "0ms"],
      [12.34, "12.3ms"],
      [999, "999ms"],
      [1_000, "1s"],
      [1_540, "1.5s"],
      [59_900, "59.9s"],
      [60_000, "1m 0s"],
      [125_000, "2m 5s"],
      [3_599_999, "1h 0m"],
      [12_000_000, "3h 20m"],
    ] as const) {
      assert.equal(formatDurationMs(milliseconds), text);
    }
  });

  it("never round up to a full unit of the next larger one", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 60_000, noNaN: true }), (milliseconds) => {
        assert.doesNotMatch(formatDurationMs(milliseconds), /^(1000ms|60s)$/);
      }),
    );
    for (const milliseconds of [999.96, 59_980]) {
      assert.doesNotMatch(formatDurationMs(milliseconds), /^(1000ms|60s)$/, String(milliseconds));
    }
  });
});
