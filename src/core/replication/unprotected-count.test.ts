import assert from "node:assert/strict";
import { test } from "node:test";
import { UnprotectedCount } from "./unprotected-count.ts";

test("what was refused is open until a comparison that began later has ended", () => {
  const count = new UnprotectedCount();
  assert.equal(count.of(7), 7);
  count.began(7);
  count.began(9); // The copy of the same comparison.
  assert.equal(count.of(9), 9, "it has not ended");
  count.ended();
  assert.equal(count.of(9), 2, "refused while it ran");
});

test("a comparison whose copy is refused again settles nothing", () => {
  const count = new UnprotectedCount();
  count.began(7);
  count.ended();
  assert.equal(count.of(14), 7);
});

test("a comparison that was broken off settles nothing", () => {
  const count = new UnprotectedCount();
  count.began(7);
  count.abandoned();
  count.ended();
  assert.equal(count.of(7), 7);
});
