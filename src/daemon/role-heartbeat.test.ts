import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HEARTBEAT_MS, RoleHeartbeat, SILENT_MS } from "./role-heartbeat.ts";

const limits = { startMs: 30_000, answerMs: 8_000 };

/** A heartbeat that was asked and answered once, at 1 s. */
function answering(): RoleHeartbeat {
  const heartbeat = new RoleHeartbeat(limits, 0);
  heartbeat.answer(heartbeat.ask(HEARTBEAT_MS));
  return heartbeat;
}

describe("RoleHeartbeat", () => {
  it("gives a role more time to start than to answer", () => {
    const heartbeat = new RoleHeartbeat(limits, 0);
    for (let atMs = HEARTBEAT_MS; atMs <= 30_000; atMs += HEARTBEAT_MS) {
      heartbeat.ask(atMs);
      assert.equal(heartbeat.liveliness(atMs), "starting");
    }
    assert.equal(heartbeat.hasAnswered, false);
    assert.equal(heartbeat.liveliness(30_001), "hangs");
  });

  it("is silent, and then hangs, by the oldest question without an answer", () => {
    const heartbeat = answering();
    for (let atMs = 2_000; atMs <= 10_000; atMs += HEARTBEAT_MS) heartbeat.ask(atMs);
    assert.equal(heartbeat.liveliness(2_000 + SILENT_MS), "answers");
    assert.equal(heartbeat.liveliness(2_001 + SILENT_MS), "silent");
    assert.equal(heartbeat.liveliness(10_000), "silent");
    assert.equal(heartbeat.liveliness(10_001), "hangs");
  });

  it("takes an answer for all questions before it, and for none after it", () => {
    const heartbeat = answering();
    const second = heartbeat.ask(2_000);
    heartbeat.ask(3_000);
    heartbeat.answer(second);
    assert.equal(heartbeat.silenceMs(7_000), 4_000);
  });

  it("does not judge by time in which the supervisor did not run itself", () => {
    const heartbeat = answering();
    heartbeat.ask(2_000);
    // The machine was stopped for an hour; the role has had as little time as the supervisor.
    const wokeMs = 3_600_000;
    heartbeat.ask(wokeMs);
    assert.equal(heartbeat.silenceMs(wokeMs), HEARTBEAT_MS);
    assert.equal(heartbeat.liveliness(wokeMs), "answers");
    const starting = new RoleHeartbeat(limits, 0);
    starting.ask(wokeMs);
    assert.equal(starting.liveliness(wokeMs), "starting");
  });

  it("keeps few questions, and the age of the oldest", () => {
    const heartbeat = answering();
    for (let atMs = 2_000; atMs <= 200_000; atMs += HEARTBEAT_MS) heartbeat.ask(atMs);
    assert.equal(heartbeat.silenceMs(200_000), 198_000);
    heartbeat.answer(1_000_000);
    assert.equal(heartbeat.silenceMs(200_000), 0);
  });
});
