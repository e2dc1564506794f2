import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Interruption } from "../../src/lab/interruption.ts";
import { labDown } from "../../src/lab/lab.ts";
import { abandonedLabs } from "../../src/lab/lab-folder.ts";
import { type BenchOptions, readBenchOptions, replicationHelp } from "./bench-options.ts";
import { comparisonFigures, summarizeLoads, summarizeSaturation } from "./comparison.ts";
import { type ContenderRun, runContender } from "./contender-run.ts";
import { withRoomForConnections } from "./host-limits.ts";
import { machineFacts } from "./machine-facts.ts";
import { type ReplicationReport, reportText } from "./report-text.ts";

const installer = fileURLToPath(new URL("../../scripts/install.sh", import.meta.url));

/** `npm run bench -- replication`: see replicationHelp. */
export async function replicationBench(args: readonly string[]): Promise<void> {
  const options = readBenchOptions(args);
  if (options === "help") {
    process.stdout.write(replicationHelp);
    return;
  }
  const interruption = new Interruption();
  const report = await interruption.during(() =>
    withRoomForConnections(() => measure(options, args, interruption.signal)),
  );
  if (report === undefined) return;
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
}

interface RawRuns {
  readonly contenders: readonly ContenderRun[];
}

async function measure(
  options: BenchOptions,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ReplicationReport & { readonly raw: RawRuns }> {
  execFileSync("bash", [installer, "conntrackd", "conntrack", "nftables", "iproute2"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const abandoned of abandonedLabs()) await labDown(abandoned);
  const machine = await machineFacts();
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const contenders: ContenderRun[] = [];
  // In turn, so that a machine whose speed drifts is as fast for all.
  for (let run = 1; run <= options.runs; run++) {
    contenders.push(...(await compare(options, run, signal, log)));
  }
  return {
    machine,
    command: ["npm run bench -- replication", ...args].join(" "),
    runs: options.runs,
    figures: comparisonFigures(contenders),
    loads: summarizeLoads(contenders),
    saturation: summarizeSaturation(contenders),
    raw: { contenders },
  };
}

async function compare(
  { name, quick, parts, contenders, runs }: BenchOptions,
  run: number,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<ContenderRun[]> {
  const cpu = parts.includes("cpu");
  const rate = parts.includes("rate");
  const results: ContenderRun[] = [];
  if (!cpu && !rate) return results;
  for (const contender of contenders) {
    log(`run ${run} of ${runs}: ${contender}`);
    results.push(await runContender({ name, contender, quick, cpu, rate, signal, log }));
  }
  return results;
}
