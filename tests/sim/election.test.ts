import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockStepMsMax, cutDirections, startNode } from "./election-faults.ts";
import { runFaults, tried } from "./election-history.ts";
import { paths } from "./election-network.ts";
import type { VirtualNode } from "./election-node.ts";
import { everySeed } from "./election-seeds.ts";
import { holders, SingleRun } from "./election-single.ts";

const SEEDS = Number(process.env["TOCHA_SIM_SEEDS"] ?? 2_000);
const FIRST_SEED = Number(process.env["TOCHA_SIM_FIRST_SEED"] ?? 1);
/** Each found a defect that is fixed; README.md tells which. */
const FIXED_BUG_SEEDS = [69, 116, 1_682, 13_486, 24_831];
/** Of a frame on a quiet network, and of a process that is woken. */
const DELAYS_MS = 1;
/** What happens to any cluster, by the names in election-faults.ts. */
const COMMON_KINDS = ["storm", "flap", "sleep", "crash", "stop", "switchover", "loseTable", "splitAtStart"];
const CUT_KINDS = ["cutOneWay", "cutBothWays", "isolate", "cutSync"];

describe("a cluster of elections on virtual time", () => {
  it("keeps every promise under faults, and under replayed pulses", () => {
    return everySeed(
      "faults",
      [...FIXED_BUG_SEEDS, ...seeds()],
      [...COMMON_KINDS, ...CUT_KINDS, "flutter", "stepClock", "slowStart"],
    );
  });

  it("keeps every promise when checks fail and nodes are set aside as well", () => {
    return everySeed("rankFaults", seeds(6), [...COMMON_KINDS, "failCheck", "setAside"]);
  });

  it("moves nothing when only the sync link is cut", () => {
    return everySeed("cutSync", seeds(20), ["cutSync"]);
  });

  it("runs the same way for the same seed", () => {
    for (const seed of seeds(400)) assert.equal(runFaults(seed).story, runFaults(seed).story);
  });
});

