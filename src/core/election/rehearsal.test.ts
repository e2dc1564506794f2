import assert from "node:assert/strict";
import { it } from "node:test";
import { rehearseTakeover } from "./rehearsal.ts";

it("a rehearsal takes over each time: otherwise it would not rehearse what it is for", () => {
  assert.equal(rehearseTakeover(), 12);
});
