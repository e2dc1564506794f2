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
  if (report.failures.length > 0) process.exitCode = 1;
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
  const raw = await runAll(options, signal);
  return {
    machine,
    command: ["npm run bench -- replication", ...args].join(" "),
    runs: options.runs,
    figures: [
      ...comparisonFigures(raw.contenders),
      ...takeoverFigures(raw.takeovers),
      ...largeTableFigures(raw.largeTables),
    ],
    loads: summarizeLoads(raw.contenders),
    saturation: summarizeSaturation(raw.contenders),
    failures: [...raw.failures, ...raw.largeTables.flatMap(({ failures }) => failures)],
    raw,
  };
}

async function runAll(
  { name, runs, parts, contenders, flows, quick }: BenchOptions,
  signal: AbortSignal,
): Promise<RawRuns & { readonly failures: readonly string[] }> {
  const results = { contenders: [] as ContenderRun[], largeTables: [] as LargeTableRun[] };
  const takeovers: TakeoverRun[] = [];
  const failures: string[] = [];
  const log = (line: string) => process.stderr.write(`${line}\n`);
  /** What fails is told in the report; the rest is measured all the same. */
  const attempt = async <T>(what: string, into: T[], work: () => Promise<T>): Promise<void> => {
    log(what);
    try {
      const result = await work();
      into.push(result);
    } catch (error) {
      if (signal.aborted || !(error instanceof Error)) throw error;
      log(`failed: ${error.message}`);
      failures.push(`${what}: ${error.message}`);
    }
  };
  const common = { name, quick, signal, log };
  const compared = { cpu: parts.includes("cpu"), rate: parts.includes("rate") };
  const large = parts.some((part) => part === "memory" || part === "idle" || part === "rejoin");
  // In turn, so that a machine whose speed drifts is as fast for all.
  for (let run = 1; run <= runs; run++) {
    const number = `run ${run} of ${runs}`;
    for (const contender of compared.cpu || compared.rate ? contenders : []) {
      await attempt(`${number}: ${contender}`, results.contenders, () =>
        runContender({ ...common, ...compared, run, contender }),
      );
    }
    if (large) {
      await attempt(`${number}: ${flows} connections`, results.largeTables, () =>
        runLargeTable({ ...common, flows, parts }),
      );
    }
    for (const background of parts.includes("takeover") ? [0, flows] : []) {
      await attempt(`${number}: takeover with ${background} connections`, takeovers, () =>
        runTakeover({ ...common, flows: background }),
      );
    }
  }
  return { ...results, takeovers, failures };
}
