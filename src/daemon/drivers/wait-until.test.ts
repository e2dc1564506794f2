import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { waitUntil } from "./wait-until.ts";

/**
 * A process that stands still for a while after its first poll, when its sockets have been looked at.
 *
 * @param readableAfterMs when a socket ends that poll; Infinity: none does
 */
function standingStill(forMs: number, readableAfterMs = Number.POSITIVE_INFINITY) {
  const looks: { readonly timeoutMs: number; readonly atMs: number }[] = [];
  let nowMs = 100;
  const wait = (timeoutMs: number) => {
    nowMs += Math.min(timeoutMs, 1_000, readableAfterMs);
    looks.push({ timeoutMs, atMs: nowMs });
    if (looks.length === 1) nowMs += forMs;
    return readableAfterMs < timeoutMs ? 1 : 0;
  };
  return { looks, wait, now: () => nowMs };
}

describe("waitUntil", () => {
  it("waits until the deadline", () => {
    const poll = standingStill(0.1);
    assert.equal(waitUntil(110, poll, poll.now), 110.1);
    assert.deepEqual(poll.looks, [{ timeoutMs: 10, atMs: 110 }]);
  });

  it("looks at the sockets again when it was late, after the time that it gives", () => {
    const poll = standingStill(30);
    const knownMs = waitUntil(110, poll, poll.now);
    assert.equal(knownMs, 140);
    assert.deepEqual(poll.looks.at(-1), { timeoutMs: 0, atMs: 140 });
    assert.ok((poll.looks.at(-1)?.atMs ?? 0) >= knownMs);
  });

  it("looks again when a socket woke it in time and the deadline has come since, however little late that is", () => {
    const poll = standingStill(4.25, 6);
    assert.equal(waitUntil(110, poll, poll.now), 110.25);
    assert.deepEqual(poll.looks, [
      { timeoutMs: 10, atMs: 106 },
      { timeoutMs: 0, atMs: 110.25 },
    ]);
  });

  it("looks once when a socket woke it and the deadline is still to come", () => {
    const poll = standingStill(1, 6);
    assert.equal(waitUntil(110, poll, poll.now), 107);
    assert.equal(poll.looks.length, 1);
  });

  it("does not wait when the deadline has passed, and looks twice", () => {
    const poll = standingStill(0);
    assert.equal(waitUntil(50, poll, poll.now), 100);
    assert.deepEqual(
      poll.looks.map(({ timeoutMs }) => timeoutMs),
      [0, 0],
    );
  });
});
