/**
 * The benchmarks: `npm run bench -- NAME [options]`. bench/README.md says what each one measures.
 */
import { ProblemError } from "../src/base/problem.ts";

const [name, ...args] = process.argv.slice(2);

const benches: Readonly<Record<string, () => Promise<void>>> = {
  replication: async () => {
    const { replicationBench } = await import("./replication/replication-bench.ts");
    await replicationBench(args);
  },
  failover: async () => {
    const { failoverBench } = await import("./failover/failover-bench.ts");
    await failoverBench(args);
  },
  apply: async () => {
    const { applyBench } = await import("./apply/apply-bench.ts");
    await applyBench(args);
  },
  cli: async () => {
    const { cliBench } = await import("./cli/cli-bench.ts");
    await cliBench(args);
  },
  config: async () => {
    const { configBench } = await import("./cli/config-bench.ts");
    await configBench(args);
  },
};

const bench = benches[name ?? ""];
if (bench === undefined) {
  process.stderr.write(`tocha: which benchmark? There are: ${Object.keys(benches).join(", ")}\n`);
  process.exitCode = 64;
} else {
  try {
    await bench();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { message, hint } = error.problem;
    process.stderr.write(`tocha: ${message}\n${hint === undefined ? "" : `  ${hint}\n`}`);
    process.exitCode = 1;
  }
}
