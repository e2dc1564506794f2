/** Runs decoders one after another in a thread of its own, so that one that never ends can be told from outside. */
import { parentPort, workerData } from "node:worker_threads";
import { allTargets } from "./all-targets.ts";
import { type FuzzResult, fuzz } from "./fuzz-run.ts";

export interface FuzzWork {
  readonly decoders: readonly string[];
  readonly inputs: number;
  readonly seed: number;
}

export type FuzzReport =
  | { readonly kind: "progress"; readonly decoder: string; readonly done: number }
  | { readonly kind: "result"; readonly decoder: string; readonly result: FuzzResult }
  | { readonly kind: "failure"; readonly decoder: string; readonly message: string };

const { decoders, inputs, seed } = workerData as FuzzWork;
const report = (message: FuzzReport) => parentPort?.postMessage(message);

for (const decoder of decoders) {
  const make = allTargets[decoder];
  if (make === undefined) throw new Error(`no decoder ${decoder}`);
  try {
    const onProgress = (done: number) => report({ kind: "progress", decoder, done });
    report({ kind: "result", decoder, result: fuzz(make(), { inputs, seed, onProgress }) });
  } catch (error) {
    report({ kind: "failure", decoder, message: error instanceof Error ? error.message : String(error) });
  }
}
