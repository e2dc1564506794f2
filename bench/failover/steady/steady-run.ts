import { setTimeout as sleep } from "node:timers/promises";
import type { AddressWatch } from "../../../src/lab/address-watch.ts";
import type { LabSettings } from "../../../src/lab/lab-plan.ts";
import { monotonicMs } from "../../../src/lab/monotonic-clock.ts";
import type { BackgroundTraffic } from "../../../src/lab/traffic/background-traffic.ts";
import type { MachineWatch } from "../../../src/lab/traffic/machine-watch.ts";
import type { ProbeTraffic } from "../../../src/lab/traffic/probe-traffic.ts";
import type { StreamReport, StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { prepareNode } from "../../replication/bench-lab.ts";
import { ACTIVE, STANDBY } from "../../replication/contenders.ts";
import { round } from "../../replication/statistics.ts";
import { plugInGenerator } from "../../replication/traffic/generator-links.ts";
import { OtherNamespaces } from "./other-namespaces.ts";
import { takeoversSeen } from "./role-changes.ts";
import { SteadyLoad, type SteadyLoadReport } from "./steady-load.ts";

/** What the nodes of a contender say themselves of the time that was measured. */
export interface OwnWords {
  readonly takeovers: number;
  /** Changes of role of all nodes. */
  readonly roleChanges: number;
  /** Another active was heard. */
  readonly conflicts: number;
  /** What else was counted and should be rare, by name; nothing that is zero. */
  readonly events: Readonly<Record<string, number>>;
  /** How late the node's failover woke at most, by node; null where nobody measures that. */
  readonly lateMs: Readonly<Record<string, number>> | null;
}

/** Asks the nodes of a contender. */
export interface Witness {
  /** Control sockets to be asked all the time. */
  readonly sockets: readonly string[];
  begin(): Promise<void>;
  /** For a line of progress. @returns a few words; empty when there is nothing to say */
  look(): Promise<string>;
  end(): Promise<OwnWords>;
}

/** A lab in which everything is well, and its traffic is on the way. */
export interface SteadyLab {
  readonly settings: LabSettings;
  readonly watch: AddressWatch;
  readonly probe: ProbeTraffic;
  readonly streams: StreamTraffic;
  readonly machine: MachineWatch;
  readonly background: BackgroundTraffic | undefined;
  readonly witness: Witness;
}

export interface SteadyRunOptions {
  readonly name: string;
  readonly minutes: number;
  readonly intervalMs: number;
  readonly pulseIntervalMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

/** What was seen of one contender, while nothing was wrong but the load. Times in milliseconds. */
export interface SteadyRun extends OwnWords {
  readonly minutes: number;
  /** When a node came to hold the virtual addresses, in the nodes' kernels: seconds since the load began. */
  readonly takeoversSeen: readonly number[];
  readonly udpSent: number;
  readonly udpLost: number;
  /** Stretches of lost probes, and the longest. */
  readonly udpGaps: number;
  readonly udpGapMs: number;
  readonly probeLateMs: number;
  readonly connections: number;
  readonly connectionsLost: number;
  readonly backgroundFlows: number;
  readonly backgroundLost: number;
  readonly longestTcpStallMs: number;
  readonly load: SteadyLoadReport;
  /** How long a processor stood still at most: what all are late by, and nobody's fault here. */
  readonly machineStallMs: number;
  /** Network namespaces of others that were seen meanwhile: the machine had other work. */
  readonly otherNamespaces: readonly string[];
}

export const BACKGROUND_FLOWS = 100_000;
const MINUTE_MS = 60_000;
const PROGRESS_MS = 30_000;
// As after a takeover (src/lab/scenarios/run-scenario.ts).
const AFTER_MS = 3_000;
const STANDSTILL_LIMIT_MS = 20_000;
const POLL_MS = 100;

/** Puts a lab under load, and counts what should not happen. */
export async function watchUnderLoad(lab: SteadyLab, options: SteadyRunOptions): Promise<SteadyRun> {
  const { settings, watch, probe, streams, background, witness } = lab;
  const { minutes, signal } = options;
  await plugInGenerator(settings.name);
  for (const node of [ACTIVE, STANDBY]) await prepareNode(settings.name, node);
  await witness.begin();
  await Promise.all([probe.mark(), streams.mark()]);
  const fromMs = monotonicMs();
  const { load, machineStallMs, otherNamespaces } = await whileLoaded(lab, options, fromMs);
  const own = await witness.end();
  const seen = takeoversSeen(watch.events, { addresses: watch.addresses, fromMs });
  const { sent, answered, outages, outageMs, sendGapMs } = await probe.report();
  const { longestStallMs } = await streams.report();
  // From here every connection must make progress anew: what was on its way counts no more.
  await streams.mark();
  const after = await settled(streams, signal);
  const checked = (await background?.check(signal)) ?? 0;
  return {
    ...own,
    minutes,
    takeoversSeen: seen.map((atMs) => round((atMs - fromMs) / 1_000, 1)),
    udpSent: sent,
    udpLost: sent - answered,
    udpGaps: outages,
    udpGapMs: outageMs,
    probeLateMs: sendGapMs,
    connections: after.connections,
    connectionsLost: after.lost + after.corrupted,
    backgroundFlows: background?.flows ?? 0,
    backgroundLost: (background?.flows ?? 0) - checked,
    longestTcpStallMs: Math.max(longestStallMs, after.longestStallMs),
    load,
    machineStallMs,
    otherNamespaces,
  };
}

async function whileLoaded(
  lab: SteadyLab,
  { minutes, signal, log }: SteadyRunOptions,
  fromMs: number,
): Promise<Pick<SteadyRun, "load" | "machineStallMs" | "otherNamespaces">> {
  const load = await SteadyLoad.start(lab.settings.name, lab.witness.sockets);
  const others = new OtherNamespaces(lab.settings.name);
  const { machine } = lab;
  let machineStallMs = 0;
  try {
    await machine.mark();
    const totalMs = minutes * MINUTE_MS;
    const startMs = performance.now();
    for (let dueMs = PROGRESS_MS; dueMs <= totalMs; dueMs += PROGRESS_MS) {
      await sleep(Math.max(0, startMs + dueMs - performance.now()), undefined, { signal });
      const stallMs = round(await machine.stallMs(), 1);
      await machine.mark();
      machineStallMs = Math.max(machineStallMs, stallMs);
      const words = await progress(lab, load, { fromMs, dueMs, totalMs });
      log(`${words}; a processor stood still for ${stallMs} ms`);
    }
    return { load: rounded(await load.report()), machineStallMs, otherNamespaces: others.seen };
  } finally {
    others.close();
    await load.close();
  }
}

async function progress(
  { watch, probe, streams, witness }: SteadyLab,
  load: SteadyLoad,
  times: { readonly fromMs: number; readonly dueMs: number; readonly totalMs: number },
): Promise<string> {
  const { fromMs, dueMs, totalMs } = times;
  const [udp, tcp, now, words] = await Promise.all([
    probe.report(),
    streams.report(),
    load.report(),
    witness.look(),
  ]);
  const takeovers = takeoversSeen(watch.events, { addresses: watch.addresses, fromMs }).length;
  return [
    `${clock(dueMs)} of ${clock(totalMs)}: ${takeovers} takeovers`,
    ...(words === "" ? [] : [words]),
    `UDP: ${udp.outages} gaps, the longest ${udp.outageMs} ms`,
    `${tcp.brokenEver + tcp.corrupted} of ${tcp.connections} streams broken`,
    `processors ${Math.round(now.processorsBusy * 100)} % busy`,
    `${Math.round(now.connectionsPerSecond)} connections/s`,
    ...(witness.sockets.length === 0 ? [] : [`${Math.round(now.answersPerSecond)} answers/s`]),
  ].join("; ");
}

/** `1:30` of a minute and a half. */
function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

async function settled(streams: StreamTraffic, signal: AbortSignal | undefined): Promise<StreamReport> {
  await sleep(AFTER_MS, undefined, { signal });
  const endMs = performance.now() + STANDSTILL_LIMIT_MS;
  for (;;) {
    const report = await streams.report();
    if (report.waiting === 0 || performance.now() > endMs) return report;
    await sleep(POLL_MS, undefined, { signal });
  }
}

function rounded(load: SteadyLoadReport): SteadyLoadReport {
  return {
    processorsBusy: round(load.processorsBusy, 3),
    connectionsPerSecond: Math.round(load.connectionsPerSecond),
    answersPerSecond: round(load.answersPerSecond, 1),
    answeredMbPerSecond: round(load.answeredMbPerSecond, 1),
    questionsFailed: load.questionsFailed,
  };
}
