import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { distribution, histogram } from "./distribution.ts";

describe("distribution", () => {
  it("tells the least, the middle, and how bad it gets", () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i);
    assert.deepEqual(distribution(values), { min: 1, median: 100.5, p90: 180, p99: 198, max: 200 });
    assert.deepEqual(distribution([3, 1, 2]), { min: 1, median: 2, p90: 3, p99: 3, max: 3 });
  });
});

describe("histogram", () => {
  it("counts every value once, in ranges of equal width", () => {
    assert.deepEqual(histogram([22.1, 22.9, 23, 25.5]), [
      "    22 to    23 ms    2  ########################################",
      "    23 to    24 ms    1  ####################",
      "    24 to    25 ms    0",
      "    25 to    26 ms    1  ####################",
    ]);
    const lines = histogram([0, 1_000, 250, Number.NaN]);
    assert.equal(lines.length, 10);
    assert.equal(
      lines.reduce((sum, line) => sum + Number(/ms +([0-9]+)/.exec(line)?.[1]), 0),
      3,
    );
  });

  it("has nothing to show of nothing", () => {
    assert.deepEqual(histogram([]), []);
  });
});
