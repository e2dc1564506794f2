import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { longestDuplicateMs, longestVacantMs, takeoversSince } from "../address-timeline.ts";
import { labDown } from "../lab.ts";
import { abandonedLabs, readLabRecord } from "../lab-folder.ts";
import { defaultLabSettings, type LabSettings, nodeNames } from "../lab-plan.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { inOwnLab } from "../scenarios/own-lab.ts";
import { Stage } from "../scenarios/stage.ts";
import type { ChaosKind, ChaosWorld } from "./chaos-fault.ts";
import { allChaosKinds, chaosPlan, findChaosKinds, type PlannedFault } from "./chaos-plan.ts";
import { type ChaosEpisode, type ChaosReport, isStalled, judge, longest } from "./chaos-report.ts";
import { loseNothing, loseOnLinks } from "./link-loss.ts";
import { lossKinds } from "./loss-kinds.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** A lab that is up already; otherwise one is made, of this name if given, and taken down afterwards. */
  readonly name?: string;
  readonly connections?: number;
  readonly intervalMs?: number;
  readonly pulseIntervalMs?: number | undefined;
  readonly nodes?: number;
  readonly ipv6?: boolean;
  /** Only these kinds of faults. */
  readonly faults?: readonly string[] | undefined;
  readonly signal?: AbortSignal;
  /** Gets what happens, as lines for people. */
  readonly log?: (line: string) => void;
}

const CONNECTIONS = 300;
/** Until a boot, a copy of all connections and the end of every warning; a hanging process alone takes 15 s. */
const SETTLE_LIMIT_MS = 60_000;
/** A connection whose last segments were lost waits for its retransmission timer, which doubles each time. */
const PROGRESS_LIMIT_MS = 30_000;
const LOG_LINES = 60;

/**
 * Random faults against a lab under traffic, until the time is over or a promise is broken. Needs root.
 *
 * Between two faults every kernel has every connection again, so no fault may lose any.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const kinds = options.faults === undefined ? allChaosKinds : findChaosKinds(options.faults);
  for (const abandoned of abandonedLabs()) await labDown(abandoned);
  const running = options.name === undefined ? undefined : readLabRecord(options.name);
  if (running?.complete === true) return await play(running.settings, kinds, options);
  const settings: LabSettings = {
    ...defaultLabSettings,
    name: options.name ?? `chaos-${process.pid}`,
    intervalMs: options.intervalMs ?? defaultLabSettings.intervalMs,
    pulseIntervalMs: options.pulseIntervalMs,
    nodes: options.nodes ?? defaultLabSettings.nodes,
    ipv6: options.ipv6 ?? defaultLabSettings.ipv6,
  };
  return await inOwnLab(settings, { ...options, logLines: LOG_LINES }, () => play(settings, kinds, options));
}

async function play(
  settings: LabSettings,
  wanted: readonly ChaosKind[],
  options: ChaosOptions,
): Promise<ChaosReport> {
  const { seed, minutes, connections = CONNECTIONS, signal, log = () => undefined } = options;
  refuseUnfitLab(settings);
  const kinds = await possibleKinds(settings, wanted);
  const pulseMs = settings.pulseIntervalMs ?? settings.intervalMs;
  const stage = await Stage.set(settings, { connections, backgroundFlows: 0, signal, log });
  try {
    const endMs = monotonicMs() + minutes * 60_000;
    const episodes: ChaosEpisode[] = [];
    const failures: string[] = [];
    let active = stage.first;
    const plan = chaosPlan(seed, kinds);
    // After a broken promise nothing that follows would tell more; the logs end with what broke it.
    while (failures.length === 0 && monotonicMs() < endMs) {
      const played = await playFault(stage, plan.next().value, {
        active,
        number: episodes.length + 1,
        ...options,
      });
      episodes.push(played.episode);
      failures.push(...judge(played.episode, settings.intervalMs, pulseMs));
      active = played.active;
    }
    const streams = await stage.streams.report();
    const stalled = episodes.filter((episode) => isStalled(episode, pulseMs));
    const serving = episodes.filter(({ promise }) => promise.serves);
    return {
      ...{ seed, minutes, intervalMs: settings.intervalMs, nodes: settings.nodes, connections },
      ok: failures.length === 0,
      failures,
      faults: episodes.length,
      faultsByKind: countByKind(episodes),
      leftOut: wanted.filter((kind) => !kinds.includes(kind)).map(({ name }) => name),
      takeovers: episodes.reduce((sum, { takeovers }) => sum + takeovers.length, 0),
      movesNotJudged: stalled.length,
      longestMachineStallMs: Math.max(0, ...episodes.map(({ machineStallMs }) => machineStallMs)),
      survived: streams.survived,
      lost: streams.lost,
      corrupted: streams.corrupted,
      verifiedBytes: streams.verifiedBytes,
      lossReasons: streams.reasons,
      whileServing: longest(serving),
      untilMended: longest(episodes.filter((one) => !serving.includes(one))),
      episodes,
    };
  } finally {
    await stage.close();
    await loseNothing(settings.name);
  }
}

/** Lets one fault happen, waits until all is well again, and tells what it did. */
async function playFault(
  stage: Stage,
  fault: PlannedFault,
  { active, number, signal, log = () => undefined }: ChaosOptions & { active: string; number: number },
): Promise<{ episode: ChaosEpisode; active: string }> {
  const { settings, watch } = stage;
  const standbys = nodeNames(settings).filter((node) => node !== active);
  const standby = standbys[fault.standbyNumber % standbys.length] ?? active;
  const world: ChaosWorld = { settings, active, standby, watch, signal };
  const before = await stage.streams.report();
  await stage.mark();
  const fromMs = monotonicMs();
  const says = fault.says(world);
  log(`${number}. ${fault.kind}: ${says}`);
  await fault.begin(world);
  await sleep(fault.lastsMs, undefined, { signal });
  await fault.mend?.(world);
  const mendedMs = monotonicMs();
  const settled = await settle(stage, log, signal);
  const wellMs = monotonicMs();
  const stallMs = (await stage.streams.report()).longestStallMs;
  // What was on its way before counts no more: each connection must go on now, in both directions.
  await stage.streams.mark();
  const streams = await stage.progress(PROGRESS_LIMIT_MS, signal);
  // A standby that was about to take over when the fault ended does so a moment later: that is a part of it.
  await sleep(fault.pauseMs, undefined, { signal });
  const activeAfter = settled && (await settle(stage, log, signal));
  const [probe, answers] = await Promise.all([stage.probe.report(), stage.answers.report()]);
  const times = { addresses: watch.addresses, fromMs, toMs: monotonicMs() };
  const episode: ChaosEpisode = {
    ...{ number, kind: fault.kind, says, promise: fault.promise, lastsMs: fault.lastsMs },
    takeovers: takeoversSince(watch.events, times),
    vacantMs: round(longestVacantMs(watch.events, times)),
    sharedMs: round(longestDuplicateMs(watch.events, times)),
    answeredByTwoMs: round(answers.answeredByTwoMs),
    udpGapMs: probe.gapMs,
    udpSendGapMs: probe.sendGapMs,
    machineStallMs: round(await stage.machine.stallMs()),
    udpLost: probe.sent - probe.answered,
    longestTcpStallMs: Math.max(stallMs, streams.longestStallMs),
    lost: streams.lost - before.lost,
    corrupted: streams.corrupted - before.corrupted,
    settledMs: activeAfter === undefined ? null : round(wellMs - mendedMs),
  };
  log(`   ${outcome(episode)}`);
  return { episode, active: activeAfter ?? active };
}

