import { readFileSync } from "node:fs";

/** The processors that this thread may run on, counted from 0 (proc_pid_status(5): Cpus_allowed_list). */
export function allowedProcessors(): number[] {
  const [, list = ""] =
    /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync("/proc/thread-self/status", "latin1")) ?? [];
  return parseProcessorList(list);
}

/** `0-2,5` are 0, 1, 2 and 5. */
export function parseProcessorList(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split("-").map((text) => Number.parseInt(text, 10));
    return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
