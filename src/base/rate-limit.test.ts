import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RateLimit } from "./rate-limit.ts";

describe("RateLimit", () => {
  it("lets a burst through, then so many a second", () => {
    const limit = new RateLimit({ burst: 3, perSecond: 2 });
    const taken = (nowMs: number, tries: number) =>
      Array.from({ length: tries }, () => limit.take(nowMs)).filter((one) => one).length;
    assert.equal(taken(1_000, 10), 3);
    assert.equal(taken(1_400, 10), 0);
    assert.equal(taken(1_500, 10), 1);
    assert.equal(taken(2_500, 10), 2);
    assert.equal(taken(1_000_000, 10), 3, "what was not used does not add up");
  });

  it("is not confused by a clock that stands still", () => {
    const limit = new RateLimit({ burst: 1, perSecond: 1_000 });
    assert.ok(limit.take(5));
    assert.ok(!limit.take(5));
    assert.ok(!limit.take(4));
  });
});
