import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Interruption } from "../../src/lab/interruption.ts";
import { labDown } from "../../src/lab/lab.ts";
import { abandonedLabs } from "../../src/lab/lab-folder.ts";
import { tryCommand } from "../../src/lab/run-command.ts";
import { untilKernelRests } from "../kernel-rest.ts";
import { withRoomForConnections } from "../replication/host-limits.ts";
import { machineFacts } from "../replication/machine-facts.ts";
import {
  type ContenderName,
  type FailoverBenchOptions,
  failoverHelp,
  readFailoverOptions,
} from "./failover-options.ts";
import {
  type CellResult,
  type FailoverBenchReport,
  failoverFigures,
  failoverText,
  summarize,
} from "./failover-report.ts";
import {
  FASTEST_PULSES_MS,
  type FailoverRun,
  type FailoverRunOptions,
  INTERVAL_MS,
  runTocha,
} from "./failover-run.ts";
import { runKeepalived } from "./keepalived-run.ts";
import { planRound } from "./plan.ts";
import { steadyContenders } from "./steady/steady-contenders.ts";
import { type SteadyResult, steadyFigures } from "./steady/steady-report.ts";

const installer = fileURLToPath(new URL("../../scripts/install.sh", import.meta.url));

const contenders: Readonly<Record<ContenderName, (options: FailoverRunOptions) => Promise<FailoverRun>>> = {
  tocha: runTocha,
  "tocha-fastest": (options) => runTocha({ ...options, pulseIntervalMs: FASTEST_PULSES_MS }),
  "tocha-many": (options) => runTocha({ ...options, manyAddresses: true }),
  keepalived: (options) => runKeepalived(false, options),
  "keepalived-best": (options) => runKeepalived(true, options),
};

/** `npm run bench -- failover`: see failoverHelp. */
export async function failoverBench(args: readonly string[]): Promise<void> {
  const options = readFailoverOptions(args);
  if (options === "help") {
    process.stdout.write(failoverHelp);
    return;
  }
  const interruption = new Interruption();
  const report = await interruption.during(() =>
    withRoomForConnections(() => measure(options, args, interruption.signal)),
  );
  if (report === undefined) return;
  if (report.failures.length > 0) process.exitCode = 1;
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : failoverText(report));
}

async function measure(
  options: FailoverBenchOptions,
  args: readonly string[],
  signal: AbortSignal,
): Promise<FailoverBenchReport> {
  execFileSync("bash", [installer, "keepalived", "conntrackd", "conntrack", "nftables", "iproute2"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (const abandoned of abandonedLabs()) await labDown(abandoned);
  const machine = await machineFacts();
  const { stderr, stdout } = await tryCommand("keepalived", ["--version"]);
  const failures: string[] = [];
  const cells = await measureTakeovers(options, signal, failures);
  const steady = options.parts.includes("steady") ? await measureSteady(options, signal, failures) : [];
  return {
    machine,
    keepalived: /Keepalived v([0-9.]+)/.exec(stderr + stdout)?.[1] ?? "unknown",
    command: ["npm run bench -- failover", ...args].join(" "),
    cells,
    steady,
    figures: [...failoverFigures(cells), ...steadyFigures(steady)],
    failures,
  };
}

/** @param failures gets a line for each run that came to no result */
async function measureTakeovers(
  options: FailoverBenchOptions,
  signal: AbortSignal,
  failures: string[],
): Promise<CellResult[]> {
  const cells = planRound(options).map((cell) => ({ cell, runs: [] as FailoverRun[] }));
  // In turn, so that a machine whose speed drifts is as fast for all.
  for (let run = 1; run <= options.runs; run++) {
    for (const { cell, runs } of cells) {
      const what = `run ${run} of ${options.runs}: ${cell.scenario}, ${cell.contender}, ${cell.flows} flows`;
      const result = await attempt({ what, signal, failures }, (tell) =>
        contenders[cell.contender]({
          ...{ name: options.name, scenario: cell.scenario, flows: cell.flows, signal },
          ...{ intervalMs: INTERVAL_MS, pulseIntervalMs: undefined, log: tell },
        }),
      );
      if (result !== undefined) runs.push(result);
    }
  }
  return cells.filter(({ runs }) => runs.length > 0).map(({ cell, runs }) => summarize(cell, runs));
}

async function measureSteady(
  { name, minutes, contenders: chosen }: FailoverBenchOptions,
  signal: AbortSignal,
  failures: string[],
): Promise<SteadyResult[]> {
  const results: SteadyResult[] = [];
  for (const contender of chosen) {
    const steady = steadyContenders[contender];
    if (steady === undefined) continue;
    const what = `steady, ${contender}`;
    log(`${what}: a lab with its traffic, then ${minutes} min of load`);
    const result = await attempt({ what, signal, failures }, () =>
      steady({
        ...{ name, minutes, signal, intervalMs: INTERVAL_MS, pulseIntervalMs: undefined },
        log: (line) => log(`${what}: ${line}`),
      }),
    );
    if (result !== undefined) results.push({ contender, ...result });
  }
  return results;
}

/**
 * One run: a failure is told, with everything that the run said, and the others go on.
 *
 * @returns undefined then
 */
async function attempt<T>(
  about: { readonly what: string; readonly signal: AbortSignal; readonly failures: string[] },
  work: (tell: (line: string) => void) => Promise<T>,
): Promise<T | undefined> {
  const { what, signal, failures } = about;
  const told: string[] = [];
  try {
    await untilKernelRests(signal);
    const result = await work((line) => told.push(line));
    log(`${what}: ${JSON.stringify(result)}`);
    return result;
  } catch (error) {
    if (signal.aborted || !(error instanceof Error)) throw error;
    log([`${what}: failed: ${error.message}`, ...told].join("\n"));
    failures.push(`${what}: ${error.message}`);
    return undefined;
  }
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
