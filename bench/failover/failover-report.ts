import { type Figure, figure } from "../replication/figure.ts";
import type { MachineFacts } from "../replication/machine-facts.ts";
import { percentile } from "../replication/statistics.ts";
import { type Distribution, distribution, histogram } from "./distribution.ts";
import { type FailoverRun, PROBE_LATE_MS } from "./failover-run.ts";
import type { Cell } from "./plan.ts";
import { type SteadyResult, steadyText } from "./steady/steady-report.ts";

export interface CellResult extends Cell {
  readonly runs: readonly FailoverRun[];
  readonly gapMs: Distribution;
  readonly announcedMs: Distribution;
  readonly udpLostMax: number;
  /** See `isUnclear`. */
  readonly unclear: number;
  readonly machineStallMsMax: number;
  readonly connections: number;
  readonly connectionsLost: number;
  readonly backgroundLost: number;
}

export interface FailoverBenchReport {
  readonly machine: MachineFacts;
  readonly keepalived: string;
  readonly command: string;
  readonly cells: readonly CellResult[];
  readonly steady: readonly SteadyResult[];
  readonly figures: readonly Figure[];
  readonly failures: readonly string[];
}

export function summarize(cell: Cell, runs: readonly FailoverRun[]): CellResult {
  const sum = (of: (run: FailoverRun) => number) => runs.reduce((total, run) => total + of(run), 0);
  return {
    ...cell,
    runs,
    gapMs: distribution(runs.map(({ gapMs }) => gapMs)),
    announcedMs: distribution(runs.map(({ announcedMs }) => announcedMs).filter((ms) => !Number.isNaN(ms))),
    udpLostMax: Math.max(...runs.map(({ udpLost }) => udpLost)),
    unclear: runs.filter(isUnclear).length,
    machineStallMsMax: Math.max(...runs.map(({ machineStallMs }) => machineStallMs)),
    connections: sum(({ connections }) => connections),
    connectionsLost: sum(({ connectionsLost }) => connectionsLost),
    backgroundLost: sum(({ backgroundLost }) => backgroundLost),
  };
}

/**
 * The probe's own lateness may have made the gap another one than was seen: it fell into that gap, or elsewhere and was so long that a
 * longer gap may hide there.
 */
export function isUnclear({
  gapMs,
  outageLateMs,
  probeLateMs,
}: Pick<FailoverRun, "gapMs" | "outageLateMs" | "probeLateMs">): boolean {
  return outageLateMs > PROBE_LATE_MS || probeLateMs > gapMs + PROBE_LATE_MS;
}

/** Medians of twenty gaps, each up to an interval longer than the shortest by chance, differ by less where the table does not count. */
const FLOWS_APART_MS = 5;

