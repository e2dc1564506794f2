import assert from "node:assert/strict";
import { test } from "node:test";
import { mean, median, percentile, round } from "./statistics.ts";

test("medians of odd and even counts, in any order", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 9, 1, 2]), 5.5);
  assert.equal(median([-5]), -5);
  assert.ok(Number.isNaN(median([])));
});

test("percentiles are values that occur", () => {
  const values = [50, 10, 40, 20, 30];
  assert.equal(percentile(values, 0.1), 10);
  assert.equal(percentile(values, 0.5), 30);
  assert.equal(percentile(values, 0.9), 50);
  assert.equal(percentile(values, 1), 50);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("mean and rounding", () => {
  assert.equal(mean([1, 2, 6]), 3);
  assert.equal(round(0.15449, 3), 0.154);
  assert.equal(round(-12.5, 0), -12);
});
