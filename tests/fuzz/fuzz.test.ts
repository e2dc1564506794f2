import assert from "node:assert/strict";
import { test } from "node:test";
import { allTargets } from "./all-targets.ts";
import { fuzz } from "./fuzz-run.ts";

const INPUTS = 20_000;
const SEED = 1;

for (const [name, make] of Object.entries(allTargets)) {
  test(`${name}: ${INPUTS} hostile inputs give a value or a typed error, and change nothing`, () => {
    const result = fuzz(make(), { inputs: INPUTS, seed: SEED });
    assert.ok(result.accepted > 0, "some inputs are right, so that more than the first check is reached");
    assert.ok(Object.keys(result.reasons).length > 0, "some inputs are refused");
    for (const reason of Object.keys(result.reasons))
      assert.match(reason, /^[a-z][a-zA-Z0-9-]+$/, "a reason is a short label: it becomes a counter");
  });
}
