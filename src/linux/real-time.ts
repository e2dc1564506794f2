import { readdirSync } from "node:fs";
import { setRealTimePriority } from "./libc.ts";

/**
 * Gives the calling thread real-time priority, and every other thread of this process one two below: between them is room for its guard.
 *
 * What a loop waits for now and then must not wait for a processor behind everybody on a busy machine: V8's helper threads, where they
 * compile and sweep, made it wait for up to 70 ms. Below the loop they never keep it from a processor.
 *
 * @param priority 3..99
 * @returns false without the right
 */
export function takeRealTimePriority(priority: number): boolean {
  if (setRealTimePriority(priority) !== 0) return false;
  for (const thread of readdirSync("/proc/self/task"))
    if (Number(thread) !== process.pid) setRealTimePriority(priority - 2, Number(thread));
  return true;
}
