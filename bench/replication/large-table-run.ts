import { ProblemError } from "../../src/base/problem.ts";
import { BenchLab } from "./bench-lab.ts";
import type { PartName } from "./bench-options.ts";
import { ACTIVE, contenders, STANDBY } from "./contenders.ts";
import { fillingLoad, rejoinLoad, warmUp } from "./loads.ts";
import { nodeMemoryMb } from "./node-memory.ts";
import { nodeProcessorTime, spentUs } from "./processor-time.ts";
import {
  compareTables,
  type RejoinResult,
  rejoinAfterCut,
  rejoinAfterRestart,
  rejoinEmpty,
} from "./rejoin.ts";
import { mean, median, percentile, round } from "./statistics.ts";

/** One run of tocha with a large table of connections that only stand. */
export interface LargeTableRun {
  readonly flows: number;
  /** From the first connection until the standby held all. */
  readonly filledMs: number;
  readonly memory: MemoryResult;
  readonly idle?: Readonly<Record<"active" | "standby", IdleResult>>;
  readonly rejoins: readonly RejoinResult[];
  /** Why there are fewer rejoins than there should be. */
  readonly failures: readonly string[];
}

/** MB of proportional set size, of all processes of each node. */
export interface MemoryResult {
  readonly emptyMb: Readonly<Record<"active" | "standby", number>>;
  readonly filledMb: Readonly<Record<"active" | "standby", number>>;
}

/** Per cent of one processor, of all processes of a node: of samples of a second each. */
export interface IdleResult {
  readonly mean: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly max: number;
  readonly seconds: number;
}

export interface LargeTableOptions {
  readonly name: string;
  readonly flows: number;
  readonly parts: readonly PartName[];
  readonly quick: boolean;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

const CALM_MS = 5_000;
/** Two rounds of whatever is repeated every minute. */
const IDLE_SECONDS = 130;
const IDLE_QUICK_SECONDS = 20;
const FILL_PER_SECOND_MIN = 4_000;
const STEADY_MS = 6_000;
const SETTLE_LIMIT_MS = 30_000;
const DRAIN_LIMIT_MS = 100_000;
const SLACK = 64;

export async function runLargeTable(options: LargeTableOptions): Promise<LargeTableRun> {
  const { name, signal, flows, parts, quick, log } = options;
  return await BenchLab.with({ name, contender: contenders.tocha, signal }, async (lab) => {
    await usedOnce(lab);
    await lab.sleep(CALM_MS);
    const emptyMb = memoryOf(lab);
    const filledMs = await fill(lab, flows);
    log(`${flows} connections stand after ${Math.round(filledMs)} ms`);
    await lab.sleep(CALM_MS);
    const memory = { emptyMb, filledMb: memoryOf(lab) };
    log(JSON.stringify(memory));
    const idle = parts.includes("idle")
      ? await idleCost(lab, quick ? IDLE_QUICK_SECONDS : IDLE_SECONDS)
      : undefined;
    if (idle !== undefined) log(JSON.stringify(idle));
    const rejoins: RejoinResult[] = [];
    const failures: string[] = [];
    for (const rejoin of parts.includes("rejoin") ? allRejoins : []) {
      try {
        rejoins.push(await rejoin(lab));
        log(JSON.stringify(rejoins.at(-1)));
      } catch (error) {
        // What was measured before is worth keeping; a next rejoin would begin in an unknown state.
        if (signal?.aborted === true || !(error instanceof ProblemError)) throw error;
        failures.push(error.problem.message);
        break;
      }
    }
    const filled = { flows, filledMs: round(filledMs, 0), memory, rejoins, failures };
    return idle === undefined ? filled : { ...filled, idle };
  });
}

const allRejoins: readonly ((lab: BenchLab) => Promise<RejoinResult>)[] = [
  rejoinEmpty,
  (lab) => underLoad(lab, (perSecond) => rejoinAfterCut(lab, perSecond)),
  (lab) => underLoad(lab, (perSecond) => rejoinAfterRestart(lab, perSecond)),
];

/** A program that has never seen traffic has compiled and allocated nothing: its memory tells nothing of flows. */
async function usedOnce(lab: BenchLab): Promise<void> {
  const base = { active: (await lab.count(ACTIVE)) + SLACK, standby: (await lab.count(STANDBY)) + SLACK };
  await lab.generator.start(warmUp.load);
  await lab.sleep(warmUp.durationMs);
  await lab.generator.stop();
  await lab.generator.settle(SETTLE_LIMIT_MS, lab.signal);
  await lab.drained(base, DRAIN_LIMIT_MS);
}

async function fill(lab: BenchLab, flows: number): Promise<number> {
  const fromMs = performance.now();
  const before = await lab.count(STANDBY);
  await lab.generator.start(fillingLoad(flows));
  const limitMs = 10_000 + (flows / FILL_PER_SECOND_MIN) * 1_000;
  await lab.generator.settle(limitMs, lab.signal);
  await lab.generator.stop();
  while ((await lab.count(STANDBY)) < before + flows - SLACK) {
    if (performance.now() - fromMs > limitMs) {
      throw new Error(`the standby holds ${await lab.count(STANDBY)} of ${flows} connections only`);
    }
    await lab.sleep(100);
  }
  return performance.now() - fromMs;
}

function memoryOf(lab: BenchLab): { active: number; standby: number } {
  const of = (node: string) => round(nodeMemoryMb(lab.name, node), 1);
  return { active: of(ACTIVE), standby: of(STANDBY) };
}

async function idleCost(
  lab: BenchLab,
  seconds: number,
): Promise<Readonly<Record<"active" | "standby", IdleResult>>> {
  const read = () => ({
    active: nodeProcessorTime(lab.name, ACTIVE),
    standby: nodeProcessorTime(lab.name, STANDBY),
  });
  const samples: { active: number[]; standby: number[] } = { active: [], standby: [] };
  let before = read();
  for (let second = 0; second < seconds; second++) {
    await lab.sleep(1_000);
    const after = read();
    for (const node of ["active", "standby"] as const) {
      const ms = after[node].atMs - before[node].atMs;
      samples[node].push((spentUs(before[node], after[node]).scheduler / 1_000 / ms) * 100);
    }
    before = after;
  }
  return { active: idleResult(samples.active), standby: idleResult(samples.standby) };
}

function idleResult(percents: readonly number[]): IdleResult {
  return {
    mean: round(mean(percents), 2),
    median: round(median(percents), 2),
    p10: round(percentile(percents, 0.1), 2),
    p90: round(percentile(percents, 0.9), 2),
    max: round(percentile(percents, 1), 2),
    seconds: percents.length,
  };
}

/** Lets connections come and go while the standby is away; when they have ended, the tables are compared. */
async function underLoad(
  lab: BenchLab,
  rejoin: (perSecond: number) => Promise<RejoinResult>,
): Promise<RejoinResult> {
  const base = { active: (await lab.count(ACTIVE)) + SLACK, standby: (await lab.count(STANDBY)) + SLACK };
  await lab.generator.start(rejoinLoad);
  await lab.sleep(STEADY_MS);
  const result = await rejoin(rejoinLoad.tcpPerSecond ?? 0);
  await lab.generator.stop();
  await lab.generator.settle(SETTLE_LIMIT_MS, lab.signal);
  await lab.drained(base, DRAIN_LIMIT_MS);
  await lab.sleep(CALM_MS);
  return { ...result, ...(await compareTables(lab)) };
}
