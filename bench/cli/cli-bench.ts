import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { healthyStatus } from "../../src/contract/status.test-data.ts";
import { measured, runsAsked, sayMachine, sayTimes } from "./command-times.ts";

/** What somebody waits for without noticing (docs/benchmarks.md). */
const STATUS_MS_MAX = 150;

/** How long commands take from their start to their end, with a node that answers at once. */
export async function cliBench(args: readonly string[]): Promise<void> {
  const runs = runsAsked(args);
  const folder = mkdtempSync(join(tmpdir(), "tocha-bench-cli-"));
  const socket = join(folder, "control.sock");
  // In a thread of its own: this one waits for the commands.
  const node = new Worker(new URL(import.meta.url), { workerData: { socket } });
  try {
    await once(node, "message");
    sayMachine(runs);
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
      const times = measured(runs, () => command);
      const shown = command.filter((word) => !word.startsWith("/") && word !== "--socket").join(" ");
      sayTimes(shown, times, command[0] === "status" ? STATUS_MS_MAX : undefined);
    }
  } finally {
    await node.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!isMainThread) {
  const { socket } = workerData as { socket: string };
  const server = createServer((_request, response) => response.end(JSON.stringify(healthyStatus())));
  const { parentPort } = await import("node:worker_threads");
  server.listen(socket, () => parentPort?.postMessage("listening"));
}
