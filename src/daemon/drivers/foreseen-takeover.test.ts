import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ForeseenTakeover } from "./foreseen-takeover.ts";

function setUp(pulseIntervalMs: number, silenceMs: number) {
  const election = { silenceMs };
  const seen: string[] = [];
  const foreseen = new ForeseenTakeover({
    ...{ election, pulseIntervalMs },
    addresses: { prepare: () => seen.push("addresses") },
    count: (event) => seen.push(event),
  });
  return { election, foreseen, seen };
}

describe("ForeseenTakeover", () => {
  it("is prepared shortly before silence ends, once", () => {
    const { foreseen, seen } = setUp(100, 312);
    assert.equal(foreseen.dueMs, 304);
    assert.equal(foreseen.prepare(303.9), false);
    assert.deepEqual(seen, []);
    assert.equal(foreseen.prepare(304), true);
    assert.equal(foreseen.dueMs, Number.POSITIVE_INFINITY, "the loop does not turn for it again");
    assert.equal(foreseen.prepare(305), false);
    assert.deepEqual(seen, ["addresses", "takeover-foreseen"]);
  });

  it("is prepared again in the next silence", () => {
    const { election, foreseen } = setUp(10, 31);
    assert.equal(foreseen.prepare(25), true);
    election.silenceMs = 58;
    assert.equal(foreseen.dueMs, 50);
    assert.equal(foreseen.prepare(49), false);
    assert.equal(foreseen.prepare(50), true);
  });

  it("waits with frequent pulses until two of them are missing", () => {
    const { foreseen } = setUp(5, 16);
    assert.equal(foreseen.prepare(10), false);
    assert.equal(foreseen.prepare(11), true);
  });

  it("is not prepared for when no time is left, which would make it later", () => {
    const { election, foreseen, seen } = setUp(10, 31);
    assert.equal(foreseen.prepare(30), false, "woken late");
    assert.equal(foreseen.dueMs, Number.POSITIVE_INFINITY);
    election.silenceMs = 42;
    assert.equal(foreseen.prepare(41), false, "the end was set to a moment later");
    assert.deepEqual(seen, []);
    election.silenceMs = 60;
    assert.equal(foreseen.prepare(57), true);
  });

  it("is never prepared where no silence makes a node take over", () => {
    const { foreseen } = setUp(10, Number.POSITIVE_INFINITY);
    assert.equal(foreseen.dueMs, Number.POSITIVE_INFINITY);
    assert.equal(foreseen.prepare(1_000_000), false);
  });
});
