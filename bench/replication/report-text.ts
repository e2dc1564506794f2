import type { LoadSummary, SaturationSummary } from "./comparison.ts";
import { type ContenderName, contenders } from "./contenders.ts";
import type { Figure } from "./figure.ts";
import type { MachineFacts } from "./machine-facts.ts";

/** Everything that one invocation of the bench found out. */
export interface ReplicationReport {
  readonly machine: MachineFacts;
  readonly command: string;
  readonly runs: number;
  readonly figures: readonly Figure[];
  readonly loads: readonly LoadSummary[];
  readonly saturation: readonly SaturationSummary[];
  /** Runs that came to no result, and why. */
  readonly failures: readonly string[];
}

export function reportText(report: ReplicationReport): string {
  const { machine, loads, saturation, figures } = report;
  const lines = [
    `${report.command}: medians of ${report.runs} run${report.runs === 1 ? "" : "s"}`,
    `${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node.js ${machine.node}, conntrackd ${machine.conntrackd}, tocha ${machine.revision}, ${machine.date}`,
    ...machine.doubts.map((doubt) => `Mind: ${doubt}.`),
  ];
  for (const load of new Set(loads.map((summary) => summary.load))) {
    lines.push("", ...loadTable(load, loads));
  }
  if (saturation.length > 0) lines.push("", ...saturationTable(saturation));
  if (figures.length > 0) lines.push("", ...figureTable(figures));
  if (report.failures.length > 0) {
    lines.push("", "No result:", ...report.failures.map((failure) => `  ${failure}`));
  }
  return `${lines.join("\n")}\n`;
}

function loadTable(load: string, all: readonly LoadSummary[]): string[] {
  const rows = all
    .filter((summary) => summary.load === load)
    .map((summary) => [
      contenders[summary.contender].title,
      ...(summary.contender === "none" ? ["", ""] : [us(summary.activeUs), us(summary.standbyUs)]),
      us(summary.machineUs),
      summary.contender === "none" ? "" : `${summary.wireBytes.toFixed(1)} B`,
      summary.contender === "none" ? "" : `${percent(summary.heldShare)} ${where(summary.contender)}`,
      summary.sustained ? "yes" : "NO",
    ]);
  return table(
    [load, "active, CPU", "standby, CPU", "whole machine", "wire", "standby held", "pace kept"],
    rows,
  );
}

function where(contender: ContenderName): string {
  return contenders[contender].inKernel ? "in the kernel" : "in its cache";
}

function saturationTable(all: readonly SaturationSummary[]): string[] {
  const rows = all.map(({ contender, connectionsPerSecond, kept, heldShare, troubles }) => [
    contenders[contender].title,
    String(connectionsPerSecond),
    Number.isNaN(kept) ? "" : percent(kept),
    contender === "none" ? "" : percent(heldShare),
    Object.entries(troubles)
      .map(([what, count]) => `${what}: ${count}`)
      .join(", "),
  ]);
  return table(["saturated", "connections/s", "kept", "standby held", "troubles"], rows);
}

function figureTable(figures: readonly Figure[]): string[] {
  const rows = figures.map(({ what, value, unit, target, met }) => [
    what,
    `${value} ${unit}`,
    `${target.relation} ${target.value}`,
    met ? "met" : "MISSED",
  ]);
  return table(["target", "measured", "wanted", ""], rows);
}

function us(value: number): string {
  return `${value.toFixed(1)} µs`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)];
}
