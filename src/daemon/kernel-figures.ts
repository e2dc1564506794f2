import { readFileSync } from "node:fs";
import { processUsage } from "./process-usage.ts";
import type { SupervisorReport } from "./role-report.ts";

/** What only /proc knows. */
export function readKernel(supervisor: SupervisorReport | undefined) {
  const pids = supervisor?.processes.map(({ pid }) => pid).filter((pid) => pid > 0) ?? [];
  return {
    flows: readNumber("/proc/sys/net/netfilter/nf_conntrack_count"),
    flowsMax: readNumber("/proc/sys/net/netfilter/nf_conntrack_max"),
    memoryKiB: pids.reduce((sum, pid) => sum + residentKiB(pid), 0),
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
 * Proportional: what several processes share, such as the runtime's own code, counts once. Of a process that may do what this
 * one may not, the kernel tells only what it shares with nobody.
 */
function residentKiB(pid: number): number {
  try {
    return Number(/^Pss:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  } catch {
    return (processUsage(pid)?.privateBytes ?? 0) / 1_024;
  }
}
