import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { healthyStatus } from "../../src/contract/status.test-data.ts";
import { distribution } from "../failover/distribution.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const RUNS_DEFAULT = 30;
/** What somebody waits for without noticing (docs/benchmarks.md). */
const STATUS_MS_MAX = 150;

/** How long commands take from their start to their end, with a node that answers at once. */
export async function cliBench(args: readonly string[]): Promise<void> {
  const runs = Number(args[args.indexOf("--runs") + 1] ?? RUNS_DEFAULT) || RUNS_DEFAULT;
  const folder = mkdtempSync(join(tmpdir(), "tocha-bench-cli-"));
  const socket = join(folder, "control.sock");
  // In a thread of its own: this one waits for the commands.
  const node = new Worker(new URL(import.meta.url), { workerData: { socket } });
  try {
    await once(node, "message");
    const [load = 0] = loadavg();
    console.log(
      `${cpus()[0]?.model ?? "?"}, Node.js ${process.version}, load ${load.toFixed(1)}, ${runs} runs each`,
    );
    const commands: readonly (readonly string[])[] = [
      ["version"],
      ["--help"],
      ["status", "--socket", socket],
      ["status", "--socket", socket, "-o", "yaml"],
      ["connections", "sync", "--socket", socket],
      ["switchover", "--dry-run", "--help"],
      ["check", fileURLToPath(new URL("../../examples/two-gateways.yaml", import.meta.url))],
      ["__complete", "switchover", "--socket", socket, "--to", ""],
    ];
    for (const command of commands) {
      const times = measured(command, runs);
      const { min, median, p90, max } = distribution(times);
      const shown = command.filter((word) => !word.startsWith("/") && word !== "--socket").join(" ");
      const verdict = command[0] === "status" ? (median <= STATUS_MS_MAX ? "  met" : "  NOT MET") : "";
      console.log(
        `tocha ${shown.padEnd(28)} median ${median} ms, min ${min}, p90 ${p90}, max ${max}${verdict}`,
      );
    }
  } finally {
    await node.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The first run fills the cache of compiled code, and is not counted. */
function measured(command: readonly string[], runs: number): number[] {
  const times: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const startMs = performance.now();
    const { status, stderr } = spawnSync(launcher, command, { encoding: "utf8" });
    if (status !== 0) throw new Error(`tocha ${command.join(" ")} ended with ${status}: ${stderr}`);
    if (run > 0) times.push(performance.now() - startMs);
  }
  return times;
}

if (!isMainThread) {
  const { socket } = workerData as { socket: string };
  const server = createServer((_request, response) => response.end(JSON.stringify(healthyStatus())));
  const { parentPort } = await import("node:worker_threads");
  server.listen(socket, () => parentPort?.postMessage("listening"));
}
