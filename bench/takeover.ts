/**
 * Takeover gaps at a power cut, with few and with many connections in the table, in one run.
 *
 *     bash scripts/node.sh bench/takeover.ts [--runs 5] [--interval 10] [--flows 0,100000]
 *
 * Needs root. Prints a table, and one JSON object a run on standard error. docs/benchmarks.md holds results.
 */
import { parseArgs } from "node:util";
import { runScenario } from "../src/lab/scenarios/run-scenario.ts";
import type { ScenarioReport } from "../src/lab/scenarios/scenario-report.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    interval: { type: "string", default: "10" },
    flows: { type: "string", default: "0,100000" },
  },
});
const runs = Number(values.runs);
const intervalMs = Number(values.interval);
const flows = values.flows.split(",").map(Number);

const reports = new Map<number, ScenarioReport[]>(flows.map((count) => [count, []]));
// In turn, so that a machine whose speed drifts is as fast for all.
for (let run = 0; run < runs; run++) {
  for (const backgroundFlows of flows) {
    const report = await runScenario("power-off", {
      name: `bench-${process.pid}`,
      connections: 500,
      backgroundFlows,
      intervalMs,
    });
    process.stderr.write(`${JSON.stringify(report)}\n`);
    reports.get(backgroundFlows)?.push(report);
  }
}

process.stdout.write(
  "background flows | runs | lost | UDP gap ms: min / median / max | takeover ms: median\n",
);
for (const [count, list] of reports) {
  const gaps = list.map(({ udpGapMs }) => udpGapMs).sort((a, b) => a - b);
  const takeovers = list.map(({ takeoverMs }) => takeoverMs ?? Number.NaN).sort((a, b) => a - b);
  const lost = list.reduce((sum, report) => sum + report.lost + report.corrupted, 0);
  const gap = `${gaps[0]} / ${median(gaps)} / ${gaps.at(-1)}`;
  process.stdout.write(`${count} | ${list.length} | ${lost} | ${gap} | ${median(takeovers)}\n`);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