function outcome({ takeovers, udpGapMs, settledMs, lost, machineStallMs }: ChaosEpisode): string {
  const moved = takeovers.length === 0 ? "nothing moved" : `${takeovers.join(", ")} took over`;
  const stall = machineStallMs < 20 ? "" : `; the machine stood still for ${machineStallMs} ms`;
  const well = settledMs === null ? "NOT WELL AGAIN" : `well again after ${settledMs} ms`;
  return `${moved}; UDP gap ${udpGapMs} ms; ${well}${stall}${lost === 0 ? "" : `; ${lost} LOST`}`;
}

/** @returns the active node; undefined if not all is well in time */
async function settle(
  stage: Stage,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return await stage.mirrored(SETTLE_LIMIT_MS, signal);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    log(error.problem.message);
    return undefined;
  }
}

function refuseUnfitLab({ name, nodes, preempt, groups }: LabSettings): void {
  if (nodes >= 2 && !preempt && groups === 1) return;
  throw new ProblemError({
    code: "lab-setting",
    message: `the lab "${name}" is not one for chaos: it needs two nodes or more, one group, and no preemption`,
    hint: "Leave --name away: chaos then makes its own lab.",
  });
}

/** Without those that this kernel cannot make. */
async function possibleKinds(
  settings: LabSettings,
  kinds: readonly ChaosKind[],
): Promise<readonly ChaosKind[]> {
  const refusal = await loseOnLinks(settings.name, { links: ["client"], direction: "both", percent: 1 });
  await loseNothing(settings.name);
  const possible = refusal === undefined ? kinds : kinds.filter((kind) => !lossKinds.includes(kind));
  if (possible.length > 0) return possible;
  throw new ProblemError({
    code: "missing-kernel-feature",
    message: `this kernel cannot make such faults: ${refusal ?? ""}`,
    hint: "It needs nftables for bridges (nf_tables_bridge, nft_numgen). Choose other --faults.",
  });
}

function countByKind(episodes: readonly ChaosEpisode[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of episodes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
