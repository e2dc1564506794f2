import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EventRing } from "./event-ring.ts";

describe("EventRing", () => {
  it("gives what came after an event, and knows what it does not know any more", () => {
    const ring = new EventRing("a1", 3);
    for (const data of [1, 2, 3, 4, 5]) ring.add("change", data);
    const after = (id: string) => {
      const number = ring.numberOf(id);
      return number === undefined ? undefined : ring.after(number)?.map(({ data }) => data);
    };
    assert.deepEqual(after("a1-5"), []);
    assert.deepEqual(after("a1-4"), [5]);
    assert.deepEqual(after("a1-2"), [3, 4, 5]);
    for (const id of ["a1-1", "a1-6", "b1-4", "a1", "", "a1-x", "a1--4", "a1-99999999999999999999"])
      assert.equal(after(id), undefined, id);
    assert.deepEqual(ring.after(1), undefined);
  });
});
