import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { Announcements, everyPromise, Movements } from "./election-checkers.ts";
import { type Checker, type ClusterOptions, VirtualCluster } from "./election-cluster.ts";
import {
  cutDirections,
  cutSync,
  type Fault,
  planFaults,
  rankFaults,
  splitAtStart,
  startNode,
} from "./election-faults.ts";
import { paths } from "./election-network.ts";
import type { VirtualNode } from "./election-node.ts";

const SEEDS = Number(process.env["TOCHA_SIM_SEEDS"] ?? 1_000);
const FIRST_SEED = Number(process.env["TOCHA_SIM_FIRST_SEED"] ?? 1);
/** Each found a defect that is fixed; README.md tells which. */
const FIXED_BUG_SEEDS = [69, 116, 1_682, 13_486, 24_831];
/** Of a frame on a quiet network, and of a process that is woken. */
const DELAYS_MS = 1;

describe("a cluster of elections on virtual time", () => {
  it("keeps every promise under faults, and under replayed pulses", () => {
    for (const seed of [...FIXED_BUG_SEEDS, ...seeds()]) tried(seed, runFaults);
  });

  it("keeps every promise when checks fail and nodes are set aside as well", () => {
    for (const seed of seeds(3)) tried(seed, (one) => runFaults(one, rankFaults));
  });

  it("moves nothing when only the sync link is cut", () => {
    for (const seed of seeds(10)) tried(seed, runCutSync);
  });

  it("runs the same way for the same seed", () => {
    for (const seed of seeds(200)) assert.equal(runFaults(seed).story, runFaults(seed).story);
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

  single("the active loses a face: it hands over, and does not take it back", (run) => {
    run.active.setFace("lan", false);
    run.settle();
    run.active.setFace("lan", true);
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
  });

  single("the active loses every face: the best standby takes over at once", (run) => {
    run.active.setFace("lan", false);
    run.active.setFace("wan", false);
    run.settle();
    assert.deepEqual(run.takeovers, [run.best.name]);
    assert.ok(run.vacantMs <= DELAYS_MS, `${run.vacantMs} ms without an active`);
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

function holders({ nodes }: SingleRun): string[] {
  return nodes
    .filter((node) => node.holdsAddresses)
    .map(({ name }) => name)
    .sort();
}

class SingleRun {
  readonly cluster: VirtualCluster;
  readonly #movements = new Movements();
  readonly announcements = new Announcements();
  readonly active: VirtualNode;
  /** The standbys by rank. */
  readonly best: VirtualNode;
  readonly next: VirtualNode;

  constructor(seed: number, intervalMs: number) {
    const checkers = [...everyPromise(), this.#movements, this.announcements];
    this.cluster = new VirtualCluster({
      seed,
      nodes: 3,
      intervalMs,
      ...pulseOptions(seededRandom(seed), intervalMs),
      preempt: false,
      ipv6: seed % 2 === 0,
      attacker: true,
      checkers,
    });
    this.cluster.isCalm = true;
    runTo(this.cluster, boot(this.cluster));
    const active = this.nodes.find((node) => node.election?.role === "active");
    const [best, next] = this.nodes.filter((node) => node !== active);
    assert.ok(active !== undefined && best !== undefined && next !== undefined);
    this.active = active;
    this.best = best;
    this.next = next;
    this.#movements.arm(this.cluster);
  }

  get nodes(): readonly VirtualNode[] {
    return this.cluster.nodes;
  }

  get intervalMs(): number {
    return this.cluster.options.intervalMs;
  }

  get takeovers(): readonly string[] {
    return this.#movements.takeovers;
  }

  get changes(): readonly string[] {
    return this.#movements.changes;
  }

  get vacantMs(): number {
    return this.#movements.vacantMs;
  }

  settle(durationMs = 30 * this.intervalMs + 50): void {
    runTo(this.cluster, this.cluster.nowMs + durationMs);
  }
}

function single(title: string, act: (run: SingleRun) => void): void {
  it(title, () => {
    for (const seed of seeds(50)) {
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

function runFaults(seed: number, kinds?: readonly Fault[]): VirtualCluster {
  const cluster = newCluster(seed, everyPromise());
  const { intervalMs, preempt } = cluster.options;
  const isSplit = cluster.random() < 0.2;
  const startMs = isSplit ? Math.max(boot(cluster), splitAtStart(cluster)) : boot(cluster);
  const mendedMs = planFaults(cluster, startMs, kinds);
  runTo(cluster, mendedMs);
  cluster.isCalm = true;
  // A handover that was refused because the standby was not ready is tried again after 5 s.
  const wellMs = kinds === undefined ? 6_000 : 12_000;
  // Preemption waits until the better node has been well for 5 s.
  runTo(cluster, mendedMs + 50 * intervalMs + (preempt && intervalMs >= 100 ? wellMs : 0));
  cluster.finish();
  return cluster;
}

function runCutSync(seed: number): VirtualCluster {
  const movements = new Movements();
  const cluster = newCluster(seed, [...everyPromise(), movements], false);
  runTo(cluster, boot(cluster));
  movements.arm(cluster);
  const mendedMs = planFaults(cluster, cluster.nowMs, [cutSync]);
  runTo(cluster, mendedMs + 30 * cluster.options.intervalMs);
  assert.deepEqual(movements.changes, []);
  cluster.finish();
  return cluster;
}

function newCluster(seed: number, checkers: readonly Checker[], mayPreempt = true): VirtualCluster {
  const random = seededRandom(seed);
  const nodes = random() < 0.5 ? 2 : 3;
  const intervalMs = random() < 0.6 ? 10 : 100;
  return new VirtualCluster({
    seed,
    nodes,
    intervalMs,
    ...pulseOptions(seededRandom(-seed), intervalMs),
    preempt: random() < 0.4 && mayPreempt,
    ipv6: random() < 0.5,
    attacker: random() < 0.5,
    checkers,
  });
}

/** Half of the clusters send pulses on every path, half of them oftener than advertisements. */
function pulseOptions(
  random: () => number,
  intervalMs: number,
): Pick<ClusterOptions, "pulseIntervalMs" | "pulsePaths"> {
  return {
    pulseIntervalMs: random() < 0.5 ? intervalMs : intervalMs / 2,
    pulsePaths: random() < 0.5 ? ["sync"] : paths,
  };
}

/** Starts all nodes, not quite together. @returns when one is active and all have their tables */
function boot(cluster: VirtualCluster): number {
  const { intervalMs } = cluster.options;
  for (const node of cluster.nodes) {
    cluster.schedule(10 * intervalMs * cluster.random(), () => startNode(cluster, node));
  }
  return 50 * intervalMs + 50;
}

function runTo(cluster: VirtualCluster, endMs: number): void {
  try {
    cluster.runUntil(endMs);
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${cluster.story}`, { cause: error });
  }
}

function tried(seed: number, run: (seed: number) => VirtualCluster): void {
  try {
    run(seed);
  } catch (error) {
    const again = `TOCHA_SIM_FIRST_SEED=${seed} TOCHA_SIM_SEEDS=1 bash scripts/node.sh --test tests/sim/election.test.ts`;
    throw new Error(`seed ${seed}: ${messageOf(error)}\nrepeat with: ${again}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `TOCHA_SIM_SEEDS` seeds, or that many parts of it. */
function seeds(part = 1): readonly number[] {
  return Array.from({ length: Math.ceil(SEEDS / part) }, (_, i) => FIRST_SEED + i);
}
