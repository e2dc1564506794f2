import { readdirSync, readFileSync } from "node:fs";
import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { processesIn } from "../../src/lab/process-table.ts";

/**
 * The processor time of a node's processes so far.
 *
 * Two counters of the kernel say it. /proc/PID/task/TID/schedstat has nanoseconds of every living thread;
 * /proc/PID/stat has user and system time in ticks of 10 ms, threads and children that have ended included. On a kernel that
 * accounts by ticks (CONFIG_TICK_CPU_ACCOUNTING), the sum of the two in `stat` is scaled to the very number that
 * schedstat shows, so their totals agree, and only how `stat` divides it into user and system is a guess. The bench
 * reports nanoseconds, and both for comparison.
 *
 * Without CONFIG_IRQ_TIME_ACCOUNTING, softirq work that happens to run on top of a process is charged to it. Where
 * all packets come through veth pairs this work runs in the sender's own call: forwarding is charged to the traffic
 * generator, and the reception of a replication packet to the daemon that sent it.
 */
export interface ProcessorTime {
  readonly atMs: number;
  readonly schedulerNs: number;
  readonly statMs: number;
  /** Which processes these are: a later reading must be of the same ones. */
  readonly pids: readonly number[];
}

const TICK_MS = 10; // USER_HZ is 100 on every architecture that Node.js runs on

export function nodeProcessorTime(lab: string, node: string): ProcessorTime {
  const pids = processesIn(namespaceOf(lab, node), { withoutObservers: true }).sort((a, b) => a - b);
  return { atMs: performance.now(), ...timeOf(pids), pids };
}

function timeOf(pids: readonly number[]): { schedulerNs: number; statMs: number } {
  let schedulerNs = 0;
  let statMs = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Counted from the field after the name: utime, stime, cutime, cstime (proc(5), fields 14 to 17).
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    for (const field of [11, 12, 13, 14]) statMs += Number(fields[field]) * TICK_MS;
    for (const thread of readdirSync(`/proc/${pid}/task`)) schedulerNs += threadNs(pid, thread);
  }
  return { schedulerNs, statMs };
}

function threadNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread has just ended.
    return 0;
  }
}

/** Microseconds of processor time between two readings. @throws Error when processes have come or gone meanwhile */
export function spentUs(from: ProcessorTime, to: ProcessorTime): number {
  if (from.pids.join() !== to.pids.join()) {
    throw new Error(`processes changed while they were measured: ${from.pids} became ${to.pids}`);
  }
  return (to.schedulerNs - from.schedulerNs) / 1_000;
}

/** Busy time of all processors together, in milliseconds: everything in /proc/stat but idle and waiting for disks. */
export function machineBusyMs(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}
