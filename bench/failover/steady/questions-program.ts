/**
 * Asks a node everything, all the time, over its control socket: whole listings of its connections among it. What the node makes of
 * the answers is garbage at once, so that its processes collect without end.
 */
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { serveCommands, workerOptions } from "../../../src/lab/traffic/worker-side.ts";

export interface QuestionsOptions {
  readonly socket: string;
}

/** Everything since the start. */
export interface QuestionsReport {
  readonly answers: number;
  readonly bytes: number;
  /** Refusals, and answers that were cut off or did not come. */
  readonly failures: number;
}

/** Each is asked again as soon as it is answered, beside the others. */
const questions = [
  "/v1/status",
  "/metrics",
  "/v1/failover/why",
  "/v1/failover/history?limit=500",
  "/v1/connections",
  "/v1/connections/top",
];
const SILENCE_MS = 30_000;
const AFTER_FAILURE_MS = 100;

const { socket: socketPath } = workerOptions<QuestionsOptions>();
let answers = 0;
let bytes = 0;
let failures = 0;

async function ask(path: string): Promise<void> {
  for (;;) {
    try {
      await answered(path);
      answers += 1;
    } catch {
      // A node that is restarted, or overloaded: counted, and asked again.
      failures += 1;
      await sleep(AFTER_FAILURE_MS);
    }
  }
}

function answered(path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const outgoing = request({ socketPath, path, agent: false, timeout: SILENCE_MS }, (incoming) => {
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    incoming.on("end", () => {
      if (incoming.statusCode === 200) resolve();
      else reject(new Error(`status ${incoming.statusCode}`));
    });
    incoming.on("error", reject);
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("silence")));
  outgoing.on("error", reject);
  outgoing.end();
  return promise;
}

serveCommands((): QuestionsReport => ({ answers, bytes, failures }));
for (const path of questions) void ask(path);
