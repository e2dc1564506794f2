import { Interruption } from "../../src/lab/interruption.ts";
import { readBenchOptions, replicationHelp } from "./bench-options.ts";
import { type ContenderRun, runContender } from "./contender-run.ts";
import { withRoomForConnections } from "./host-limits.ts";

/** `npm run bench -- replication`: see replicationHelp. */
export async function replicationBench(args: readonly string[]): Promise<void> {
  const options = readBenchOptions(args);
  if (options === "help") {
    process.stdout.write(replicationHelp);
    return;
  }
  const interruption = new Interruption();
  const { signal } = interruption;
  const log = (line: string) => process.stderr.write(`${line}\n`);
  await interruption.during(() =>
    withRoomForConnections(async () => {
      const runs: ContenderRun[] = [];
      const { name, quick, parts } = options;
      for (let run = 0; run < options.runs; run++) {
        for (const contender of options.contenders) {
          log(`run ${run + 1} of ${options.runs}: ${contender}`);
          runs.push(
            await runContender({
              ...{ name, contender, quick, signal, log },
              cpu: parts.includes("cpu"),
              rate: parts.includes("rate"),
            }),
          );
        }
      }
      process.stdout.write(`${JSON.stringify(runs)}\n`);
    }),
  );
}
