import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import type { LabSettings } from "./lab-plan.ts";
import { isRunning, type ProcessIdentity, processIdentity } from "./process-table.ts";

/** Where labs keep their documents, keys, sockets and logs; one folder each. Gone after a reboot, as the labs are. */
export const labRoot = "/run/tocha-lab";

/** What `lab up` writes down, for every later command. */
export interface LabRecord {
  readonly settings: LabSettings;
  /** False when only the network was asked for. */
  readonly daemons: boolean;
  /** False while it is being built. */
  readonly complete: boolean;
  /** ISO 8601. */
  readonly since: string;
  /** The program that will take the lab down when it ends; without one, the lab stays until `lab down`. */
  readonly owner?: ProcessIdentity;
}

export function labFolder(lab: string): string {
  return join(labRoot, lab);
}

export function documentPath(lab: string): string {
  return join(labFolder(lab), "cluster.yaml");
}

export function nodeFolder(lab: string, node: string): string {
  return join(labFolder(lab), node);
}

export function nodeLog(lab: string, node: string): string {
  return join(nodeFolder(lab, node), "log");
}

export function controlSocket(lab: string, node: string): string {
  return join(nodeFolder(lab, node), "control.sock");
}

export function writeLabRecord(record: LabRecord): void {
  const file = join(labFolder(record.settings.name), "lab.json");
  // Renamed into place, so that a reader sees all of it or none.
  writeFileSync(`${file}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** @returns undefined when there is no such lab */
export function readLabRecord(lab: string): LabRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(labFolder(lab), "lab.json"), "utf8")) as LabRecord;
  } catch {
    return undefined;
  }
}

/** @throws ProblemError when the lab is not up */
export function requireLab(lab: string): LabRecord {
  const record = readLabRecord(lab);
  if (record?.complete === true) return record;
  const others = labNames().filter((name) => readLabRecord(name)?.complete === true);
  throw new ProblemError({
    code: "lab-unknown",
    message: `no lab "${lab}" is up`,
    hint:
      others.length > 0
        ? `These are: ${others.join(", ")} (choose with --name)`
        : `tocha lab up${lab === "tocha" ? "" : ` --name ${lab}`}`,
  });
}

/** Every lab that has a folder, half-built ones included. */
export function labNames(): string[] {
  try {
    return readdirSync(labRoot, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

/** Labs whose owner died without taking them down. */
export function abandonedLabs(): string[] {
  return labNames().filter((name) => {
    const owner = readLabRecord(name)?.owner;
    return owner !== undefined && !isRunning(owner);
  });
}

/**
 * Runs an operation on a lab while no other does, after waiting for it. The lock names its holder, so that the
 * lock of a program that was killed is known to be void.
 *
 * @throws ProblemError when another one goes on for too long
 */
export async function withLabLock<T>(lab: string, operation: () => Promise<T>): Promise<T> {
  const file = join(labRoot, `${lab}.lock`);
  await acquire(lab, file);
  try {
    return await operation();
  } finally {
    rmSync(file, { force: true });
  }
}

const LOCK_WAIT_MS = 15_000;
const LOCK_POLL_MS = 50;

async function acquire(lab: string, file: string): Promise<void> {
  const endMs = performance.now() + LOCK_WAIT_MS;
  // Written aside and linked into place: nobody can see a lock that does not name its holder yet.
  const draft = `${file}.${process.pid}`;
  while (performance.now() < endMs) {
    try {
      // Whoever takes the last lab down removes the folder, at any moment.
      mkdirSync(labRoot, { recursive: true, mode: 0o755 });
      writeFileSync(draft, JSON.stringify(processIdentity(process.pid)));
      linkSync(draft, file);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") continue;
      if (code !== "EEXIST") throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const holder = readHolder(file);
    if (holder === undefined || !isRunning(holder)) rmSync(file, { force: true });
    else await sleep(LOCK_POLL_MS);
  }
  throw new ProblemError({
    code: "lab-busy",
    message: `another command (process ${readHolder(file)?.pid ?? "unknown"}) is changing the lab "${lab}"`,
    hint: "Wait for it to end, or use another lab: --name NAME",
  });
}

/** Locks whose holders were killed. */
export function removeVoidLocks(): void {
  if (!existsSync(labRoot)) return;
  for (const entry of readdirSync(labRoot).filter((name) => name.endsWith(".lock"))) {
    const file = join(labRoot, entry);
    const holder = readHolder(file);
    if (holder === undefined || !isRunning(holder)) rmSync(file, { force: true });
  }
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Removes every trace of the lab from the file system; locks of programs that were killed, too. */
export function removeLabFolder(lab: string): void {
  rmSync(labFolder(lab), { recursive: true, force: true });
  removeVoidLocks();
}

/** Removes the root folder too once no lab is left. */
export function removeLabRootIfEmpty(): void {
  try {
    rmdirSync(labRoot);
  } catch (error) {
    // There are other labs, or somebody else has removed it: both are fine.
    if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
