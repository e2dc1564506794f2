/** Runs one kind of histories for some seeds, on a processor of its own, and tells how many it has run, and what happened in them. */
import { parentPort, workerData } from "node:worker_threads";
import { type HistoryName, histories, tried } from "./election-history.ts";
import { addCounts } from "./election-seeds.ts";

const { history, seeds } = workerData as { readonly history: HistoryName; readonly seeds: readonly number[] };

const faultsByKind = new Map<string, number>();
for (const seed of seeds) addCounts(faultsByKind, tried(seed, histories[history]).faultsByKind);
parentPort?.postMessage({ count: seeds.length, faultsByKind });
