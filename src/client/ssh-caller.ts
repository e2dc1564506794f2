import { readFileSync, readlinkSync } from "node:fs";
import { parseSshConnection } from "../contract/caller-way.ts";

/** So many programs stand between the one that sshd has started and a command, at most. */
const ANCESTORS_MAX = 32;

/** What is read of processes; a test has its own. */
export interface ProcessFacts {
  readonly pid: number;
  /** The environment that a process was started with; undefined where it may not be read. */
  readonly environmentOf: (pid: number) => string | undefined;
  readonly parentOf: (pid: number) => number | undefined;
  /** Names the network namespace of this process. */
  readonly network: () => string | undefined;
}

/**
 * The SSH connection by which a command was given, and the network that it came to: for the header by which the node is told.
 * sudo and su take SSH_CONNECTION away, so the programs that this one was started by are looked at, too.
 *
 * @returns undefined at the console, and where it cannot be found out
 */
export function sshCaller(
  environment: NodeJS.ProcessEnv = process.env,
  facts: ProcessFacts = linuxFacts,
): string | undefined {
  const network = facts.network();
  const connection = connectionIn(environment["SSH_CONNECTION"]) ?? inherited(facts);
  return network === undefined || connection === undefined ? undefined : `${connection} ${network}`;
}

function inherited({ pid, environmentOf, parentOf }: ProcessFacts): string | undefined {
  let ancestor = parentOf(pid);
  for (let count = 0; count < ANCESTORS_MAX && ancestor !== undefined && ancestor > 1; count++) {
    const found = environmentOf(ancestor)
      ?.split("\0")
      .find((entry) => entry.startsWith("SSH_CONNECTION="));
    const connection = connectionIn(found?.slice("SSH_CONNECTION=".length));
    if (connection !== undefined) return connection;
    ancestor = parentOf(ancestor);
  }
  return undefined;
}

function connectionIn(text: string | undefined): string | undefined {
  return text !== undefined && parseSshConnection(text) !== undefined ? text : undefined;
}

const linuxFacts: ProcessFacts = {
  pid: process.pid,
  environmentOf: (pid) => contentOf(`/proc/${pid}/environ`),
  parentOf: (pid) => {
    // proc_pid_stat(5): the name, in brackets, may hold anything; the parent is the second value behind it.
    const stat = contentOf(`/proc/${pid}/stat`);
    const parent = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ", 2)[1]);
    return Number.isInteger(parent) ? parent : undefined;
  },
  network: networkName,
};

/** As in `net:[4026531840]`; namespaces(7). */
export function networkName(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/net");
  } catch {
    return undefined;
  }
}

/** Undefined: the process has ended meanwhile, or is of another user. */
function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}
