/** Runs the histories of some seeds, on a processor of its own, and sends what happened in them. */
import { parentPort, workerData } from "node:worker_threads";
import { simulate, sumOf } from "./replication-history.ts";

const seeds = workerData as readonly number[];

parentPort?.postMessage(
  sumOf(
    seeds.map((seed) => {
      try {
        return simulate(seed);
      } catch (error) {
        const repeat = `TOCHA_SIM_FIRST_SEED=${seed} TOCHA_SIM_SEEDS=1 bash scripts/node.sh --test tests/sim/replication.test.ts`;
        throw new Error(
          `seed ${seed}: ${error instanceof Error ? error.message : String(error)}\nrepeat with: ${repeat}`,
        );
      }
    }),
  ),
);
