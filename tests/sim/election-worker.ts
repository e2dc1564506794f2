/** Runs one kind of histories for some seeds, on a processor of its own, and tells how many it has run. */
import { parentPort, workerData } from "node:worker_threads";
import { type HistoryName, histories, tried } from "./election-history.ts";

const { history, seeds } = workerData as { readonly history: HistoryName; readonly seeds: readonly number[] };

for (const seed of seeds) tried(seed, histories[history]);
parentPort?.postMessage(seeds.length);