/** The targets of tocha (docs/benchmarks.md), as far as they were measured. */
export function failoverFigures(cells: readonly CellResult[]): Figure[] {
  const gaps = (contender: string, scenario: string) =>
    cells
      .filter((cell) => cell.contender === contender && cell.scenario === scenario)
      .map((cell) => ({ cell, gaps: cell.runs.map(({ gapMs }) => gapMs) }));
  const worst = (values: readonly number[]) => [percentile(values, 0.99)];
  const figures: (Figure | undefined)[] = [];
  for (const { cell, gaps: list } of gaps("tocha", "power-off")) {
    figures.push(figure(`gap at power cut, ${cell.flows} flows, median`, "ms", "<=", 30, list));
    figures.push(figure(`gap at power cut, ${cell.flows} flows, p99`, "ms", "<=", 40, worst(list)));
  }
  for (const { cell, gaps: list } of gaps("tocha-fastest", "power-off"))
    figures.push(
      figure(`gap at power cut, ${cell.flows} flows, fastest setting, median`, "ms", "<=", 20, list),
    );
  const [few] = gaps("tocha", "power-off").filter(({ cell }) => cell.flows === 0);
  for (const { cell } of gaps("tocha", "power-off"))
    if (few !== undefined && cell !== few.cell)
      figures.push(
        figure(
          `gap at power cut with ${cell.flows} flows, beyond that with none, medians`,
          "ms",
          "<=",
          FLOWS_APART_MS,
          [cell.gapMs.median - few.cell.gapMs.median],
        ),
      );
  for (const { cell } of gaps("tocha-many", "power-off"))
    if (few !== undefined)
      for (const [what, key] of [
        ["gap", "gapMs"],
        ["until all is announced", "announcedMs"],
      ] as const)
        figures.push(
          figure(
            `${what} with 260 addresses on 8 interfaces, with IPv6, beyond that with 2, IPv4, medians`,
            "ms",
            "<=",
            10,
            [cell[key].median - few.cell[key].median],
          ),
        );
  const limits = { switchover: 5, stop: 10, "cut-lan": 20, "cut-wan": 20 };
  for (const [scenario, limit] of Object.entries(limits)) {
    for (const { cell, gaps: list } of gaps("tocha", scenario)) {
      figures.push(figure(`gap at ${scenario}, p99`, "ms", "<=", limit, worst(list)));
      if (scenario === "switchover")
        figures.push(
          figure("packets lost at switchover, of 1,000 a second, most", "", "<=", 5, [cell.udpLostMax]),
        );
    }
  }
  const own = cells.filter(({ contender }) => contender.startsWith("tocha"));
  if (own.length > 0) {
    const lost = own.reduce((sum, cell) => sum + cell.connectionsLost + cell.backgroundLost, 0);
    figures.push(figure("connections lost, in all of these", "", "<=", 0, [lost]));
  }
  return figures.filter((one) => one !== undefined);
}

export function failoverText({
  machine,
  keepalived,
  cells,
  steady,
  figures,
  failures,
  command,
}: FailoverBenchReport): string {
  const { processor, processors, memoryGiB, kernel, conntrackd, revision, date, doubts } = machine;
  const lines = [
    command,
    `${date}, ${revision}; ${processors} x ${processor}, ${memoryGiB} GiB, Linux ${kernel}, keepalived ${keepalived}, conntrackd ${conntrackd}`,
    ...doubts.map((doubt) => `Mind: ${doubt}`),
    "",
    ...cellTable(cells),
    ...cells.flatMap((cell) => [
      `${cell.scenario}, ${cell.contender}, ${cell.flows} background flows:`,
      ...histogram(cell.runs.map(({ gapMs }) => gapMs)),
      "",
    ]),
    ...steadyText(steady),
    ...(figures.length === 0 ? [] : ["| target | measured | wanted | |", "| --- | --- | --- | --- |"]),
    ...figures.map(
      ({ what, value, unit, target, met }) =>
        `| ${what} | ${value} ${unit} | ${target.relation} ${target.value} | ${met ? "met" : "missed"} |`,
    ),
    ...failures.map((failure) => `Failed: ${failure}`),
  ];
  return `${lines.join("\n")}\n`;
}

function cellTable(cells: readonly CellResult[]): string[] {
  if (cells.length === 0) return [];
  return [
    "| what | who | background flows | runs (unclear) | gap, ms: min / median / p90 / p99 / max | all announced, ms: median / max | UDP lost, most | streams lost | background lost | a processor stood still, ms, most |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...cells.map(cellRow),
    "",
  ];
}

function cellRow(cell: CellResult): string {
  const { min, median, p90, p99, max } = cell.gapMs;
  const gap = [min, median, p90, p99, max].join(" / ");
  const { median: announced, max: announcedMax } = cell.announcedMs;
  const all = Number.isNaN(announced) ? "" : `${announced} / ${announcedMax}`;
  const streams = `${cell.connectionsLost} of ${cell.connections}`;
  const background = cell.flows === 0 ? "" : `${cell.backgroundLost} of ${cell.flows * cell.runs.length}`;
  return `| ${cell.scenario} | ${cell.contender} | ${cell.flows} | ${cell.runs.length} (${cell.unclear}) | ${gap} | ${all} | ${cell.udpLostMax} | ${streams} | ${background} | ${cell.machineStallMsMax} |`;
}
