import assert from "node:assert/strict";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { HistoryName } from "./election-history.ts";

/** What one worker has run. */
interface Share {
  readonly count: number;
  readonly faultsByKind: ReadonlyMap<string, number>;
}

/** Fewer draw some kinds by luck only: a seed that is repeated, for instance. */
const HISTORIES_WITH_EVERY_KIND = 100;

/**
 * Spreads the seeds over the processors: a history depends on nothing but its seed.
 *
 * @param kinds all faults that must have happened in one history or another, and no other one: written down apart from what draws them, so
 * that a kind that is not drawn any more is missed
 */
export async function everySeed(
  history: HistoryName,
  seeds: readonly number[],
  kinds: readonly string[],
): Promise<void> {
  const workers = Math.min(availableParallelism(), seeds.length);
  const shares = await Promise.all(
    Array.from({ length: workers }, async (_, index) => {
      const workerData = { history, seeds: seeds.filter((_, place) => place % workers === index) };
      const worker = new Worker(new URL("election-worker.ts", import.meta.url), { workerData });
      // An error of the worker rejects this.
      const [share] = (await once(worker, "message")) as [Share];
      return share;
    }),
  );
  const done = shares.reduce((sum, { count }) => sum + count, 0);
  assert.equal(done, seeds.length);
  if (done < HISTORIES_WITH_EVERY_KIND) return;
  const faultsByKind = new Map<string, number>();
  for (const share of shares) addCounts(faultsByKind, share.faultsByKind);
  assert.deepEqual([...faultsByKind.keys()].sort(), [...kinds].sort(), "each kind of fault has happened");
}

export function addCounts(sums: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [kind, count] of counts) sums.set(kind, (sums.get(kind) ?? 0) + count);
}
