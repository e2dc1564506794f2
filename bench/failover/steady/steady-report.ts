import { type Figure, figure } from "../../replication/figure.ts";
import type { ContenderName } from "../failover-options.ts";
import { PROBE_LATE_MS } from "../failover-run.ts";
import type { SteadyRun } from "./steady-run.ts";

export interface SteadyResult extends SteadyRun {
  readonly contender: ContenderName;
}

/** What both the nodes and their kernels were seen to do; neither may hide what the other tells. */
function falseTakeovers({ takeovers, takeoversSeen }: SteadyRun): number {
  return Math.max(takeovers, takeoversSeen.length);
}

/** The target is for so many minutes, with processors that have nothing left. */
const TARGET_MINUTES = 10;
const SATURATED = 0.97;

/** The targets of tocha, as far as they were measured. */
export function steadyFigures(results: readonly SteadyResult[]): Figure[] {
  const figures = results
    .filter(({ contender }) => contender === "tocha")
    .flatMap((result) => [
      figure(`false takeovers under load, in ${minutesText(result)}`, "", "<=", 0, [falseTakeovers(result)]),
      figure(`connections lost under load, in ${minutesText(result)}`, "", "<=", 0, [
        result.connectionsLost + result.backgroundLost,
      ]),
      figure("… with so much of the processors in use", "%", ">=", SATURATED * 100, [
        result.load.processorsBusy * 100,
      ]),
    ]);
  return figures.filter((one) => one !== undefined);
}

/** Why the figures say less than they seem to. */
export function steadyDoubts(results: readonly SteadyResult[]): string[] {
  return results.flatMap((result) => [
    ...(result.minutes < TARGET_MINUTES
      ? [`${result.contender} was under load for ${minutesText(result)}; the target is for ${TARGET_MINUTES}`]
      : []),
    ...(result.load.processorsBusy < SATURATED
      ? [`the processors were not saturated while ${result.contender} was under load`]
      : []),
    ...(result.otherNamespaces.length > 0
      ? [
          `others worked on this machine at the same time (${result.otherNamespaces.length} network namespaces; one that is removed holds up everything)`,
        ]
      : []),
    ...(result.probeLateMs > PROBE_LATE_MS
      ? [
          `gaps of up to ${result.probeLateMs} ms can be hidden by the probe's own lateness (${result.contender})`,
        ]
      : []),
  ]);
}

export function steadyText(results: readonly SteadyResult[]): string[] {
  if (results.length === 0) return [];
  return [
    "| under load | minutes | takeovers: seen, told | role changes | conflicts | woken late, most | UDP gaps: number, longest | UDP lost | streams lost | background lost |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...results.map(resultRow),
    "",
    ...results.flatMap(loadLines),
    ...steadyDoubts(results).map((doubt) => `Mind: ${doubt}.`),
    "",
  ];
}

function resultRow(result: SteadyResult): string {
  const late =
    result.lateMs === null
      ? ""
      : Object.entries(result.lateMs)
          .map(([node, ms]) => `${node} ${ms} ms`)
          .join(", ");
  const cells = [
    result.contender,
    result.minutes,
    `${result.takeoversSeen.length}, ${result.takeovers}`,
    result.roleChanges,
    result.conflicts,
    late,
    `${result.udpGaps}, ${result.udpGapMs} ms`,
    `${result.udpLost} of ${result.udpSent}`,
    `${result.connectionsLost} of ${result.connections}`,
    `${result.backgroundLost} of ${result.backgroundFlows}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** More of them tell nothing more. */
const TIMES_SHOWN = 20;

function loadLines(result: SteadyResult): string[] {
  const { contender, load, events, takeoversSeen, probeLateMs, longestTcpStallMs, machineStallMs } = result;
  const { processorsBusy, connectionsPerSecond, answersPerSecond, answeredMbPerSecond, questionsFailed } =
    load;
  const questions =
    answersPerSecond === 0
      ? ""
      : `, ${answersPerSecond} answers a second (${answeredMbPerSecond} MB; ${questionsFailed} questions failed)`;
  const told = Object.entries(events).map(([name, times]) => `${name} (${times})`);
  return [
    `${contender}: processors ${Math.round(processorsBusy * 1_000) / 10} % in use, ${connectionsPerSecond} new connections a second${questions}; the probe was late by ${probeLateMs} ms at most, a stream stood still for ${longestTcpStallMs} ms at most, a processor for ${machineStallMs} ms.`,
    ...(takeoversSeen.length === 0
      ? []
      : [`${contender}: takeovers after ${takeoversSeen.slice(0, TIMES_SHOWN).join(", ")} seconds of load.`]),
    ...(told.length === 0 ? [] : [`${contender} tells: ${told.join(", ")}.`]),
  ];
}

function minutesText({ minutes }: Pick<SteadyRun, "minutes">): string {
  return `${minutes} minute${minutes === 1 ? "" : "s"}`;
}
