import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MachineFacts } from "../replication/machine-facts.ts";
import { type CellResult, failoverFigures, failoverText, isUnclear, summarize } from "./failover-report.ts";
import type { FailoverRun } from "./failover-run.ts";
import type { Cell } from "./plan.ts";

const good: FailoverRun = {
  ...{ gapMs: 25, udpLost: 3, probeLateMs: 1, outageLateMs: 1, machineStallMs: 0.5, takeoverMs: 24 },
  announcedMs: 23,
  ...{ longestTcpStallMs: 60, connections: 300, connectionsLost: 0, backgroundLost: 0 },
};
const powerOff: Cell = { contender: "tocha", scenario: "power-off", flows: 0 };

/** A cell of runs that are good but for this. */
function cell(of: Partial<Cell>, ...runs: readonly Partial<FailoverRun>[]): CellResult {
  return summarize(
    { ...powerOff, ...of },
    runs.map((run) => ({ ...good, ...run })),
  );
}

/** Of each figure what it is of, its value, and whether the target is met. */
function verdicts(...cells: readonly CellResult[]): unknown[] {
  return failoverFigures(cells).map(({ what, value, met }) => [what, value, met]);
}

const nothingLost = ["connections lost, in all of these", 0, true];

describe("summarize", () => {
  it("adds up what was lost, keeps the worst, and counts runs in which the probe itself was late", () => {
    const { udpLostMax, unclear, machineStallMsMax, connections, connectionsLost, backgroundLost, gapMs } =
      cell(
        { flows: 200_000 },
        { gapMs: 20, udpLost: 2, probeLateMs: 5, outageLateMs: 5, connectionsLost: 1 },
        {
          gapMs: 30,
          udpLost: 7,
          probeLateMs: 5.1,
          outageLateMs: 5.1,
          machineStallMs: 42,
          connectionsLost: 2,
          backgroundLost: 9,
        },
      );
    assert.deepEqual(
      { udpLostMax, unclear, machineStallMsMax, connections, connectionsLost, backgroundLost },
      {
        udpLostMax: 7,
        unclear: 1,
        machineStallMsMax: 42,
        connections: 600,
        connectionsLost: 3,
        backgroundLost: 9,
      },
    );
    assert.deepEqual([gapMs.min, gapMs.median, gapMs.max], [20, 25, 30]);
  });
});

describe("isUnclear", () => {
  const rows: readonly [string, number, number, number, boolean][] = [
    ["a probe that is in time", 25, 1, 1, false],
    ["a probe that is late elsewhere, by less than the gap", 25, 1, 20, false],
    ["… by as much and what does not count", 25, 1, 30, false],
    ["… by more: a longer gap may hide there", 25, 1, 30.1, true],
    ["lateness in the gap that does not count", 25, 5, 5, false],
    ["lateness in the gap", 25, 5.1, 5.1, true],
    ["no gap, and lateness that does not count", 0, 0, 5, false],
    ["no gap, and lateness in which one may hide", 0, 0, 5.1, true],
  ];
  for (const [what, gapMs, outageLateMs, probeLateMs, expected] of rows)
    it(`${what}: ${expected ? "unclear" : "clear"}`, () => {
      assert.equal(isUnclear({ gapMs, outageLateMs, probeLateMs }), expected);
    });
});

describe("failoverFigures", () => {
  it("judges the median and the worst of a power cut apart, for every size of the table", () => {
    const many = cell({ flows: 1_000_000 }, { gapMs: 20 }, { gapMs: 30 }, { gapMs: 41 });
    assert.deepEqual(verdicts(cell({}, { gapMs: 31 }), many), [
      ["gap at power cut, 0 flows, median", 31, false],
      ["gap at power cut, 0 flows, p99", 31, true],
      ["gap at power cut, 1000000 flows, median", 30, true],
      ["gap at power cut, 1000000 flows, p99", 41, false],
      ["gap at power cut with 1000000 flows, beyond that with none, medians", -1, true],
      nothingLost,
    ]);
  });

  it("holds the fastest setting and planned ends to limits of their own", () => {
    assert.deepEqual(
      verdicts(
        cell({ contender: "tocha-fastest" }, { gapMs: 20.1 }),
        cell({ scenario: "switchover" }, { gapMs: 5, udpLost: 6 }, { gapMs: 2 }),
        cell({ scenario: "stop" }, { gapMs: 10.1 }),
        cell({ scenario: "cut-lan" }, { gapMs: 20 }),
        cell({ scenario: "cut-wan" }, { gapMs: 21 }),
      ),
      [
        ["gap at power cut, 0 flows, fastest setting, median", 20.1, false],
        ["gap at switchover, p99", 5, true],
        ["packets lost at switchover, of 1,000 a second, most", 6, false],
        ["gap at stop, p99", 10.1, false],
        ["gap at cut-lan, p99", 20, true],
        ["gap at cut-wan, p99", 21, false],
        nothingLost,
      ],
    );
  });

  it("compares many addresses with two, by the gap and by the announcements of all", () => {
    const many = cell({ contender: "tocha-many" }, { gapMs: 34, announcedMs: 33.5 });
    assert.deepEqual(verdicts(cell({}, {}), many).slice(2, 4), [
      ["gap with 260 addresses on 8 interfaces, with IPv6, beyond that with 2, IPv4, medians", 9, true],
      [
        "until all is announced with 260 addresses on 8 interfaces, with IPv6, beyond that with 2, IPv4, medians",
        10.5,
        false,
      ],
    ]);
  });

  it("takes one lost connection for a miss, of streams and of those that only stood", () => {
    for (const lost of [{ connectionsLost: 1 }, { backgroundLost: 1 }])
      assert.deepEqual(verdicts(cell({}, lost, {})).at(-1), ["connections lost, in all of these", 1, false]);
  });

  it("does not hold others to the targets of tocha", () => {
    assert.deepEqual(verdicts(cell({ contender: "keepalived" }, { gapMs: 900, connectionsLost: 300 })), []);
  });
});

describe("failoverText", () => {
  it("shows each cell with its distribution, each target with its verdict, and what failed", () => {
    const cells = [
      cell({ flows: 10 }, { gapMs: 20, probeLateMs: 9, outageLateMs: 9 }, { gapMs: 45, backgroundLost: 2 }),
    ];
    const machine: MachineFacts = {
      ...{ processor: "a processor", processors: 2, memoryGiB: 4, kernel: "6.18", node: "v26" },
      ...{ conntrackd: "1.4.7", revision: "abc", date: "2026-08-01", loadAverage: 1 },
      doubts: ["other work was running"],
    };
    const command = "npm run bench -- failover";
    const failures = ["power-off, tocha: nobody took over"];
    const text = failoverText({
      ...{ machine, command, keepalived: "2.2.7", cells, failures, figures: failoverFigures(cells) },
      steady: [],
    });
    for (const line of [
      "Mind: other work was running",
      "| power-off | tocha | 10 | 2 (1) | 20 / 32.5 / 45 / 45 / 45 | 23 / 23 | 3 | 0 of 600 | 2 of 20 | 0.5 |",
      "| gap at power cut, 10 flows, median | 32.5 ms | <= 30 | missed |",
      "Failed: power-off, tocha: nobody took over",
    ])
      assert.ok(text.split("\n").includes(line), `${line}\nin\n${text}`);
  });
});
