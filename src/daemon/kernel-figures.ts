import { readFileSync } from "node:fs";
import { processUsage } from "./process-usage.ts";
import type { SupervisorReport } from "./role-report.ts";

/** What only /proc knows. */
export function readKernel(supervisor: SupervisorReport | undefined) {
  const pids = supervisor?.processes.map(({ pid }) => pid).filter((pid) => pid > 0) ?? [];
  return {
    flows: readNumber("/proc/sys/net/netfilter/nf_conntrack_count"),
    flowsMax: readNumber("/proc/sys/net/netfilter/nf_conntrack_max"),
    memoryKiB: residentKiB(pids),
  };
}

export function readNumber(path: string): number {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

/**
 * What the roles share, which is the runtime's own code, counts once. smaps_rollup would tell it exactly; but for that the kernel
 * visits every page of each process, which takes milliseconds, holding locks that the failover role may want.
 */
function residentKiB(pids: readonly number[]): number {
  let privateBytes = 0;
  let sharedBytes = 0;
  for (const pid of pids) {
    const usage = processUsage(pid);
    if (usage === undefined) continue;
    privateBytes += usage.privateBytes;
    sharedBytes = Math.max(sharedBytes, usage.residentBytes - usage.privateBytes);
  }
  return Math.round((privateBytes + sharedBytes) / 1_024);
}
