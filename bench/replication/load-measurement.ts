import type { BenchLab } from "./bench-lab.ts";
import { ACTIVE, STANDBY } from "./contenders.ts";
import { machineBusyMs, nodeProcessorTime, type ProcessorTime, spentUs } from "./processor-time.ts";
import { round } from "./statistics.ts";
import { syncLinkBytes, wireBytes } from "./sync-link-bytes.ts";
import type { GeneratorCounts, Load } from "./traffic/generator.ts";

/** A load with a name, for so long. */
export interface NamedLoad {
  readonly name: string;
  readonly load: Load;
  readonly durationMs: number;
}

/** What one load cost, for each connection: TCP connections and UDP exchanges alike. */
export interface LoadResult {
  readonly load: string;
  /** TCP connections whose handshake went through, and UDP exchanges that were answered. */
  readonly connections: number;
  readonly tcpPerSecond: number;
  /** The pace was kept, and nothing was lost. */
  readonly sustained: boolean;
  /** Processor time of the node's processes for each connection, without what they use when idle. */
  readonly activeUs: number;
  readonly standbyUs: number;
  /** The same from /proc/PID/stat. */
  readonly activeStatUs: number;
  readonly standbyStatUs: number;
  readonly idleActivePercent: number;
  readonly idleStandbyPercent: number;
  /** Busy time of the whole machine for each connection while they were opened: kernel, generator and everybody else included. */
  readonly machineUs: number;
  readonly wireBytes: number;
  /** At the end of the load, before anything drained. */
  readonly activeHeld: number;
  readonly standbyHeld: number;
  /** After it: both nodes were empty again in time. */
  readonly drained: boolean;
}

export interface IdleCost {
  readonly active: number;
  readonly standby: number;
}

/** The part of a processor that the nodes' processes use without traffic (0.01 is 1 %). */
export async function measureIdle(lab: BenchLab, durationMs: number): Promise<IdleCost> {
  const from = read(lab);
  await lab.sleep(durationMs);
  const to = read(lab);
  const share = (before: ProcessorTime, after: ProcessorTime) =>
    spentUs(before, after).scheduler / 1_000 / (after.atMs - before.atMs);
  return { active: share(from.active, to.active), standby: share(from.standby, to.standby) };
}

const SETTLE_LIMIT_MS = 15_000;
const DRAIN_LIMIT_MS = 75_000;
/** Entries that the nodes' own connections may add or lose meanwhile. */
const SLACK = 64;

/**
 * Offers a load and measures all that it costs, from its first packet until the last of its entries is gone from both nodes; a
 * load that stays open, until the standby has caught up.
 */
export async function measureLoad(lab: BenchLab, named: NamedLoad, idle: IdleCost): Promise<LoadResult> {
  const { load, durationMs } = named;
  const baseActive = await lab.count(ACTIVE);
  const baseStandby = await lab.standbyHolds();
  const before = await lab.generator.counts();
  const wireFrom = await syncLinkBytes(lab.name);
  const from = read(lab);
  await lab.generator.start(load);
  await lab.sleep(durationMs);
  const running = await lab.generator.counts();
  const busyMs = machineBusyMs() - from.busyMs;
  const activeHeld = (await lab.count(ACTIVE)) - baseActive;
  const standbyHeld = (await lab.standbyHolds()) - baseStandby;
  await lab.generator.stop();
  const after = await lab.generator.settle(SETTLE_LIMIT_MS, lab.signal);
  const drained =
    load.holdMs === null
      ? await caughtUp(lab, baseStandby + after.established - before.established)
      : await lab.drained({ active: baseActive + SLACK, standby: baseStandby + SLACK }, DRAIN_LIMIT_MS);
  const to = read(lab);
  const wireTo = await syncLinkBytes(lab.name);
  const connections = exchanges(after) - exchanges(before);
  const each = (total: number) => round(total / connections, 2);
  const active = spentUs(from.active, to.active);
  const standby = spentUs(from.standby, to.standby);
  const idleUs = (share: number) => share * (to.active.atMs - from.active.atMs) * 1_000;
  return {
    load: named.name,
    connections,
    tcpPerSecond: Math.round(((running.established - before.established) / durationMs) * 1_000),
    sustained: sustained(load, durationMs, before, running, after),
    activeUs: each(active.scheduler - idleUs(idle.active)),
    standbyUs: each(standby.scheduler - idleUs(idle.standby)),
    activeStatUs: each(active.stat - idleUs(idle.active)),
    standbyStatUs: each(standby.stat - idleUs(idle.standby)),
    idleActivePercent: round(idle.active * 100, 2),
    idleStandbyPercent: round(idle.standby * 100, 2),
    machineUs: round((busyMs * 1_000) / (exchanges(running) - exchanges(before)), 2),
    wireBytes: round(wireBytes(wireFrom, wireTo) / connections, 1),
    activeHeld: load.holdMs === null ? (await lab.count(ACTIVE)) - baseActive : activeHeld,
    standbyHeld: load.holdMs === null ? (await lab.standbyHolds()) - baseStandby : standbyHeld,
    drained,
  };
}

function read(lab: BenchLab) {
  return {
    active: nodeProcessorTime(lab.name, ACTIVE),
    standby: nodeProcessorTime(lab.name, STANDBY),
    busyMs: machineBusyMs(),
  };
}

const CATCH_UP_LIMIT_MS = 20_000;
const QUIET_MS = 1_000;

/** Waits until the standby holds what was opened; with no standby to wait for, a moment. */
async function caughtUp(lab: BenchLab, wanted: number): Promise<boolean> {
  await lab.sleep(QUIET_MS);
  if (lab.contender.name === "none") return true;
  const endMs = performance.now() + CATCH_UP_LIMIT_MS;
  while (performance.now() < endMs) {
    if ((await lab.standbyHolds()) >= wanted - SLACK) return true;
    await lab.sleep(QUIET_MS / 5);
  }
  return false;
}

function exchanges({ established, shortAnswered, streamsBegun }: GeneratorCounts): number {
  return established + shortAnswered + streamsBegun;
}

/** A pace that is missed by more than this share is not kept. */
const PACE_TOLERANCE = 0.02;

function sustained(
  { tcpPerSecond }: Load,
  durationMs: number,
  before: GeneratorCounts,
  running: GeneratorCounts,
  after: GeneratorCounts,
): boolean {
  const wanted = ((tcpPerSecond ?? 0) * durationMs) / 1_000;
  const opened = running.opened - before.opened;
  const lost = after.opened - before.opened - (after.established - before.established);
  return opened >= wanted * (1 - PACE_TOLERANCE) && lost <= wanted * PACE_TOLERANCE;
}
