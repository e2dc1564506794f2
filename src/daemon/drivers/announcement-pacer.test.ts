import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnnouncementPacer } from "./announcement-pacer.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** What is sent at which time, until nothing is left. */
function bursts(pacer: AnnouncementPacer): string[] {
  const all: string[] = [];
  while (pacer.deadline !== NEVER) {
    const { deadline } = pacer;
    const [from, to] = pacer.take(deadline);
    all.push(`${deadline}: ${from}-${to}`);
  }
  return all;
}

describe("AnnouncementPacer", () => {
  it("sends all at once without a limit", () => {
    const pacer = new AnnouncementPacer(undefined);
    pacer.start(100, 256);
    assert.deepEqual(bursts(pacer), ["100: 0-256"]);
    assert.deepEqual(pacer.take(500), [256, 256]);
  });

  it("sends no more a second than it may, in bursts", () => {
    const pacer = new AnnouncementPacer(500);
    pacer.start(100, 12);
    assert.deepEqual(bursts(pacer), ["100: 0-5", "110: 5-10", "120: 10-12"]);
    const slow = new AnnouncementPacer(8);
    slow.start(0, 3);
    assert.deepEqual(bursts(slow), ["0: 0-1", "125: 1-2", "250: 2-3"]);
  });

  it("sends nothing before it is due, and nothing at all of nothing", () => {
    const pacer = new AnnouncementPacer(500);
    assert.deepEqual(pacer.take(0), [0, 0]);
    pacer.start(0, 10);
    pacer.take(0);
    assert.deepEqual(pacer.take(9), [5, 5]);
    pacer.stop();
    pacer.start(0, 0);
    assert.equal(pacer.deadline, NEVER);
  });

  it("does not begin anew while an announcement is under way, but afterwards", () => {
    const pacer = new AnnouncementPacer(500);
    pacer.start(0, 8);
    assert.deepEqual(pacer.take(0), [0, 5]);
    pacer.start(5, 8);
    assert.deepEqual(bursts(pacer), ["10: 5-8"]);
    pacer.start(20, 8);
    assert.deepEqual(pacer.take(20), [0, 5]);
  });

  it("sends no more once it was stopped", () => {
    const pacer = new AnnouncementPacer(500);
    pacer.start(0, 8);
    pacer.take(0);
    pacer.stop();
    assert.equal(pacer.deadline, NEVER);
    assert.deepEqual(pacer.take(1_000), [8, 8]);
  });
});
