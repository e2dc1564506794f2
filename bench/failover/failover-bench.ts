import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Interruption } from "../../src/lab/interruption.ts";
import { labDown } from "../../src/lab/lab.ts";
import { abandonedLabs } from "../../src/lab/lab-folder.ts";
import { tryCommand } from "../../src/lab/run-command.ts";
import { withRoomForConnections } from "../replication/host-limits.ts";
import { machineFacts } from "../replication/machine-facts.ts";
import {
  type ContenderName,
  type FailoverBenchOptions,
  failoverHelp,
  readFailoverOptions,
} from "./failover-options.ts";
import { type FailoverBenchReport, failoverFigures, failoverText, summarize } from "./failover-report.ts";
import { type FailoverRun, type FailoverRunOptions, runTocha } from "./failover-run.ts";
import { runKeepalived } from "./keepalived-run.ts";
import { planRound } from "./plan.ts";

const installer = fileURLToPath(new URL("../../scripts/install.sh", import.meta.url));

/** What everybody is set to: the shortest that VRRP knows. */
const INTERVAL_MS = 10;
const FASTEST_PULSES_MS = 5;

const contenders: Readonly<Record<ContenderName, (options: FailoverRunOptions) => Promise<FailoverRun>>> = {
  tocha: runTocha,
  "tocha-fastest": (options) => runTocha({ ...options, pulseIntervalMs: FASTEST_PULSES_MS }),
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
  const cells = planRound(options).map((cell) => ({ cell, runs: [] as FailoverRun[] }));
  const failures: string[] = [];
  const log = (line: string) => process.stderr.write(`${line}\n`);
  // In turn, so that a machine whose speed drifts is as fast for all.
  for (let run = 1; run <= options.runs; run++) {
    for (const { cell, runs } of cells) {
      const what = `run ${run} of ${options.runs}: ${cell.scenario}, ${cell.contender}, ${cell.flows} flows`;
      try {
        const result = await contenders[cell.contender]({
          ...{ name: options.name, scenario: cell.scenario, flows: cell.flows, signal },
          ...{ intervalMs: INTERVAL_MS, pulseIntervalMs: undefined, log: () => undefined },
        });
        runs.push(result);
        log(`${what}: ${JSON.stringify(result)}`);
      } catch (error) {
        if (signal.aborted || !(error instanceof Error)) throw error;
        log(`${what}: failed: ${error.message}`);
        failures.push(`${what}: ${error.message}`);
      }
    }
  }
  const results = cells.filter(({ runs }) => runs.length > 0).map(({ cell, runs }) => summarize(cell, runs));
  return {
    machine,
    keepalived: /Keepalived v([0-9.]+)/.exec(stderr + stdout)?.[1] ?? "unknown",
    command: ["npm run bench -- failover", ...args].join(" "),
    cells: results,
    figures: failoverFigures(results),
    failures,
  };
}
