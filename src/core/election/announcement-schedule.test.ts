import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnnouncementSchedule } from "./announcement-schedule.ts";

// On the wire: tests/netns/alone/announcements.test.ts, but for what comes after a minute.

const START_MS = 5_000;

function started(): AnnouncementSchedule {
  const schedule = new AnnouncementSchedule();
  schedule.start(START_MS);
  return schedule;
}

/** The next ones that are due, from the start, where each is taken when it is due. */
function taken(schedule: AnnouncementSchedule, count: number): number[] {
  return Array.from({ length: count }, () => {
    const { deadline } = schedule;
    assert.ok(!schedule.take(deadline - 0.001), "never early");
    assert.ok(schedule.take(deadline));
    return deadline - START_MS;
  });
}

describe("announcement schedule", () => {
  it("at once, again soon, then every minute", () => {
    const soon = [0, 50, 200, 1_000, 3_000, 10_000];
    assert.deepEqual(taken(started(), 9), [...soon, 70_000, 130_000, 190_000]);
  });

  it("several that were missed count as one, and do not move those that follow", () => {
    const schedule = started();
    assert.ok(schedule.take(START_MS + 999));
    assert.deepEqual(taken(schedule, 2), [1_000, 3_000]);
  });

  it("is not put off again and again: it starts anew only once the first of a start was taken", () => {
    const schedule = started();
    schedule.restart(START_MS + 30);
    assert.deepEqual(taken(schedule, 3), [0, 50, 200]);
    schedule.restart(START_MS + 300);
    schedule.restart(START_MS + 330);
    assert.deepEqual(taken(schedule, 2), [300, 350]);
  });

  it("nothing is due before a start, and after a stop", () => {
    const schedule = new AnnouncementSchedule();
    assert.equal(schedule.deadline, Number.POSITIVE_INFINITY);
    schedule.start(START_MS);
    schedule.stop();
    assert.equal(schedule.deadline, Number.POSITIVE_INFINITY);
    assert.ok(!schedule.take(Number.MAX_SAFE_INTEGER));
  });
});
