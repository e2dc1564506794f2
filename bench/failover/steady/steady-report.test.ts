import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SteadyResult, steadyDoubts, steadyFigures, steadyText } from "./steady-report.ts";

const calm: SteadyResult = {
  contender: "tocha",
  minutes: 10,
  takeovers: 0,
  takeoversSeen: [],
  roleChanges: 0,
  conflicts: 0,
  events: {},
  lateMs: { gw1: 1.2, gw2: 0.9 },
  udpSent: 600_000,
  udpLost: 0,
  udpGaps: 0,
  udpGapMs: 0,
  probeLateMs: 1.4,
  connections: 300,
  connectionsLost: 0,
  backgroundFlows: 100_000,
  backgroundLost: 0,
  longestTcpStallMs: 120,
  load: {
    processorsBusy: 0.999,
    connectionsPerSecond: 5_000,
    answersPerSecond: 80,
    answeredMbPerSecond: 20,
    questionsFailed: 0,
  },
  machineStallMs: 2.5,
  otherNamespaces: [],
};

const verdicts = (...results: SteadyResult[]) => steadyFigures(results).map(({ value, met }) => [value, met]);

describe("the verdict on a time under load", () => {
  it("is good when nothing happened", () => {
    assert.deepEqual(verdicts(calm), [
      [0, true],
      [0, true],
      [99.9, true],
    ]);
    assert.deepEqual(steadyDoubts([calm]), []);
  });

  it("counts a takeover that only the kernels saw, or only the nodes tell", () => {
    assert.deepEqual(verdicts({ ...calm, takeoversSeen: [3.1, 4], takeovers: 1 })[0], [2, false]);
    assert.deepEqual(verdicts({ ...calm, takeovers: 1 })[0], [1, false]);
  });

  it("counts every connection", () => {
    assert.deepEqual(verdicts({ ...calm, connectionsLost: 1, backgroundLost: 4 })[1], [5, false]);
  });

  it("is worth nothing on processors that had time, and less after a short time", () => {
    const idle = { ...calm, minutes: 1, load: { ...calm.load, processorsBusy: 0.8 } };
    assert.deepEqual(verdicts(idle)[2], [80, false]);
    assert.equal(steadyDoubts([idle]).length, 2);
    assert.equal(steadyDoubts([{ ...idle, probeLateMs: 12 }]).length, 3);
    assert.match(steadyDoubts([{ ...calm, otherNamespaces: ["run-7-gw1"] }]).join(), /1 network namespaces/);
  });

  it("is about tocha: keepalived is shown beside it", () => {
    const keepalived: SteadyResult = { ...calm, contender: "keepalived", lateMs: null, takeovers: 3 };
    assert.deepEqual(verdicts(keepalived), []);
    const rows = steadyText([calm, keepalived]).filter((line) => line.startsWith("|"));
    assert.equal(rows.length, 4);
    const columns = new Set(rows.map((row) => row.split("|").length));
    assert.equal(columns.size, 1);
    assert.match(rows[3] ?? "", /^\| keepalived \| 10 \| 0, 3 \|/);
  });

  it("has nothing to show where nothing was measured", () => {
    assert.deepEqual(steadyText([]), []);
    assert.deepEqual(verdicts(), []);
  });
});