/** One thing happens to three healthy nodes on a quiet network; gw1 ranks above gw2, and gw2 above gw3. */
describe("three elections, one event", () => {
  single("the active dies: the best standby takes over after an active-down time, alone", (run) => {
    run.active.crash();
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= 4 * run.intervalMs + DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single("the active is stopped: the best standby takes over at once", (run) => {
    run.active.stop();
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single("a switchover is asked for: the best standby takes over at once", (run) => {
    run.active.requestSwitchover();
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single("a switchover to the second best is asked for: that one takes over at once, and keeps it", (run) => {
    run.active.requestSwitchover(run.next.name);
    run.settle();
    assert.deepEqual(run.takeovers, [run.next.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single(
    "the second best, named in a switchover, dies with it: the best takes over after an active-down time",
    (run) => {
      run.active.requestSwitchover(run.next.name);
      run.settle(0.5);
      run.next.crash();
      run.settle();
      assert.deepEqual(run.takeovers, [run.best.name]);
      assert.ok(run.vacantMs <= 4 * run.intervalMs + DELAYS_MS, `${run.vacantMs} ms without an active`);
    },
  );

  single("the active loses a face: it hands over, and does not take it back", (run) => {
    run.active.setFace("lan", false);
    run.settle();
    run.active.setFace("lan", true);
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single(
    "the active loses a face, and all others are set aside: one of them serves until it is well",
    (run) => {
      for (const node of [run.best, run.next])
        node.tellReadiness({ maintenance: { why: "it is set aside", force: false } });
      run.settle();
      // Two moves that are meant are as many as there may be when all is calm, with the one of the start.
      run.cluster.isCalm = false;
      run.active.setFace("lan", false);
      run.settle(10_000);
      const [heir, ...others] = holders(run);
      assert.deepEqual([run.takeovers, others], [[heir], []]);
      assert.notEqual(heir, run.active.name);
      // Its face comes up for too short a time.
      for (let turn = 0; turn < 2; turn++) {
        run.active.setFace("lan", true);
        run.settle(2_000);
        run.active.setFace("lan", false);
        run.settle(3_000);
      }
      assert.deepEqual(run.takeovers, [heir]);
      run.active.setFace("lan", true);
      // Of the drains some fail, and are tried again after 5 s.
      run.settle(30_000);
      assert.deepEqual(run.takeovers, [heir, run.active.name]);
      assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
    },
  );

  single(
    "the active and one that is set aside have lost a face each, all others are set aside: nothing goes to and fro",
    (run) => {
      for (const node of [run.best, run.next])
        node.tellReadiness({ maintenance: { why: "it is set aside", force: false } });
      run.best.setFace("lan", false);
      run.next.setFace("wan", false);
      run.settle();
      run.active.setFace("lan", false);
      run.settle(20_000);
      assert.deepEqual(run.changes, []);
    },
  );

  single("the active loses every face: the best standby takes over at once", (run) => {
    run.active.setFace("lan", false);
    run.active.setFace("wan", false);
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single("a face of the active flutters: it hands over once", (run) => {
    for (let turn = 0; turn < 20; turn++) {
      run.active.setFace("lan", turn % 2 === 1);
      run.settle((0.5 + 3 * run.cluster.random()) * run.intervalMs);
    }
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
  });

  single("the clock of a standby steps: nothing moves", (run) => {
    for (const node of [run.best, run.next]) {
      node.stepClock(100 * run.intervalMs);
      run.settle();
    }
    assert.deepEqual(run.changes, []);
  });

  single("the only one left is late all the time: it becomes active all the same", (run) => {
    // So late that it shall listen first, again and again (patience.ts).
    const { pulseIntervalMs } = run.cluster.options;
    run.best.lateMs = 3.5 * pulseIntervalMs;
    run.settle();
    run.active.crash();
    run.next.crash();
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
  });

  single("the clock of the active steps: nothing moves", (run) => {
    run.active.stepClock(Math.min(100 * run.intervalMs, clockStepMsMax(run.cluster.options)));
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("a standby loses a face: nothing moves", (run) => {
    run.best.setFace("wan", false);
    run.settle();
    run.best.setFace("wan", true);
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("the best standby has no table when the active dies: the next one takes over", (run) => {
    run.best.setTableComplete(false);
    run.settle();
    run.active.crash();
    run.settle();
    assert.deepEqual(run.takeovers, [run.next.name]);
  });

  single(
    "beside a node that is set aside and one without its table: the one that is set aside takes over",
    (run) => {
      run.best.setTableComplete(false);
      run.next.tellReadiness({ maintenance: { why: "it is set aside", force: false } });
      run.settle();
      run.active.crash();
      run.settle();
      assert.deepEqual(run.takeovers, [run.next.name]);
      assert.ok(run.vacantMs <= 4 * run.intervalMs + DELAYS_MS, `${run.vacantMs} ms without an active`);
    },
  );

  single("a standby's machine stands still for a while: nothing moves", (run) => {
    for (const keepsPackets of [true, false]) {
      run.best.pause(keepsPackets);
      run.settle();
      run.best.resume();
      run.settle();
    }
    assert.deepEqual(run.changes, []);
  });

  single("the active's machine stands still for a while: it gives way when it wakes", (run) => {
    run.active.pause(false);
    run.settle();
    run.active.resume();
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.equal(run.active.election?.role, "standby");
  });

  single("everything stands still for a while: nothing moves", (run) => {
    for (const node of run.nodes) node.pause(false);
    run.settle();
    for (const node of run.nodes) node.resume();
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("a node stands still for less than two intervals, whichever it is: nothing moves", (run) => {
    for (const node of [run.active, run.active, run.best, run.active]) {
      node.pause(true);
      run.settle(1.99 * run.cluster.random() * run.cluster.options.pulseIntervalMs);
      node.resume();
      run.settle();
    }
    assert.deepEqual(run.changes, []);
  });

  single("everything stands still for a moment, shorter or longer, again and again: nothing moves", (run) => {
    for (let turn = 0; turn < 10; turn++) {
      for (const node of run.nodes) node.pause(turn % 2 === 0);
      run.settle(6 * run.cluster.random() * run.cluster.options.pulseIntervalMs);
      for (const node of run.nodes) node.resume();
      run.settle();
    }
    assert.deepEqual(run.changes, []);
  });

  single(
    "nobody hears the active: the best standby takes over, and the active, which hears it, gives way",
    (run) => {
      const mend = cutDirections(run.cluster, paths, [
        [run.active, run.best],
        [run.active, run.next],
      ]);
      run.settle();
      assert.deepEqual(run.takeovers, [run.best.name]);
      assert.equal(run.active.election?.role, "standby");
      mend();
      run.settle();
      assert.deepEqual(run.takeovers, [run.best.name]);
    },
  );

  single("the active hears nobody: nothing moves", (run) => {
    const mend = cutDirections(run.cluster, paths, [
      [run.best, run.active],
      [run.next, run.active],
    ]);
    run.settle();
    mend();
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("only one path is left, of every pair another: nothing moves", (run) => {
    const { active, best, next } = run;
    const mends = [
      cutDirections(run.cluster, ["lan", "wan"], bothWays(active, best)),
      cutDirections(run.cluster, ["sync", "wan"], bothWays(active, next)),
      cutDirections(run.cluster, ["sync", "lan"], bothWays(best, next)),
    ];
    run.settle();
    for (const mend of mends) mend();
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("paths flap: nothing moves", (run) => {
    for (let i = 0; i < 12; i++) {
      const path = paths[i % paths.length] ?? "sync";
      const mend = cutDirections(run.cluster, [path], bothWays(run.active, run.best));
      run.settle(run.intervalMs);
      mend();
    }
    run.settle();
    assert.deepEqual(run.changes, []);
  });

  single("the active is alone, then not: one of the two stays, within an interval", (run) => {
    const { active, best, next } = run;
    const mend = cutDirections(run.cluster, paths, [...bothWays(active, best), ...bothWays(active, next)]);
    run.settle();
    assert.deepEqual(holders(run), [active.name, best.name].sort());
    // By then all that a takeover itself announces is over, and the next that is due by itself is far.
    run.settle(11_000);
    mend();
    const mendedMs = run.cluster.nowMs;
    run.settle(run.intervalMs + DELAYS_MS);
    const [stays, ...others] = holders(run);
    assert.ok(stays !== undefined && others.length === 0);
    run.settle();
    assert.deepEqual(holders(run), [stays]);
    assert.ok(run.announcements.announcedSince(stays, mendedMs), `${stays} announces again`);
  });

  single("a node comes back: nothing moves without preemption", (run) => {
    run.active.crash();
    run.settle();
    startNode(run.cluster, run.active);
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.equal(run.active.election?.role, "standby");
  });
});

function bothWays(a: VirtualNode, b: VirtualNode): readonly (readonly [VirtualNode, VirtualNode])[] {
  return [
    [a, b],
    [b, a],
  ];
}

function single(title: string, act: (run: SingleRun) => void): void {
  it(title, () => {
    for (const seed of seeds(100)) {
      for (const intervalMs of [10, 100]) {
        tried(seed, () => {
          const run = new SingleRun(seed, intervalMs);
          act(run);
          run.cluster.finish();
          return run.cluster;
        });
      }
    }
  });
}

/** `TOCHA_SIM_SEEDS` seeds, or that many parts of it. */
function seeds(part = 1): readonly number[] {
  return Array.from({ length: Math.ceil(SEEDS / part) }, (_, i) => FIRST_SEED + i);
}
