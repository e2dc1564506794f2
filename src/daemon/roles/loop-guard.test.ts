import assert from "node:assert/strict";
import { it } from "node:test";
import { Worker } from "node:worker_threads";
import { PollSet } from "../../linux/poll.ts";
import { allowedProcessors } from "../../linux/processors.ts";
import { WakeUp } from "../../linux/wake-up.ts";
import { LoopTurns } from "../drivers/loop-turns.ts";
import type { LoopGuardData } from "./loop-guard.ts";

const START_LIMIT_MS = 10_000;
const processors = allowedProcessors();

// As where a host has taken the processor away whose timer would end the wait: here the wait is simply too long.
it("a loop that nothing wakes is woken by its guard, on another processor", {
  skip: processors.length < 2,
}, () => {
  const wakeUp = WakeUp.create();
  const turns = LoopTurns.create();
  const [priority, { memory }] = [1, turns];
  const workerData: LoopGuardData = {
    memory,
    processors,
    threadId: process.pid,
    wakeFd: wakeUp.fd,
    priority,
  };
  new Worker(new URL("./loop-guard.ts", import.meta.url), { workerData }).unref();
  const poll = new PollSet([wakeUp.fd]);
  const deadlineMs = performance.now() + START_LIMIT_MS;
  // The first time it may only be told where to stay.
  for (let woken = 0; woken < 4; woken++) {
    turns.rest(performance.now() + 5);
    assert.equal(poll.wait(deadlineMs - performance.now()), 1, "it was woken");
    turns.wake();
    wakeUp.take();
  }
  assert.ok(turns.moves >= 3, "and fetched");
});
