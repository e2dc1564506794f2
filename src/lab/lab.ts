import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import { checkHost } from "./host-check.ts";
import { labDocument } from "./lab-document.ts";
import {
  documentPath,
  type LabRecord,
  labFolder,
  nodeFolder,
  readLabRecord,
  removeLabFolder,
  removeLabRootIfEmpty,
  requireLab,
  withLabLock,
  writeLabRecord,
} from "./lab-folder.ts";
import { writeLabKeys } from "./lab-keys.ts";
import {
  checkLabName,
  checkLabSettings,
  defaultLabSettings,
  isLabNamespace,
  type LabSettings,
  nodeNames,
} from "./lab-plan.ts";
import { killRecordedNode, startNode } from "./node-process.ts";
import { killAllIn, processesIn, processIdentity } from "./process-table.ts";
import { runCommand } from "./run-command.ts";
import { buildTopology } from "./topology.ts";

export interface LabUpOptions {
  /** False builds the network only, for daemons of another kind. */
  readonly daemons?: boolean;
  /** The lab ends with this process: if it dies without a word, the next lab takes this one down. */
  readonly owned?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Builds a lab and starts a gateway daemon in every node. Needs root.
 *
 * @throws ProblemError when the host lacks something, or a lab of this name is up; nothing is left behind then
 */
export async function labUp(
  partial: Partial<LabSettings> = {},
  options: LabUpOptions = {},
): Promise<LabRecord> {
  const settings = { ...defaultLabSettings, ...partial };
  checkLabSettings(settings);
  await checkHost();
  return await withLabLock(settings.name, async () => {
    await refuseTakenName(settings.name);
    const owner = options.owned === true ? processIdentity(process.pid) : undefined;
    const record: LabRecord = {
      settings,
      daemons: options.daemons ?? true,
      since: new Date().toISOString(),
      complete: false,
      ...(owner === undefined ? {} : { owner }),
    };
    try {
      await build(record, options.signal);
    } catch (error) {
      await clear(settings.name);
      throw error;
    }
    const complete = { ...record, complete: true };
    writeLabRecord(complete);
    return complete;
  });
}

async function build(record: LabRecord, signal: AbortSignal | undefined): Promise<void> {
  const { settings } = record;
  const nodes = nodeNames(settings);
  mkdirSync(labFolder(settings.name), { recursive: true, mode: 0o700 });
  writeLabRecord(record);
  for (const node of nodes) mkdirSync(join(nodeFolder(settings.name, node), "state"), { recursive: true });
  writeFileSync(documentPath(settings.name), labDocument(settings));
  await writeLabKeys(join(labFolder(settings.name), "keys"), nodes);
  await buildTopology(settings, signal);
  signal?.throwIfAborted();
  if (record.daemons) for (const node of nodes) await startNode(settings.name, node);
}

async function refuseTakenName(name: string): Promise<void> {
  const record = readLabRecord(name);
  if (record?.complete === true) {
    throw new ProblemError({
      code: "lab-exists",
      message: `the lab "${name}" is up already, since ${record.since}`,
      hint: `tocha lab down --name ${name}, or choose another name`,
    });
  }
  // A lab that was never finished, by a command that was killed: its remains are ours to remove.
  if (record !== undefined) return await clear(name).then(() => undefined);
  const taken = labNamespaces(name);
  if (taken.length > 0) {
    throw new ProblemError({
      code: "lab-name-taken",
      message: `network namespaces of this name exist already: ${taken.join(", ")}`,
      hint: `If they are an old lab's: tocha lab down --name ${name}. If not: choose another --name.`,
    });
  }
}

const LATE_COMMAND_MS = 30;

export interface LabDownResult {
  readonly namespaces: number;
  readonly processes: number;
}

/**
 * Removes a lab with everything in it: also one that is half-built, crashed, or not there at all.
 *
 * @returns what was found and removed
 */
export async function labDown(name: string): Promise<LabDownResult> {
  checkLabName(name);
  const result = await withLabLock(name, () => clear(name));
  removeLabRootIfEmpty();
  return result;
}

async function clear(name: string): Promise<LabDownResult> {
  const first = await clearOnce(name);
  // A builder that was killed may have left a command behind that was just making something.
  await sleep(LATE_COMMAND_MS);
  const second = await clearOnce(name);
  return {
    namespaces: first.namespaces + second.namespaces,
    processes: first.processes + second.processes,
  };
}

async function clearOnce(name: string): Promise<LabDownResult> {
  const namespaces = labNamespaces(name);
  const processes = new Set(namespaces.flatMap((namespace) => processesIn(namespace)));
  for (const namespace of namespaces) await killAllIn(namespace);
  // Daemons whose namespace was deleted under their feet are known by their written-down number only.
  for (const node of recordedNodes(name)) {
    for (const pid of await killRecordedNode(name, node)) processes.add(pid);
  }
  // The switches go first: with one end of every cable the other disappears, and nothing is sent any more.
  for (const namespace of namespaces.sort(
    (a, b) => Number(b.endsWith("-net")) - Number(a.endsWith("-net")),
  )) {
    await runCommand("ip", ["netns", "del", namespace]);
  }
  removeLabFolder(name);
  return { namespaces: namespaces.length, processes: processes.size };
}

/** The network namespaces that carry the lab's name. */
export function labNamespaces(name: string): string[] {
  try {
    return readdirSync("/run/netns").filter((namespace) => isLabNamespace(name, namespace));
  } catch {
    // The folder appears with the first namespace.
    return [];
  }
}

function recordedNodes(name: string): string[] {
  try {
    return readdirSync(labFolder(name)).filter((entry) => /^gw[1-9]$/.test(entry));
  } catch {
    return [];
  }
}

/** Removes what a boot finds gone: everything in the node's run folder but its disk and its log. */
export function emptyRunFolder(name: string, node: string): void {
  const folder = nodeFolder(name, node);
  for (const entry of readdirSync(folder)) {
    if (entry !== "state" && entry !== "log") rmSync(join(folder, entry), { recursive: true, force: true });
  }
}

/** The settings of a lab that is up. @throws ProblemError when the lab is not up, or has no such node */
export function requireNode(name: string, node: string): LabSettings {
  const { settings } = requireLab(name);
  const nodes = nodeNames(settings);
  if (nodes.includes(node)) return settings;
  throw new ProblemError({
    code: "lab-node-unknown",
    message: `the lab "${name}" has no node "${node}"`,
    hint: `Its nodes are ${nodes.join(" and ")}.`,
  });
}
