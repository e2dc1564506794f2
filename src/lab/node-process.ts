import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ProblemError } from "../base/problem.ts";
import { documentPath, nodeFolder, nodeLog } from "./lab-folder.ts";
import { namespaceOf } from "./lab-plan.ts";
import {
  isRunning,
  type ProcessIdentity,
  processIdentity,
  sendSignal,
  sessionProcesses,
} from "./process-table.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const serviceManager = fileURLToPath(new URL("./service-manager.sh", import.meta.url));

const START_WAIT_MS = 5_000;

/** What is written down of a started node: its daemon, and the service manager that waits for the daemon's end. */
interface StartedNode {
  readonly daemon: ProcessIdentity;
  readonly manager: ProcessIdentity;
}

/** Starts the gateway daemon of a node, in the node's namespace and in a session of its own, under a service manager. */
export async function startNode(lab: string, node: string): Promise<void> {
  const folder = nodeFolder(lab, node);
  const log = openSync(nodeLog(lab, node), "a");
  const daemonPidFile = join(folder, "daemon.pid");
  rmSync(daemonPidFile, { force: true });
  const child = spawn(
    "sh",
    [
      ...[serviceManager, namespaceOf(lab, node), daemonPidFile, join(folder, "release.ip")],
      ...[launcher, "run", "--config", documentPath(lab), "--node", node],
      ...["--run-dir", folder, "--state-dir", join(folder, "state")],
    ],
    { stdio: ["ignore", log, log], detached: true },
  );
  closeSync(log);
  child.unref();
  const manager = child.pid === undefined ? undefined : processIdentity(child.pid);
  // `setsid`, `ip netns exec` and the launcher replace themselves: the number stays the daemon's own.
  const daemon = await writtenIdentity(daemonPidFile);
  if (manager === undefined || daemon === undefined) {
    throw new ProblemError({
      code: "lab-command",
      message: `the daemon of ${node} could not be started`,
      hint: `See ${nodeLog(lab, node)}`,
    });
  }
  writeFileSync(pidFile(lab, node), JSON.stringify({ daemon, manager } satisfies StartedNode));
}

async function writtenIdentity(file: string): Promise<ProcessIdentity | undefined> {
  for (let waitedMs = 0; waitedMs < START_WAIT_MS; waitedMs += 2) {
    if (existsSync(file)) return processIdentity(Number(readFileSync(file, "utf8")));
    await sleep(2);
  }
  return undefined;
}

/** The daemon of a node, if it runs. */
export function runningNode(lab: string, node: string): ProcessIdentity | undefined {
  const daemon = recordedNode(lab, node)?.daemon;
  return daemon !== undefined && isRunning(daemon) ? daemon : undefined;
}

/** Ends a node's service manager, as a loss of power does: nobody runs the stop command after the daemon's end. */
export function killServiceManager(lab: string, node: string): void {
  const manager = recordedNode(lab, node)?.manager;
  if (manager !== undefined && isRunning(manager)) sendSignal(manager.pid, "SIGKILL");
}

const STOP_WAIT_MS = 15_000;

/** Stops a node's daemon in an orderly way (SIGTERM) and returns when it has ended. */
export async function stopNode(lab: string, node: string): Promise<void> {
  const identity = runningNode(lab, node);
  if (identity === undefined) {
    throw new ProblemError({
      code: "lab-node-not-running",
      message: `the daemon of ${node} does not run`,
      hint: `tocha lab power-on ${node}`,
    });
  }
  sendSignal(identity.pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < STOP_WAIT_MS; waitedMs += 10) {
    if (!isRunning(identity)) return;
    await sleep(10);
  }
  throw new ProblemError({
    code: "lab-node-hangs",
    message: `the daemon of ${node} has not ended ${STOP_WAIT_MS / 1_000} s after SIGTERM`,
    hint: `See ${nodeLog(lab, node)}`,
  });
}

/** Kills the session of the daemon that was started for a node. @returns the processes that were killed */
export async function killRecordedNode(lab: string, node: string): Promise<number[]> {
  const daemon = recordedNode(lab, node)?.daemon;
  if (daemon === undefined) return [];
  killServiceManager(lab, node);
  // The session outlives its leader: as long as a member lives, the kernel gives the number to nobody else.
  const leader = processIdentity(daemon.pid);
  if (leader !== undefined && leader.startTicks !== daemon.startTicks) return [];
  const killed = sessionProcesses(daemon.pid);
  for (const pid of killed) sendSignal(pid, "SIGKILL");
  rmSync(pidFile(lab, node), { force: true });
  if (killed.length > 0) await sleep(20);
  return killed;
}

const LOG_TAIL_BYTES = 4_000;

/** The last lines of a node's log, for a message that says why it is not there. */
export function logTail(lab: string, node: string, lines = 5): string {
  const file = nodeLog(lab, node);
  if (!existsSync(file)) return "";
  const text = readFileSync(file, "utf8").slice(-LOG_TAIL_BYTES).trimEnd();
  return text.split("\n").slice(-lines).join("\n");
}

function pidFile(lab: string, node: string): string {
  return join(nodeFolder(lab, node), "pid");
}

function recordedNode(lab: string, node: string): StartedNode | undefined {
  try {
    return JSON.parse(readFileSync(pidFile(lab, node), "utf8")) as StartedNode;
  } catch {
    return undefined;
  }
}
