import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RouterAdvertiser } from "./router-advertiser.ts";

const INTERVAL_MS = 30_000;

/** When it advertises to all, until then. */
function sentUntil(advertiser: RouterAdvertiser, endMs: number): number[] {
  const sent: number[] = [];
  while (advertiser.deadline <= endMs) {
    const atMs = advertiser.deadline;
    assert.ok(advertiser.timeout(atMs));
    sent.push(atMs);
  }
  return sent;
}

describe("router advertiser", () => {
  it("is silent until the node is active, then speaks at once, three times soon, and at each interval", () => {
    const advertiser = new RouterAdvertiser(INTERVAL_MS);
    assert.equal(advertiser.deadline, Number.POSITIVE_INFINITY);
    assert.equal(advertiser.timeout(5), false);
    advertiser.start(1_000);
    assert.deepEqual(sentUntil(advertiser, 80_000), [1_000, 5_000, 9_000, 39_000, 69_000]);
    advertiser.stop();
    assert.equal(advertiser.deadline, Number.POSITIVE_INFINITY);
  });

  it("answers a host alone, at once, and keeps its own time", () => {
    const advertiser = new RouterAdvertiser(INTERVAL_MS);
    assert.equal(advertiser.solicited(0, true), false, "a standby does not answer");
    advertiser.start(0);
    sentUntil(advertiser, 10_000);
    const { deadline } = advertiser;
    assert.equal(advertiser.solicited(10_000, true), true);
    assert.equal(advertiser.deadline, deadline);
  });

  it("answers a host without an address by telling all, three seconds after the last time at the earliest", () => {
    const advertiser = new RouterAdvertiser(INTERVAL_MS);
    advertiser.start(0);
    assert.deepEqual(sentUntil(advertiser, 8_000), [0, 4_000, 8_000]);
    assert.equal(advertiser.solicited(9_000, false), false);
    assert.equal(advertiser.deadline, 11_000);
    assert.ok(advertiser.timeout(11_000));
    assert.equal(advertiser.solicited(20_000, false), false);
    assert.equal(advertiser.deadline, 20_000);
  });

  it("answers a crowd by telling all", () => {
    const advertiser = new RouterAdvertiser(INTERVAL_MS);
    advertiser.start(0);
    sentUntil(advertiser, 8_000);
    const answered = Array.from({ length: 1_000 }, () => advertiser.solicited(9_000, true)).filter(Boolean);
    assert.equal(answered.length, 40);
    assert.equal(advertiser.deadline, 11_000);
  });
});
