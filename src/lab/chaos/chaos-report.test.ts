import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ChaosEpisode, judge, longest, takeoverBoundMs } from "./chaos-report.ts";

const good: ChaosEpisode = {
  number: 3,
  kind: "power-off",
  says: "gw1 loses its power",
  promise: { moves: "once", serves: true, shared: "takeover" },
  lastsMs: 1_000,
  takeovers: ["gw2"],
  vacantMs: 30,
  sharedMs: 0,
  answeredByTwoMs: 0,
  udpGapMs: 31,
  udpSendGapMs: 2,
  machineStallMs: 1,
  udpLost: 31,
  longestTcpStallMs: 240,
  lost: 0,
  corrupted: 0,
  settledMs: 4_000,
};
const INTERVAL_MS = 10;
const tooLongMs = takeoverBoundMs(INTERVAL_MS) + good.udpSendGapMs + good.machineStallMs + 1;

describe("the judgement of a fault", () => {
  it("has nothing against one that kept every promise", () => {
    assert.deepEqual(judge(good, INTERVAL_MS), []);
  });

  const cases: readonly (readonly [string, Partial<ChaosEpisode>, RegExp])[] = [
    ["a lost connection", { lost: 1 }, /^fault 3, power-off \(gw1 .*\): 1 connections were lost$/],
    ["wrong bytes", { corrupted: 2 }, /2 connections carried wrong bytes/],
    ["a cluster that is not well again", { settledMs: null }, /not all was well/],
    ["nobody who takes over", { takeovers: [] }, /nobody took over; promised: once/],
    ["one takeover too many", { takeovers: ["gw2", "gw1"] }, /gw2, then gw1 took over/],
    ["too long without an active", { vacantMs: tooLongMs }, /no node held all addresses for \d+ ms/],
    ["too long a gap", { udpGapMs: tooLongMs }, /no probe was answered/],
    ["two holders", { sharedMs: tooLongMs }, /an address stood on two nodes/],
    ["two answers", { answeredByTwoMs: tooLongMs }, /two nodes answered/],
  ];
  for (const [title, change, expected] of cases) {
    it(`sees ${title}`, () => {
      const failures = judge({ ...good, ...change }, INTERVAL_MS);
      assert.equal(failures.length, 1);
      assert.match(failures[0] ?? "", expected);
    });
  }

  it("adds what the probe was late itself", () => {
    assert.deepEqual(judge({ ...good, udpGapMs: tooLongMs, udpSendGapMs: 5 }, INTERVAL_MS), []);
  });

  it("does not judge who took over while the machine itself stood still, but all else", () => {
    const moved = { ...good, takeovers: ["gw2", "gw1"], lost: 1 };
    assert.equal(judge({ ...moved, machineStallMs: 2 * INTERVAL_MS - 1 }, INTERVAL_MS).length, 2);
    assert.equal(judge({ ...moved, machineStallMs: 2 * INTERVAL_MS }, INTERVAL_MS).length, 1);
  });

  it("allows what the fault allows, and no more", () => {
    const promise = { moves: "none", serves: false, shared: "fault" } as const;
    const cut = { ...good, promise, takeovers: [], udpGapMs: 60_000, sharedMs: tooLongMs };
    assert.deepEqual(judge(cut, INTERVAL_MS), []);
    assert.equal(judge({ ...cut, takeovers: ["gw2"] }, INTERVAL_MS).length, 1);
    // Nothing moves, so somebody holds the addresses all the time.
    assert.equal(judge({ ...cut, vacantMs: tooLongMs }, INTERVAL_MS).length, 1);
    assert.equal(judge({ ...cut, sharedMs: tooLongMs + cut.lastsMs }, INTERVAL_MS).length, 1);
    // No host hears both sides while they are apart.
    assert.equal(judge({ ...cut, answeredByTwoMs: tooLongMs }, INTERVAL_MS).length, 1);
  });

  it("holds somebody to the addresses also where no user reaches them, but not where nobody is left", () => {
    const promise = { moves: "once", serves: false, shared: "takeover" } as const;
    const deaf = { ...good, promise, udpGapMs: 60_000, vacantMs: tooLongMs };
    assert.equal(judge(deaf, INTERVAL_MS).length, 1);
    assert.deepEqual(judge({ ...deaf, promise: { ...promise, moves: "any" } }, INTERVAL_MS), []);
  });

  it("finds the longest times", () => {
    const { udpGapMs, settledMs } = longest([good, { ...good, udpGapMs: 50, settledMs: null }]);
    assert.deepEqual([udpGapMs, settledMs], [50, 4_000]);
  });
});
