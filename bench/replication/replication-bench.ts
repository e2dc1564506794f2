import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Interruption } from "../../src/lab/interruption.ts";
import { labDown } from "../../src/lab/lab.ts";
import { abandonedLabs } from "../../src/lab/lab-folder.ts";
import { type BenchOptions, readBenchOptions, replicationHelp } from "./bench-options.ts";
import { comparisonFigures, summarizeLoads, summarizeSaturation } from "./comparison.ts";
import { type ContenderRun, runContender } from "./contender-run.ts";
import { withRoomForConnections } from "./host-limits.ts";
import { type LargeTableRun, runLargeTable } from "./large-table-run.ts";
import { machineFacts } from "./machine-facts.ts";
import { type ReplicationReport, reportText } from "./report-text.ts";
import { runTakeover, type TakeoverRun } from "./takeover-run.ts";
import { largeTableFigures, takeoverFigures } from "./tocha-figures.ts";

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
  readonly largeTables: readonly LargeTableRun[];
  readonly takeovers: readonly TakeoverRun[];
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
  const largeTables: LargeTableRun[] = [];
  const takeovers: TakeoverRun[] = [];
  const { name, flows, parts, quick } = options;
  // In turn, so that a machine whose speed drifts is as fast for all.
  for (let run = 1; run <= options.runs; run++) {
    contenders.push(...(await compare(options, run, signal, log)));
    if (parts.some((part) => ["memory", "idle", "rejoin"].includes(part))) {
      log(`run ${run} of ${options.runs}: ${flows} connections`);
      largeTables.push(await runLargeTable({ name, flows, parts, quick, signal, log }));
    }
    if (!parts.includes("takeover")) continue;
    for (const background of [0, flows]) {
      log(`run ${run} of ${options.runs}: takeover with ${background} connections`);
      takeovers.push(await runTakeover({ name, flows: background, signal, log }));
      log(JSON.stringify(takeovers.at(-1)));
    }
  }
  return {
    machine,
    command: ["npm run bench -- replication", ...args].join(" "),
    runs: options.runs,
    figures: [
      ...comparisonFigures(contenders),
      ...takeoverFigures(takeovers),
      ...largeTableFigures(largeTables),
    ],
    loads: summarizeLoads(contenders),
    saturation: summarizeSaturation(contenders),
    raw: { contenders, largeTables, takeovers },
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
