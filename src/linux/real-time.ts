import { readdirSync } from "node:fs";
import { setRealTimePriority } from "./libc.ts";

/**
 * Gives the calling thread real-time priority, and every other thread of this process the one below.
 *
 * A loop waits now and then for V8's helper threads, which compile and sweep: at ordinary priority these wait for a processor behind
 * everybody on a busy machine, up to 70 ms were seen. Below the loop they never keep it from a processor.
 *
 * @param priority 2..99
 * @returns false without the right
 */
export function takeRealTimePriority(priority: number): boolean {
  if (setRealTimePriority(priority) !== 0) return false;
  for (const thread of readdirSync("/proc/self/task"))
    if (Number(thread) !== process.pid) setRealTimePriority(priority - 1, Number(thread));
  return true;
}
