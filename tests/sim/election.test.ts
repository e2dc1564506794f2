import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { everyPromise, NothingMoves } from "./election-checkers.ts";
import { VirtualCluster } from "./election-cluster.ts";
import { cutSync, planFaults, startNode } from "./election-faults.ts";

const SEEDS = Number(process.env["TOCHA_SIM_SEEDS"] ?? 1_000);
const FIRST_SEED = Number(process.env["TOCHA_SIM_SEED"] ?? 1);
/** Each found a defect that is fixed; README.md tells which. */
const FIXED_BUG_SEEDS: readonly number[] = [];

describe("a cluster of elections on virtual time", () => {
  it("keeps every promise under faults", () => {
    for (const seed of [...FIXED_BUG_SEEDS, ...seeds()]) tried(seed, runFaults);
  });

  it("moves nothing when only the sync link is cut", () => {
    for (const seed of seeds(10)) tried(seed, runCutSync);
  });

  it("runs the same way for the same seed", () => {
    for (const seed of seeds(100)) assert.equal(runFaults(seed).story, runFaults(seed).story);
  });
});

function runFaults(seed: number): VirtualCluster {
  const cluster = newCluster(seed, everyPromise());
  const { intervalMs, preempt } = cluster.options;
  const settledMs = boot(cluster);
  const mendedMs = planFaults(cluster, settledMs);
  runTo(cluster, mendedMs);
  cluster.isCalm = true;
  // Preemption waits until the better node has been well for 5 s.
  runTo(cluster, mendedMs + 50 * intervalMs + (preempt && intervalMs >= 100 ? 6_000 : 0));
  cluster.finish();
  return cluster;
}

function runCutSync(seed: number): VirtualCluster {
  const nothingMoves = new NothingMoves();
  const cluster = newCluster(seed, [...everyPromise(), nothingMoves], false);
  runTo(cluster, boot(cluster));
  nothingMoves.armed = true;
  const mendedMs = planFaults(cluster, cluster.nowMs, [cutSync]);
  runTo(cluster, mendedMs + 30 * cluster.options.intervalMs);
  cluster.finish();
  return cluster;
}

function newCluster(
  seed: number,
  checkers: ReturnType<typeof everyPromise>,
  mayPreempt = true,
): VirtualCluster {
  const random = seededRandom(seed);
  return new VirtualCluster({
    seed,
    nodes: random() < 0.5 ? 2 : 3,
    intervalMs: random() < 0.6 ? 10 : 100,
    preempt: random() < 0.4 && mayPreempt,
    checkers,
  });
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
    throw new Error(`${error instanceof Error ? error.message : error}\n${cluster.story}`, { cause: error });
  }
}

function tried(seed: number, run: (seed: number) => VirtualCluster): void {
  try {
    run(seed);
  } catch (error) {
    const again = `TOCHA_SIM_SEED=${seed} TOCHA_SIM_SEEDS=1 bash scripts/node.sh --test tests/sim/election.test.ts`;
    throw new Error(
      `seed ${seed}: ${error instanceof Error ? error.message : error}\nrepeat with: ${again}`,
      {
        cause: error,
      },
    );
  }
}

/** `TOCHA_SIM_SEEDS` seeds, or that many parts of it. */
function seeds(part = 1): readonly number[] {
  return Array.from({ length: Math.ceil(SEEDS / part) }, (_, i) => FIRST_SEED + i);
}
