/** Sleeps for moments on one processor, before everybody else there, and notes how late it wakes: the machine stood still. */
import { keepOnProcessors, setRealTimePriority } from "../../linux/libc.ts";
import { PollSet } from "../../linux/poll.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import type { Span } from "./span-intersection.ts";
import { PolledCommands, type WorkerCommand, workerOptions } from "./worker-side.ts";

export interface ProcessorWitnessOptions {
  readonly processor: number;
  readonly sleepMs: number;
}

export interface ProcessorWitnessReport {
  /** The longest time that the processor stood still, in milliseconds, since the last mark. */
  readonly stallMs: number;
  /** The standstills themselves, on the machine's monotonic clock, in milliseconds; no more than the first 200. */
  readonly stalls: readonly Span[];
}

/** Above the gateways: what they do to each other is not the machine's fault. */
const PRIORITY = 90;
const STALLS_MAX = 200;
/** Whoever wakes so late was not woken late by chance. */
const STALL_MS_MIN = 2;

const { processor, sleepMs } = workerOptions<ProcessorWitnessOptions>();
const commands = new PolledCommands(answer);
const poll = new PollSet([commands.fd]);
let stallMs = 0;
let stalls: Span[] = [];
keepOnProcessors([processor]);
setRealTimePriority(PRIORITY);

for (;;) {
  const dueMs = monotonicMs() + sleepMs;
  poll.wait(sleepMs);
  const nowMs = monotonicMs();
  stallMs = Math.max(stallMs, nowMs - dueMs);
  if (nowMs - dueMs >= STALL_MS_MIN && stalls.length < STALLS_MAX)
    stalls.push({ fromMs: dueMs, toMs: nowMs });
  if (poll.readable(0)) commands.read();
}

function answer(command: WorkerCommand): ProcessorWitnessReport {
  const report = { stallMs, stalls };
  if (command.do === "mark") {
    stallMs = 0;
    stalls = [];
  }
  return report;
}
