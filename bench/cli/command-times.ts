import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { distribution } from "../failover/distribution.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const RUNS_DEFAULT = 30;

/** `--runs N`. */
export function runsAsked(args: readonly string[]): number {
  return Number(args[args.indexOf("--runs") + 1] ?? RUNS_DEFAULT) || RUNS_DEFAULT;
}

/** The line above all figures. */
export function sayMachine(runs: number): void {
  const [load = 0] = loadavg();
  console.log(
    `${cpus()[0]?.model ?? "?"}, Node.js ${process.version}, load ${load.toFixed(1)}, ${runs} runs each`,
  );
}

/**
 * From the start of `bin/tocha` to its end. The first run fills the cache of compiled code, and is not counted.
 *
 * @param commandOf the words of one run
 */
export function measured(runs: number, commandOf: () => readonly string[]): number[] {
  const times: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const command = commandOf();
    const startMs = performance.now();
    const { status, stderr } = spawnSync(launcher, command, { encoding: "utf8" });
    if (status !== 0) throw new Error(`tocha ${command.join(" ")} ended with ${status}: ${stderr}`);
    if (run > 0) times.push(performance.now() - startMs);
  }
  return times;
}

/** @param limitMs that the median is judged by, if it is */
export function sayTimes(what: string, times: readonly number[], limitMs?: number): void {
  const { min, median, p90, max } = distribution(times);
  const verdict = limitMs === undefined ? "" : median <= limitMs ? "  met" : "  NOT MET";
  console.log(`tocha ${what.padEnd(44)} median ${median} ms, min ${min}, p90 ${p90}, max ${max}${verdict}`);
}
