import assert from "node:assert/strict";
import { it } from "node:test";
import { rivalsOf } from "./unmerged-groups.ts";

it("a source that was not heard since another claimed its group is no rival of that one, but the other way round", () => {
  const dead = { sourceGroups: 3, claimedMs: 10, heardMs: 500 };
  const heir = { sourceGroups: 1, claimedMs: 530, heardMs: 540 };
  const all = [dead, heir];
  assert.deepEqual([rivalsOf(heir, all), rivalsOf(dead, all)], [0, 1]);
  const alive = { ...dead, heardMs: 531 };
  assert.deepEqual([rivalsOf(heir, [alive, heir]), rivalsOf(alive, [alive, heir])], [3, 1]);
});
