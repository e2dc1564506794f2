import assert from "node:assert/strict";
import { seededRandom } from "../../src/base/prng.ts";
import { Movements } from "./election-checkers.ts";
import { type Checker, type ClusterOptions, VirtualCluster } from "./election-cluster.ts";
import { cutSync, type Fault, planFaults, rankFaults, splitAtStart, startNode } from "./election-faults.ts";
import { paths } from "./election-network.ts";
import { everyPromise } from "./election-promises.ts";

/** The histories that workers run, by name. */
export const histories = {
  faults: (seed: number) => runFaults(seed),
  rankFaults: (seed: number) => runFaults(seed, rankFaults),
  cutSync: (seed: number) => runCutSync(seed),
} as const;

export type HistoryName = keyof typeof histories;

export function runFaults(seed: number, kinds?: readonly Fault[]): VirtualCluster {
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
  withStory(cluster, () => cluster.finish());
  return cluster;
}

export function runCutSync(seed: number): VirtualCluster {
  const movements = new Movements();
  const cluster = newCluster(seed, [...everyPromise(), movements], false);
  runTo(cluster, boot(cluster));
  movements.arm(cluster);
  const mendedMs = planFaults(cluster, cluster.nowMs, [cutSync]);
  runTo(cluster, mendedMs + 30 * cluster.options.intervalMs);
  assert.deepEqual(movements.changes, []);
  withStory(cluster, () => cluster.finish());
  return cluster;
}

function newCluster(seed: number, checkers: readonly Checker[], mayPreempt = true): VirtualCluster {
  const random = seededRandom(seed);
  const size = random();
  const nodes = size < 0.4 ? 2 : size < 0.8 ? 3 : 4;
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
export function pulseOptions(
  random: () => number,
  intervalMs: number,
): Pick<ClusterOptions, "pulseIntervalMs" | "pulsePaths"> {
  return {
    pulseIntervalMs:
      random() < 0.5 ? intervalMs : random() < 0.5 || intervalMs < 100 ? intervalMs / 2 : intervalMs / 10,
    pulsePaths: random() < 0.5 ? ["sync"] : paths,
  };
}

/** Starts all nodes, not quite together. @returns when one is active and all have their tables */
export function boot(cluster: VirtualCluster): number {
  const { intervalMs } = cluster.options;
  for (const node of cluster.nodes) {
    cluster.schedule(10 * intervalMs * cluster.random(), () => startNode(cluster, node));
  }
  return 50 * intervalMs + 50;
}

export function runTo(cluster: VirtualCluster, endMs: number): void {
  withStory(cluster, () => cluster.runUntil(endMs));
}

function withStory(cluster: VirtualCluster, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${cluster.story}`, { cause: error });
  }
}

export function tried(seed: number, run: (seed: number) => VirtualCluster): VirtualCluster {
  try {
    return run(seed);
  } catch (error) {
    const again = `TOCHA_SIM_FIRST_SEED=${seed} TOCHA_SIM_SEEDS=1 bash scripts/node.sh --test tests/sim/election.test.ts`;
    throw new Error(`seed ${seed}: ${messageOf(error)}\nrepeat with: ${again}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
