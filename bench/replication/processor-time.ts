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
  readonly processes: ReadonlyMap<number, ProcessTime>;
}

interface ProcessTime {
  readonly schedulerNs: number;
  readonly statMs: number;
}

const TICK_MS = 10; // USER_HZ is 100 on every architecture that Node.js runs on

export function nodeProcessorTime(lab: string, node: string): ProcessorTime {
  const processes = new Map<number, ProcessTime>();
  for (const pid of processesIn(namespaceOf(lab, node), { withoutOutsiders: true })) {
    const time = timeOf(pid);
    if (time !== undefined) processes.set(pid, time);
  }
  return { atMs: performance.now(), processes };
}

/** @returns undefined when the process has just ended */
function timeOf(pid: number): ProcessTime | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Counted from the field after the name: utime, stime, cutime, cstime (proc(5), fields 14 to 17).
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const statMs = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]) * TICK_MS, 0);
    const threads = readdirSync(`/proc/${pid}/task`);
    return { schedulerNs: threads.reduce((sum, thread) => sum + threadNs(pid, thread), 0), statMs };
  } catch {
    return undefined;
  }
}

function threadNs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread has just ended.
    return 0;
  }
}

/** A process that has used less than this and is gone was a passing command; one that used more was a daemon. */
const DAEMON_MS = 100;

/**
 * Microseconds of processor time between two readings, as the scheduler and as `stat` count them.
 *
 * @throws Error when a daemon has ended meanwhile: what it used is not known then
 */
export function spentUs(from: ProcessorTime, to: ProcessorTime): { scheduler: number; stat: number } {
  for (const [pid, { schedulerNs }] of from.processes) {
    if (to.processes.has(pid) || schedulerNs < DAEMON_MS * 1e6) continue;
    throw new Error(`process ${pid} ended while it was measured`);
  }
  let scheduler = 0;
  let stat = 0;
  for (const [pid, after] of to.processes) {
    const before = from.processes.get(pid);
    scheduler += (after.schedulerNs - (before?.schedulerNs ?? 0)) / 1_000;
    stat += (after.statMs - (before?.statMs ?? 0)) * 1_000;
  }
  return { scheduler, stat };
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
