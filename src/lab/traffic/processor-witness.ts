/** Sleeps for moments on one processor, before everybody else there, and notes how late it wakes: the machine stood still. */
import { keepOnProcessors, setRealTimePriority } from "../../linux/libc.ts";
import { PollSet } from "../../linux/poll.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { PolledCommands, type WorkerCommand, workerOptions } from "./worker-side.ts";

export interface ProcessorWitnessOptions {
  readonly processor: number;
  readonly sleepMs: number;
}

export interface ProcessorWitnessReport {
  /** The longest time that the processor stood still, in milliseconds, since the last mark. */
  readonly stallMs: number;
}

/** Above the gateways: what they do to each other is not the machine's fault. */
const PRIORITY = 90;

const { processor, sleepMs } = workerOptions<ProcessorWitnessOptions>();
const commands = new PolledCommands(answer);
const poll = new PollSet([commands.fd]);
let stallMs = 0;
keepOnProcessors([processor]);
setRealTimePriority(PRIORITY);

for (;;) {
  const dueMs = monotonicMs() + sleepMs;
  poll.wait(sleepMs);
  stallMs = Math.max(stallMs, monotonicMs() - dueMs);
  if (poll.readable(0)) commands.read();
}

function answer(command: WorkerCommand): ProcessorWitnessReport {
  const report = { stallMs };
  if (command.do === "mark") stallMs = 0;
  return report;
}
