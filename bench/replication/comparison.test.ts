import assert from "node:assert/strict";
import { test } from "node:test";
import { comparisonFigures, summarizeLoads, summarizeSaturation } from "./comparison.ts";
import type { ContenderRun } from "./contender-run.ts";
import type { ContenderName } from "./contenders.ts";
import type { LoadResult } from "./load-measurement.ts";

function load(name: string, activeUs: number, standbyUs: number): LoadResult {
  return {
    load: name,
    connections: 50_000,
    tcpPerSecond: 5_000,
    sustained: true,
    activeUs,
    standbyUs,
    activeStatUs: activeUs,
    standbyStatUs: standbyUs,
    idleActivePercent: 1,
    idleStandbyPercent: 1,
    machineUs: 100,
    wireBytes: 61,
    activeHeld: 1_000,
    standbyHeld: 990,
    drained: true,
  };
}

function run(
  number: number,
  contender: ContenderName,
  activeUs: number,
  connectionsPerSecond: number,
): ContenderRun {
  return {
    run: number,
    contender,
    loads: [load("5,000/s", activeUs, 2 * activeUs)],
    saturation: {
      connectionsPerSecond,
      closedPerSecond: connectionsPerSecond,
      busy: 1,
      activeHeld: 1_000,
      standbyHeld: 900,
      troubles: contender === "tocha" ? { overruns: 1 } : {},
    },
  };
}

// The machine is half as fast in the second run: ratios within a run do not see it.
const runs = [
  ...[run(1, "none", 0, 40_000), run(1, "conntrackd-best", 20, 20_000), run(1, "tocha", 2, 39_200)],
  ...[run(2, "none", 0, 20_000), run(2, "conntrackd-best", 40, 10_000), run(2, "tocha", 4, 19_200)],
  ...[run(3, "none", 0, 40_000), run(3, "conntrackd-best", 20, 20_000), run(3, "tocha", 4, 39_200)],
];

test("figures compare what was measured in the same run, and judge the median", () => {
  const figures = new Map(comparisonFigures(runs).map((one) => [one.what, one]));
  const active = figures.get("active node, processor time a connection, 5,000/s");
  assert.deepEqual(active?.runs, [0.1, 0.1, 0.2]);
  assert.equal(active?.value, 0.1);
  assert.equal(active?.met, true);
  const kept = figures.get("new connections a second kept, saturated");
  assert.equal(kept?.value, 0.98);
  assert.equal(kept?.met, true);
  const wire = figures.get("wire, a connection opened and closed, 5,000/s");
  assert.equal(wire?.met, false);
});

test("a run in which the other came to no result says nothing", () => {
  const gap = runs.filter((one) => !(one.run === 1 && one.contender === "conntrackd-best"));
  const [active] = comparisonFigures(gap);
  assert.deepEqual(active?.runs, [0.1, 0.2]);
});

test("what was not measured is no figure", () => {
  const alone = runs.filter(({ contender }) => contender === "tocha");
  assert.deepEqual(
    comparisonFigures(alone).map(({ what }) => what),
    ["wire, a connection opened and closed, 5,000/s"],
  );
  assert.deepEqual(comparisonFigures([]), []);
});

test("summaries are medians, with everything that went wrong added up", () => {
  const [summary] = summarizeLoads(runs.filter(({ contender }) => contender === "tocha"));
  assert.equal(summary?.activeUs, 4);
  assert.equal(summary?.heldShare, 0.99);
  const tocha = summarizeSaturation(runs).find(({ contender }) => contender === "tocha");
  assert.equal(tocha?.connectionsPerSecond, 39_200);
  assert.equal(tocha?.kept, 0.98);
  assert.deepEqual(tocha?.troubles, { overruns: 3 });
});
