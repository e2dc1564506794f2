import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { metricSum, readNodeFigures, since, worstLatenessMs } from "./node-figures.ts";

const metrics = `# HELP tocha_takeovers_total Times that this node became active.
# TYPE tocha_takeovers_total counter
tocha_takeovers_total{group="gateway",cause="silence"} 2
tocha_takeovers_total{group="gateway",cause="resignation"} 1
tocha_takeover_last_seconds{group="gateway"} 0.031
tocha_conflicts_total{group="gateway"} 4
tocha_failover_lateness_max_seconds 0.0125
tocha_failover_late_wakeups_total{over="0.001"} 9
tocha_failover_late_wakeups_total{over="0.01"} 1
tocha_failover_events_total{event="lateAsActive"} 5
tocha_failover_events_total{event="lateAsStandby"} 6
tocha_process_restarts_total{process="control"} 1
tocha_process_restarts_total{process="failover"} 0
tocha_process_hangs_total{process="control"} 1
`;

describe("what a node says in its metrics", () => {
  it("is summed over groups, causes and processes", () => {
    assert.deepEqual(readNodeFigures(metrics), {
      takeovers: 3,
      conflicts: 4,
      events: { lateAsActive: 5, lateAsStandby: 6 },
      restarts: 1,
      hangs: 1,
      lateMaxMs: 12.5,
      laterThan: { "1 ms": 9, "5 ms": 0, "10 ms": 1, "20 ms": 0 },
    });
  });

  it("is nothing where the failover role did not answer", () => {
    assert.equal(readNodeFigures('tocha_process_up{process="failover"} 1\n'), undefined);
    assert.equal(metricSum(metrics, "tocha_takeover", ""), undefined);
  });

  it("counts on from a counter, and from the beginning of one that began again", () => {
    assert.equal(since(2, 5), 3);
    assert.equal(since(5, 2), 2);
    assert.equal(since(2, 2), 0);
  });
});

describe("the worst lateness of a measurement", () => {
  const samples = [
    { atMs: 30_000, lastMinuteMs: 7 },
    { atMs: 60_001, lastMinuteMs: 2 },
    { atMs: 90_000, lastMinuteMs: 3 },
  ];

  it("is the worst ever, where it has become worse", () => {
    assert.equal(worstLatenessMs(7, 9, samples), 9);
  });

  it("is that of the minutes otherwise, without what was before", () => {
    assert.equal(worstLatenessMs(7, 7, samples), 3);
    assert.equal(worstLatenessMs(7, 7, []), 0);
  });

  it("is the worst since then, where the role has begun anew", () => {
    assert.equal(worstLatenessMs(7, 1, samples), 1);
  });
});
