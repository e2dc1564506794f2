import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";

/** A process, told apart from a later one with the same number by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot (proc(5), /proc/PID/stat field 22). */
  readonly startTicks: number;
}

/**
 * Processes with this in their environment are in a node's namespace and no part of the node: what watches it, and
 * the stop command, which a real machine's process 1 would run.
 */
export const outsiderMark = "TOCHA_LAB_OUTSIDER";

export function processIdentity(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  return fields === undefined ? undefined : { pid, startTicks: Number(fields[STAT_START]) };
}

/** Whether this very process still runs; a zombie does not. */
export function isRunning(identity: ProcessIdentity): boolean {
  const fields = statFields(identity.pid);
  return (
    fields !== undefined && fields[STAT_STATE] !== "Z" && Number(fields[STAT_START]) === identity.startTicks
  );
}

// Fields of /proc/PID/stat counted from the one after the command name, which may itself contain spaces.
const STAT_STATE = 0;
const STAT_SESSION = 3;
const STAT_START = 19;

function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

export interface ProcessFilter {
  /** Leave out processes that are no part of the node. */
  readonly withoutOutsiders?: boolean;
}

/** The processes inside a network namespace made by `ip netns`; none when there is no such namespace. */
export function processesIn(namespace: string, filter: ProcessFilter = {}): number[] {
  const target = namespaceInode(`/run/netns/${namespace}`);
  if (target === undefined) return [];
  return allProcesses()
    .filter((pid) => namespaceInode(`/proc/${pid}/ns/net`) === target)
    .filter((pid) => !(filter.withoutOutsiders === true && isOutsider(pid)));
}

/** The processes of a session (setsid(2)), which goes by the number of the process that began it. */
export function sessionProcesses(session: number): number[] {
  return allProcesses().filter((pid) => Number(statFields(pid)?.[STAT_SESSION]) === session);
}

function allProcesses(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry))
    .map(Number);
}

function namespaceInode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    // The process has ended, or the namespace is not there.
    return undefined;
  }
}

function isOutsider(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`${outsiderMark}=1`);
  } catch {
    return false;
  }
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const KILL_WAIT_MS = 5_000;
const KILL_POLL_MS = 5;

/** Kills every process in a namespace, also those that start meanwhile, and returns when none is left. */
export async function killAllIn(namespace: string, filter: ProcessFilter = {}): Promise<void> {
  for (let waitedMs = 0; waitedMs <= KILL_WAIT_MS; waitedMs += KILL_POLL_MS) {
    const pids = processesIn(namespace, filter);
    if (pids.length === 0) return;
    for (const pid of pids) sendSignal(pid, "SIGKILL");
    await sleep(KILL_POLL_MS);
  }
  const left = processesIn(namespace, filter);
  throw new ProblemError({
    code: "lab-process",
    message: `processes in ${namespace} survive SIGKILL: ${left.join(", ")}`,
    hint: "They hang in the kernel (state D in ps): look at dmesg.",
  });
}
