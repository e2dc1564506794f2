import type { ContenderRun, SaturationResult } from "./contender-run.ts";
import type { ContenderName } from "./contenders.ts";
import { type Figure, figure } from "./figure.ts";
import type { LoadResult } from "./load-measurement.ts";
import { median, round } from "./statistics.ts";

/** Medians of one contender under one load, over all runs. */
export interface LoadSummary {
  readonly contender: ContenderName;
  readonly load: string;
  readonly activeUs: number;
  readonly standbyUs: number;
  readonly machineUs: number;
  readonly wireBytes: number;
  /** Share of the active node's entries that the standby held at the end of the load. */
  readonly heldShare: number;
  readonly sustained: boolean;
}

export interface SaturationSummary {
  readonly contender: ContenderName;
  readonly connectionsPerSecond: number;
  /** Relative to no replication in the same run. */
  readonly kept: number;
  readonly heldShare: number;
  readonly troubles: Readonly<Record<string, number>>;
}

/** The loads by which the targets are judged: opened and closed, at a pace that all contenders at their best can keep. */
const judgedLoads = ["5,000/s", "15,000/s"];

/** @param runs the contenders' runs, one after the other, in turn */
export function summarizeLoads(runs: readonly ContenderRun[]): LoadSummary[] {
  const names = [...new Set(runs.flatMap(({ loads }) => loads.map(({ load }) => load)))];
  const present = [...new Set(runs.map(({ contender }) => contender))];
  return names.flatMap((load) =>
    present.map((contender) => {
      const results = [...loadResults(runs, contender, load).values()];
      const of = (value: (result: LoadResult) => number) => round(median(results.map(value)), 2);
      return {
        contender,
        load,
        activeUs: of(({ activeUs }) => activeUs),
        standbyUs: of(({ standbyUs }) => standbyUs),
        machineUs: of(({ machineUs }) => machineUs),
        wireBytes: of(({ wireBytes }) => wireBytes),
        heldShare: of(({ activeHeld, standbyHeld }) => standbyHeld / activeHeld),
        sustained: results.every(({ sustained }) => sustained),
      };
    }),
  );
}

export function summarizeSaturation(runs: readonly ContenderRun[]): SaturationSummary[] {
  const present = [...new Set(runs.map(({ contender }) => contender))];
  const baseline = saturations(runs, "none");
  return present.flatMap((contender) => {
    const results = saturations(runs, contender);
    if (results.size === 0) return [];
    const troubles: Record<string, number> = {};
    for (const result of results.values()) {
      for (const [what, count] of Object.entries(result.troubles)) {
        troubles[what] = (troubles[what] ?? 0) + count;
      }
    }
    return [
      {
        contender,
        connectionsPerSecond: Math.round(median([...results.values()].map(rateOf))),
        kept: round(median(ratios(results, baseline, rateOf)), 3),
        heldShare: round(
          median([...results.values()].map(({ activeHeld, standbyHeld }) => standbyHeld / activeHeld)),
          2,
        ),
        troubles,
      },
    ];
  });
}

/** The targets that compare tocha with the others; those for which a contender was not measured are left out. */
export function comparisonFigures(runs: readonly ContenderRun[]): Figure[] {
  const figures: (Figure | undefined)[] = judgedLoads.flatMap((load) => {
    const tocha = loadResults(runs, "tocha", load);
    const best = loadResults(runs, "conntrackd-best", load);
    const ratio = (value: (result: LoadResult) => number) => ratios(tocha, best, value);
    return [
      figure(
        `active node, processor time a connection, ${load}`,
        "x conntrackd at its best",
        "<=",
        0.15,
        ratio(({ activeUs }) => activeUs),
      ),
      figure(
        `standby node, processor time a connection, ${load}`,
        "x conntrackd at its best",
        "<=",
        0.25,
        ratio(({ standbyUs }) => standbyUs),
      ),
      figure(
        `wire, a connection opened and closed, ${load}`,
        "bytes",
        "<=",
        60,
        [...tocha.values()].map(({ wireBytes }) => wireBytes),
      ),
    ];
  });
  const kept = ratios(saturations(runs, "tocha"), saturations(runs, "none"), rateOf);
  figures.push(figure("new connections a second kept, saturated", "x no replication", ">=", 0.97, kept));
  return figures.filter((one) => one !== undefined);
}

function rateOf({ connectionsPerSecond }: SaturationResult): number {
  return connectionsPerSecond;
}

/** By run. */
function loadResults(
  runs: readonly ContenderRun[],
  contender: ContenderName,
  load: string,
): Map<number, LoadResult> {
  const of = (run: ContenderRun) => run.loads.find((result) => result.load === load);
  return byRun(runs, contender, of);
}

function saturations(runs: readonly ContenderRun[], contender: ContenderName): Map<number, SaturationResult> {
  return byRun(runs, contender, ({ saturation }) => saturation);
}

function byRun<T>(
  runs: readonly ContenderRun[],
  contender: ContenderName,
  pick: (run: ContenderRun) => T | undefined,
): Map<number, T> {
  const picked = new Map<number, T>();
  for (const run of runs) {
    const result = run.contender === contender ? pick(run) : undefined;
    if (result !== undefined) picked.set(run.run, result);
  }
  return picked;
}

/**
 * Run by run: what was measured one after the other is compared, so that a machine that changes its speed is the same for
 * both. A run in which one of the two came to no result says nothing.
 */
function ratios<T>(
  values: ReadonlyMap<number, T>,
  bases: ReadonlyMap<number, T>,
  of: (result: T) => number,
): number[] {
  return [...values].flatMap(([run, value]) => {
    const base = bases.get(run);
    return base === undefined ? [] : [of(value) / of(base)];
  });
}
