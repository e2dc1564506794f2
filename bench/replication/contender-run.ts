import { availableParallelism } from "node:os";
import { BenchLab } from "./bench-lab.ts";
import { ACTIVE, type ContenderName, contenders } from "./contenders.ts";
import { type LoadResult, measureIdle, measureLoad } from "./load-measurement.ts";
import { pacedLoads, saturatingLoad, warmUp } from "./loads.ts";
import { machineBusyMs } from "./processor-time.ts";
import { round } from "./statistics.ts";

/** One run of one contender: a lab of its own, all loads in turn. */
export interface ContenderRun {
  /** From 1. */
  readonly run: number;
  readonly contender: ContenderName;
  readonly loads: readonly LoadResult[];
  readonly saturation?: SaturationResult;
}

export interface SaturationResult {
  /** TCP connections a second whose handshake went through the gateway, and those that were closed. */
  readonly connectionsPerSecond: number;
  readonly closedPerSecond: number;
  /** Share of the machine's processors that was busy: 1 when it was saturated. */
  readonly busy: number;
  /** Entries at the end. */
  readonly activeHeld: number;
  readonly standbyHeld: number;
  readonly troubles: Readonly<Record<string, number>>;
}

export interface ContenderRunOptions {
  readonly run: number;
  readonly name: string;
  readonly contender: ContenderName;
  readonly cpu: boolean;
  readonly rate: boolean;
  readonly quick: boolean;
  readonly signal: AbortSignal | undefined;
  readonly log: (line: string) => void;
}

const IDLE_MS = 4_000;
const IDLE_QUICK_MS = 2_000;

export async function runContender(options: ContenderRunOptions): Promise<ContenderRun> {
  const { run, name, contender, quick, signal, log } = options;
  return await BenchLab.with({ name, contender: contenders[contender], signal }, async (lab) => {
    await measureLoad(lab, warmUp, { active: 0, standby: 0 });
    const idle = await measureIdle(lab, quick ? IDLE_QUICK_MS : IDLE_MS);
    const paced = options.cpu ? pacedLoads(quick) : [];
    const loads: LoadResult[] = [];
    for (const load of paced.filter((one) => one.load.holdMs !== null)) {
      loads.push(await measureLoad(lab, load, idle));
      log(`${contender}: ${JSON.stringify(loads.at(-1))}`);
    }
    const saturation = options.rate ? await saturate(lab, quick) : undefined;
    if (saturation !== undefined) log(`${contender}: ${JSON.stringify(saturation)}`);
    for (const load of paced.filter((one) => one.load.holdMs === null)) {
      loads.push(await measureLoad(lab, load, idle));
      log(`${contender}: ${JSON.stringify(loads.at(-1))}`);
    }
    return { run, contender, loads, ...(saturation === undefined ? {} : { saturation }) };
  });
}

/** Until as many connections are closed as opened, and the first ones are gone from the table. */
const RAMP_MS = 4_000;
const SATURATED_MS = 8_000;
const SATURATED_QUICK_MS = 4_000;
const SETTLE_LIMIT_MS = 30_000;
const DRAIN_LIMIT_MS = 75_000;

async function saturate(lab: BenchLab, quick: boolean): Promise<SaturationResult> {
  await lab.generator.start(saturatingLoad);
  await lab.sleep(RAMP_MS);
  const from = { counts: await lab.generator.counts(), atMs: performance.now(), busyMs: machineBusyMs() };
  await lab.sleep(quick ? SATURATED_QUICK_MS : SATURATED_MS);
  const to = { counts: await lab.generator.counts(), atMs: performance.now(), busyMs: machineBusyMs() };
  const activeHeld = await lab.count(ACTIVE);
  const standbyHeld = await lab.standbyHolds();
  const troubles = await lab.troubles();
  await lab.generator.stop();
  await lab.generator.settle(SETTLE_LIMIT_MS, lab.signal);
  await lab.drained({ active: 1_000, standby: 1_000 }, DRAIN_LIMIT_MS);
  const ms = to.atMs - from.atMs;
  return {
    connectionsPerSecond: Math.round(((to.counts.established - from.counts.established) / ms) * 1_000),
    closedPerSecond: Math.round(((to.counts.closed - from.counts.closed) / ms) * 1_000),
    busy: round((to.busyMs - from.busyMs) / ms / availableParallelism(), 3),
    activeHeld,
    standbyHeld,
    troubles,
  };
}
