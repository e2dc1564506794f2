import { type Figure, figure } from "./figure.ts";
import type { LargeTableRun } from "./large-table-run.ts";
import type { RejoinKind } from "./rejoin.ts";
import { median } from "./statistics.ts";
import type { TakeoverRun } from "./takeover-run.ts";

const MEMORY_MB_MAX = 250;
const MEMORY_GROWTH_MB_MAX = 20;
/** One interval of the election: what a takeover's length varies by even when nothing differs. */
const GAP_NOISE_MS = 10;

/** The targets that are about tocha alone. */
export function largeTableFigures(runs: readonly LargeTableRun[]): Figure[] {
  const both = (value: (run: LargeTableRun, node: "active" | "standby") => number | undefined) =>
    runs.map((run) => Math.max(value(run, "active") ?? Number.NaN, value(run, "standby") ?? Number.NaN));
  const rejoin = (kind: RejoinKind) =>
    runs.flatMap(({ rejoins }) =>
      rejoins.filter((one) => one.kind === kind).map(({ agreedMs }) => agreedMs / 1_000),
    );
  const flows = (runs[0]?.flows ?? 0).toLocaleString("en");
  return [
    figure(
      `memory of a node, ${flows} connections`,
      "MB",
      "<=",
      MEMORY_MB_MAX,
      both(({ memory }, node) => memory.filledMb[node]),
    ),
    figure(
      `memory of a node, ${flows} connections more than with none`,
      "MB",
      "<=",
      MEMORY_GROWTH_MB_MAX,
      both(({ memory }, node) => memory.filledMb[node] - memory.emptyMb[node]),
    ),
    figure(
      `idle with ${flows} connections, the second in the middle`,
      "% of a processor",
      "<=",
      1,
      both(({ idle }, node) => idle?.[node].median),
    ),
    figure(
      `idle with ${flows} connections, what the sweep adds on average`,
      "% of a processor",
      "<=",
      3,
      both(({ idle }, node) => (idle === undefined ? undefined : idle[node].mean - idle[node].median)),
    ),
    figure(`rejoin of an empty node, ${flows} connections`, "s", "<=", 7, rejoin("empty")),
    figure("rejoin after 10 s without the sync link, 5,000/s", "s", "<=", 1.5, rejoin("cut")),
    figure("rejoin after 10 s without the daemon, 5,000/s", "s", "<=", 1.5, rejoin("restart")),
    figure(
      "tables that differ after a rejoin",
      "tables",
      "<=",
      0,
      runs.map(({ rejoins }) =>
        rejoins.length === 0 ? Number.NaN : rejoins.filter(({ tablesEqual }) => !tablesEqual).length,
      ),
    ),
  ].filter((one) => one !== undefined);
}

export function takeoverFigures(runs: readonly TakeoverRun[]): Figure[] {
  const flows = Math.max(0, ...runs.map((run) => run.flows));
  // Without a takeover with many connections there is nothing to judge.
  if (flows === 0) return [];
  const gaps = (of: number) => runs.filter((run) => run.flows === of).map(({ udpGapMs }) => udpGapMs);
  const empty = median(gaps(0));
  return [
    figure(
      `takeover gap, ${flows.toLocaleString("en")} connections more than with none`,
      "ms",
      "<=",
      GAP_NOISE_MS,
      gaps(flows).map((gap) => gap - empty),
    ),
    figure("connections lost in takeovers, in all runs", "connections", "<=", 0, [
      runs.reduce((sum, run) => sum + run.lost + run.backgroundLost, 0),
    ]),
  ].filter((one) => one !== undefined);
}
