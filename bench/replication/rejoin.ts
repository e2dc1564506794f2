import { fileURLToPath } from "node:url";
import { ProblemError } from "../../src/base/problem.ts";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { namespaceOf } from "../../src/lab/lab-plan.ts";
import { crash, cut, mend, powerOff, powerOn } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import type { BenchLab } from "./bench-lab.ts";
import { ACTIVE, STANDBY } from "./contenders.ts";
import { round } from "./statistics.ts";
import type { TableDigest } from "./table-digest.ts";
import { routeToGenerator } from "./traffic/generator-links.ts";

/** How a standby that had been away came to hold every connection again. */
export interface RejoinResult {
  readonly kind: RejoinKind;
  /** From the return itself (the daemon started, the cable mended) until the cluster calls the standby complete. */
  readonly completeMs: number;
  /** The same from the moment when the active node's stream to it was connected, as far as polling every 50 ms shows it. */
  readonly completeSinceConnectedMs: number;
  /** From the return until, in addition, both kernels have the same number of entries, give or take what comes in half a second. */
  readonly agreedMs: number;
  readonly activeEntries: number;
  readonly standbyEntries: number;
  /** Established connections that one node had and the other had not, after the traffic ended: by number, and whether they were the same. */
  readonly tablesEqual: boolean;
  readonly entriesDiffer: number;
}

export const rejoinKinds = ["empty", "cut", "restart"] as const;
export type RejoinKind = (typeof rejoinKinds)[number];

const ABSENCE_MS = 10_000;
const POLL_MS = 50;
const LIMIT_MS = 120_000;
/** How long after the last packet the tables may differ. */
const EQUAL_LIMIT_MS = 30_000;
const EQUAL_POLL_MS = 2_000;
/** Entries of the nodes' own connections. */
const SLACK = 64;

/** A node that boots with an empty kernel; no traffic but the flows that stand. */
export async function rejoinEmpty(lab: BenchLab): Promise<RejoinResult> {
  await powerOff(lab.name, STANDBY);
  await untilNotComplete(lab);
  // The lab's node is a namespace of this kernel, which needs seconds, and locks, to get rid of a million entries with it.
  // A machine that was without power does not.
  await runCommand("ip", ["netns", "exec", namespaceOf(lab.name, STANDBY), "conntrack", "-F"]);
  await powerOn(lab.name, STANDBY);
  const fromMs = performance.now();
  const result = await untilComplete(lab, "empty", fromMs, 0);
  await routeToGenerator(lab.name, STANDBY);
  return { ...result, ...(await compareTables(lab)) };
}

/** The cable between the nodes is cut for ten seconds. Connections come and go all the time. */
export async function rejoinAfterCut(lab: BenchLab, perSecond: number): Promise<RejoinResult> {
  await cut(lab.name, `${STANDBY}-sync`);
  await lab.sleep(ABSENCE_MS);
  await mend(lab.name, `${STANDBY}-sync`);
  return await untilComplete(lab, "cut", performance.now(), perSecond);
}

/** The standby's daemon is killed, and ten seconds later started again; its kernel keeps its table. */
export async function rejoinAfterRestart(lab: BenchLab, perSecond: number): Promise<RejoinResult> {
  await crash(lab.name, STANDBY);
  await lab.sleep(ABSENCE_MS);
  await startNode(lab.name, STANDBY);
  return await untilComplete(lab, "restart", performance.now(), perSecond);
}

async function untilNotComplete(lab: BenchLab): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (performance.now() < endMs) {
    const status = await ask(lab);
    if (status !== undefined && standbyOf(status)?.replication.complete !== true) return;
    await lab.sleep(POLL_MS);
  }
}

async function untilComplete(
  lab: BenchLab,
  kind: RejoinKind,
  fromMs: number,
  perSecond: number,
): Promise<RejoinResult> {
  let connectedMs: number | undefined;
  let completeMs: number | undefined;
  while (performance.now() - fromMs < LIMIT_MS) {
    const status = await ask(lab);
    const nowMs = performance.now();
    if (status !== undefined && isConnected(status)) connectedMs ??= nowMs;
    if (status !== undefined && isComplete(status, perSecond)) completeMs ??= nowMs;
    if (completeMs !== undefined) {
      const [activeEntries, standbyEntries] = [await lab.count(ACTIVE), await lab.count(STANDBY)];
      if (Math.abs(activeEntries - standbyEntries) <= perSecond / 2 + SLACK) {
        return {
          kind,
          completeMs: round(completeMs - fromMs, 0),
          completeSinceConnectedMs: round(completeMs - (connectedMs ?? fromMs), 0),
          agreedMs: round(performance.now() - fromMs, 0),
          activeEntries,
          standbyEntries,
          tablesEqual: false,
          entriesDiffer: Number.NaN,
        };
      }
    }
    await lab.sleep(POLL_MS);
  }
  throw new ProblemError({
    code: "lab-not-ready",
    message: `the standby was not complete ${LIMIT_MS / 1_000} s after its return (${kind}): ${await lab.count(STANDBY)} entries of ${await lab.count(ACTIVE)}`,
    hint: "The nodes' logs are in /run/tocha-lab while the bench runs.",
  });
}

/** Once all is calm: do both kernels hold the very same connections? What is still on its way gets some time. */
export async function compareTables(
  lab: BenchLab,
): Promise<{ readonly tablesEqual: boolean; readonly entriesDiffer: number }> {
  const endMs = performance.now() + EQUAL_LIMIT_MS;
  for (;;) {
    const [active, standby] = [await digestOf(lab, ACTIVE), await digestOf(lab, STANDBY)];
    const tablesEqual =
      active.entries === standby.entries && active.sum === standby.sum && active.mix === standby.mix;
    if (tablesEqual || performance.now() > endMs) {
      return { tablesEqual, entriesDiffer: Math.abs(active.entries - standby.entries) };
    }
    await lab.sleep(EQUAL_POLL_MS);
  }
}

async function digestOf(lab: BenchLab, node: string): Promise<TableDigest> {
  const program = fileURLToPath(new URL("table-digest.ts", import.meta.url));
  const args = ["netns", "exec", namespaceOf(lab.name, node), process.execPath, program];
  return JSON.parse(await runCommand("ip", args)) as TableDigest;
}

/** What the active node says. @returns undefined when it does not answer just now */
async function ask(lab: BenchLab): Promise<ClusterStatus | undefined> {
  try {
    return await new ControlClient(controlSocket(lab.name, ACTIVE), { timeoutMs: 2_000 }).status();
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

function standbyOf(status: ClusterStatus) {
  return status.nodes.find(({ name, reachable }) => name === STANDBY && reachable);
}

function streamOf(status: ClusterStatus) {
  const active = status.nodes.find(({ name }) => name === ACTIVE);
  return active?.replication.streams.find(({ peer, direction }) => peer === STANDBY && direction === "to");
}

function isConnected(status: ClusterStatus): boolean {
  return streamOf(status)?.connected === true;
}

/** Complete, and no further behind than a fifth of a second of what comes. */
function isComplete(status: ClusterStatus, perSecond: number): boolean {
  const stream = streamOf(status);
  if (stream?.connected !== true || standbyOf(status)?.replication.complete !== true) return false;
  return stream.lagRecords <= SLACK + (2 * perSecond) / 5;
}
