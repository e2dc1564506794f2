import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { UnprotectedCount } from "./unprotected-count.ts";

const [NONE, CAMPUS, GUESTS] = [0, 1, 2];

let count: UnprotectedCount;

beforeEach(() => {
  count = new UnprotectedCount();
});

function refuse(group: number, times: number): void {
  for (let i = 0; i < times; i++) count.refused(group);
}

test("what was refused is open until a comparison that began later has ended", () => {
  refuse(CAMPUS, 7);
  count.began(CAMPUS);
  refuse(CAMPUS, 2);
  count.began(CAMPUS); // The copy of the same comparison.
  assert.equal(count.total, 9, "it has not ended");
  count.ended(CAMPUS);
  assert.equal(count.total, 2, "refused while it ran");
});

test("a comparison whose copy is refused again settles nothing", () => {
  refuse(CAMPUS, 7);
  count.began(CAMPUS);
  refuse(CAMPUS, 7);
  count.ended(CAMPUS);
  assert.equal(count.total, 7);
});

test("a comparison that was broken off settles nothing", () => {
  refuse(CAMPUS, 7);
  count.began(CAMPUS);
  count.abandoned(CAMPUS);
  count.ended(CAMPUS);
  assert.equal(count.total, 7);
});

test("a comparison of one group settles nothing of another, whose source is another node", () => {
  refuse(CAMPUS, 7);
  refuse(GUESTS, 3);
  count.began(GUESTS);
  count.ended(GUESTS);
  assert.deepEqual([count.of(CAMPUS), count.of(GUESTS), count.total], [7, 0, 7]);
  count.began(CAMPUS);
  count.began(GUESTS);
  count.abandoned(GUESTS);
  count.ended(CAMPUS);
  assert.equal(count.total, 0);
});

test("flows of no group are settled by any comparison: it has those that are forwarded anywhere", () => {
  refuse(NONE, 2);
  count.began(GUESTS);
  refuse(NONE, 1);
  count.ended(GUESTS);
  assert.deepEqual([count.of(NONE), count.total], [1, 1]);
});

test("what a node refused before it became active itself is lost, and no longer unprotected", () => {
  refuse(CAMPUS, 7);
  refuse(GUESTS, 3);
  count.forget(CAMPUS);
  assert.deepEqual([count.of(CAMPUS), count.of(GUESTS)], [0, 3]);
});
