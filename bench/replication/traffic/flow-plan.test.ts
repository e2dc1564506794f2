import assert from "node:assert/strict";
import { test } from "node:test";
import { indexOf, PARTS, portOf, serviceOf, subscriberOf } from "./flow-plan.ts";

test("every connection has its own subscriber and port, and is found again by them", () => {
  const seen = new Set<string>();
  for (let part = 0; part < PARTS; part++) {
    for (const index of [0, 1, 7, 8, 32_767, 32_768, 1_000_007, 1_600_000_000]) {
      seen.add(`${subscriberOf(part, index)}:${portOf(index)}`);
      assert.equal(indexOf(subscriberOf(part, index), portOf(index)), index);
    }
  }
  assert.equal(seen.size, PARTS * 8);
});

test("one connection in eight goes to its neighbour's destination, with the same source port", () => {
  let shared = 0;
  for (let index = 1; index < 8_000; index++) {
    if (serviceOf(1, index) === serviceOf(1, index - 1) && portOf(index) === portOf(index - 1)) shared++;
  }
  assert.equal(shared, 1_000);
});
