import assert from "node:assert/strict";
import { test } from "node:test";
import type { LargeTableRun } from "./large-table-run.ts";
import type { RejoinResult } from "./rejoin.ts";
import type { TakeoverRun } from "./takeover-run.ts";
import { largeTableFigures, takeoverFigures } from "./tocha-figures.ts";

function takeover(flows: number, udpGapMs: number, backgroundLost = 0): TakeoverRun {
  return { flows, udpGapMs, takeoverMs: udpGapMs, connections: 300, lost: 0, backgroundLost };
}

test("a takeover with many connections is judged by the gap of one with none, and by every connection lost", () => {
  const figures = takeoverFigures([
    takeover(0, 30),
    takeover(0, 34),
    takeover(1_000, 45),
    takeover(1_000, 41, 2),
  ]);
  assert.deepEqual(
    figures.map(({ value, met }) => [value, met]),
    [
      [11, false],
      [2, false],
    ],
  );
});

test("without a takeover with many connections there is nothing to judge", () => {
  assert.deepEqual(takeoverFigures([takeover(0, 30)]), []);
  assert.deepEqual(takeoverFigures([]), []);
});

const rejoin: RejoinResult = {
  kind: "empty",
  completeMs: 6_000,
  completeSinceConnectedMs: 5_000,
  agreedMs: 6_500,
  activeEntries: 1_000,
  standbyEntries: 1_000,
  tablesEqual: true,
  entriesDiffer: 0,
};
const largeTable: LargeTableRun = {
  flows: 1_000,
  filledMs: 100,
  memory: { emptyMb: { active: 200, standby: 210 }, filledMb: { active: 225, standby: 215 } },
  rejoins: [rejoin, { ...rejoin, kind: "cut", agreedMs: 2_000, tablesEqual: false }],
  failures: [],
};

test("memory is that of the larger node, and a rejoin is over when both kernels agree", () => {
  const figures = new Map(
    largeTableFigures([largeTable]).map(({ what, value, met }) => [what, [value, met]]),
  );
  assert.deepEqual(figures.get("memory of a node, 1,000 connections"), [225, true]);
  assert.deepEqual(figures.get("memory of a node, 1,000 connections more than with none"), [25, false]);
  assert.deepEqual(figures.get("rejoin of an empty node, 1,000 connections"), [6.5, true]);
  assert.deepEqual(figures.get("rejoin after 10 s without the sync link, 5,000/s"), [2, false]);
  assert.deepEqual(figures.get("tables that differ after a rejoin"), [1, false]);
  // What was not measured is not judged.
  assert.equal(figures.has("rejoin after 10 s without the daemon, 5,000/s"), false);
  assert.equal(figures.has("idle with 1,000 connections, what the sweep adds on average"), false);
});
