import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import { ControlClient } from "../client/control-client.ts";
import type { ClusterStatus } from "../contract/status.ts";
import { controlSocket, nodeLog } from "./lab-folder.ts";
import { type LabSettings, nodeNames } from "./lab-plan.ts";
import { logTail, runningNode } from "./node-process.ts";

const ASK_TIMEOUT_MS = 2_000;
const POLL_MS = 100;

/** What the lab's nodes say about the cluster: the answer of the active node, else of any that answers. */
export async function askCluster(settings: LabSettings): Promise<ClusterStatus | undefined> {
  const answers = await Promise.all(
    nodeNames(settings).map(async (node) => {
      if (runningNode(settings.name, node) === undefined) return undefined;
      const client = new ControlClient(controlSocket(settings.name, node), { timeoutMs: ASK_TIMEOUT_MS });
      try {
        return { node, status: await client.status() };
      } catch (error) {
        // A node that starts, ends or hangs does not answer: the others do.
        if (error instanceof ProblemError) return undefined;
        throw error;
      }
    }),
  );
  const heard = answers.filter((answer) => answer !== undefined);
  return (heard.find(({ node, status }) => status.activeNode === node) ?? heard[0])?.status;
}

export interface ClusterWait {
  readonly limitMs: number;
  /** What is waited for, for the message: "until …". */
  readonly until: string;
  /** What was seen last, for the message. */
  readonly seen?: () => string;
  readonly signal?: AbortSignal | undefined;
}

/** Asks again and again until the cluster is as wished. @throws ProblemError at the limit, saying how it is instead */
export async function waitForCluster(
  settings: LabSettings,
  wished: (status: ClusterStatus) => boolean | Promise<boolean>,
  { limitMs, until, seen, signal }: ClusterWait,
): Promise<ClusterStatus> {
  const endMs = performance.now() + limitMs;
  let status: ClusterStatus | undefined;
  while (performance.now() < endMs) {
    status = await askCluster(settings);
    if (status !== undefined && (await wished(status))) return status;
    if (status === undefined) refuseDeadNodes(settings);
    await sleep(POLL_MS, undefined, { signal });
  }
  const said = status === undefined ? "no node answers" : `it says: ${status.summary}`;
  const saw = seen === undefined ? "" : `; ${seen()}`;
  const node = nodeNames(settings)[0] ?? "gw1";
  throw new ProblemError({
    code: "lab-not-ready",
    message: `waited ${limitMs / 1_000} s for the lab "${settings.name}" until ${until}; ${said}${saw}`,
    hint: `The nodes' logs say more: ${nodeLog(settings.name, node)}`,
  });
}

/** Nobody answers and nobody runs: waiting longer is useless, and the log says why. */
function refuseDeadNodes(settings: LabSettings): void {
  const nodes = nodeNames(settings);
  if (nodes.some((node) => runningNode(settings.name, node) !== undefined)) return;
  const [node = "gw1"] = nodes;
  const log = logTail(settings.name, node);
  throw new ProblemError({
    code: "lab-node-not-running",
    message: `no daemon of the lab "${settings.name}" runs${log === "" ? "" : `; the last words of ${node}: ${log}`}`,
    hint: `The whole log: ${nodeLog(settings.name, node)}`,
  });
}

/** All nodes there, one active, every standby with a complete copy of the connections. */
export function isWell(status: ClusterStatus): boolean {
  return (
    status.verdict === "ok" &&
    status.groups.every(({ activeNode }) => activeNode !== null) &&
    status.nodes.every((node) => node.reachable && node.replication.complete)
  );
}
