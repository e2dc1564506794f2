import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forgottenPlaces, type ResumePlace } from "./resume-place.ts";

const placeOf = (groups: number): ResumePlace => ({ session: 77, position: 3, groups });
const places = new Map([
  ["gw1", placeOf(1)],
  ["gw3", placeOf(2)],
]);

describe("A place in a log", () => {
  it("is forgotten when another source claims a group of it, although its own was not heard meanwhile", () => {
    const heir = { state: "idle", resumePoint: undefined, sourceGroups: 1 } as const;
    assert.deepEqual(forgottenPlaces(places, "gw2", heir), ["gw1"]);
    assert.deepEqual(forgottenPlaces(places, "gw2", { ...heir, sourceGroups: 3 }), ["gw1", "gw3"]);
    assert.deepEqual(forgottenPlaces(places, "gw2", { ...heir, state: "live", resumePoint: placeOf(1) }), [
      "gw1",
    ]);
    assert.deepEqual(forgottenPlaces(places, "gw2", { ...heir, sourceGroups: 4 }), []);
  });

  it("stays when its own stream is lost or begins, not when that knows that something is missing", () => {
    const own = { resumePoint: undefined, sourceGroups: 1 };
    for (const state of ["closed", "greeting"] as const)
      assert.deepEqual(forgottenPlaces(places, "gw1", { ...own, state }), []);
    for (const state of ["idle", "resuming", "copying", "purging", "live"] as const)
      assert.deepEqual(forgottenPlaces(places, "gw1", { ...own, state }), ["gw1"]);
    const known = { state: "live", resumePoint: placeOf(1), sourceGroups: 1 } as const;
    assert.deepEqual(forgottenPlaces(places, "gw1", known), []);
  });
});
