import { readFileSync } from "node:fs";

/** What a process has used, as the kernel counts it (proc(5)). */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Of them, what it shares with nobody: the roles share the runtime's own code. */
  readonly privateBytes: number;
}

/** `sysconf(_SC_CLK_TCK)`: what user space is told in, on every architecture (include/asm-generic/param.h, USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Cheap, unlike smaps_rollup, for which the kernel visits every page. @returns undefined when the process is gone */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    // The name in parentheses may hold blanks and more of them: fields are counted from the last one on.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return {
      // Fields 14 and 15: utime and stime; the first one here is the third.
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      residentBytes: bytesOf(status, "VmRSS"),
      privateBytes: bytesOf(status, "RssAnon"),
    };
  } catch {
    return undefined;
  }
}

function bytesOf(status: string, key: string): number {
  return 1_024 * Number(new RegExp(`^${key}:\\s+([0-9]+) kB`, "m").exec(status)?.[1] ?? 0);
}
