/**
 * Hostile inputs for every decoder: random bytes, and valid messages with something wrong in them. The same seed gives
 * the same inputs.
 *
 *     npm run fuzz -- [--inputs N] [--seed S] [--decoder NAME] [--workers W]
 *
 * The exit status is 0 only if every decoder kept every promise.
 */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { allTargets } from "./all-targets.ts";
import type { FuzzResult } from "./fuzz-run.ts";
import type { FuzzReport, FuzzWork } from "./fuzz-worker.ts";

const INPUTS = 10_000_000;
/** Between two signs of progress lie 16,384 inputs: a fraction of a second, and much more only if one never ends. */
const SILENCE_MS_MAX = 60_000;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: String(INPUTS) },
      seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
      decoder: { type: "string", multiple: true, default: Object.keys(allTargets) },
      workers: { type: "string", default: "1" },
    },
  });
  const workers = Number(values.workers);
  const work: FuzzWork = {
    decoders: values.decoder,
    inputs: Number(values.inputs),
    seed: Number(values.seed),
  };
  const unknown = work.decoders.filter((name) => !Object.hasOwn(allTargets, name));
  if (unknown.length > 0 || !(work.inputs >= 1) || !(workers >= 1) || !Number.isInteger(work.seed)) {
    process.stderr.write(`fuzz: --inputs, --workers and --seed are whole numbers, --decoder is one of `);
    process.stderr.write(`${Object.keys(allTargets).join(", ")}\n`);
    return EXIT_USAGE;
  }
  process.stderr.write(`fuzz: seed ${work.seed}, ${work.inputs} inputs for each decoder\n`);
  const { results, failures } = await runAll(work, workers);
  process.stdout.write(`${table(results)}\n`);
  for (const { decoder, message } of failures) {
    process.stderr.write(`\n${decoder}: ${message}\nagain with: npm run fuzz -- --decoder ${decoder} `);
    process.stderr.write(`--seed ${work.seed} --inputs ${work.inputs}\n`);
  }
  return failures.length === 0 && results.size === work.decoders.length ? 0 : EXIT_FAILED;
}

interface Outcome {
  readonly results: Map<string, FuzzResult>;
  readonly failures: Failure[];
}

interface Failure {
  readonly decoder: string;
  readonly message: string;
}

/** One decoder after the other, `workers` at a time: a decoder's inputs depend on the seed alone. */
async function runAll(work: FuzzWork, workers: number): Promise<Outcome> {
  const waiting = [...work.decoders];
  const all: Outcome = { results: new Map(), failures: [] };
  const take = async () => {
    for (let decoder = waiting.shift(); decoder !== undefined; decoder = waiting.shift()) {
      const { results, failures } = await run({ ...work, decoders: [decoder] });
      for (const [name, result] of results) all.results.set(name, result);
      all.failures.push(...failures);
    }
  };
  await Promise.all(Array.from({ length: workers }, take));
  return all;
}

function run(work: FuzzWork): Promise<Outcome> {
  const results = new Map<string, FuzzResult>();
  const failures: Failure[] = [];
  const worker = new Worker(new URL("fuzz-worker.ts", import.meta.url), { workerData: work });
  let [decoder = ""] = work.decoders;
  let lastSign = "";
  const hung = () => {
    failures.push({ decoder, message: `no progress for ${SILENCE_MS_MAX / 1_000} s after ${lastSign}` });
    void worker.terminate();
  };
  let timer = setTimeout(hung, SILENCE_MS_MAX);
  worker.on("message", (report: FuzzReport) => {
    clearTimeout(timer);
    timer = setTimeout(hung, SILENCE_MS_MAX);
    decoder = report.decoder;
    switch (report.kind) {
      case "progress":
        lastSign = `${report.done} inputs`;
        showProgress(`${decoder} ${Math.round((100 * report.done) / work.inputs)} %`);
        break;
      case "result":
        results.set(decoder, report.result);
        break;
      case "failure":
        failures.push({ decoder, message: report.message });
        break;
    }
  });
  return new Promise((resolve) => {
    worker.on("error", (error: unknown) => {
      failures.push({
        decoder,
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    });
    worker.on("exit", () => {
      clearTimeout(timer);
      showProgress("");
      resolve({ results, failures });
    });
  });
}

/** One line that is written over and over: for people only. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function table(results: ReadonlyMap<string, FuzzResult>): string {
  const rows = [["decoder", "inputs", "accepted", "refused", "reasons", "seconds", "slowest"]];
  for (const [decoder, { inputs, accepted, reasons, durationMs, slowestMs }] of results) {
    rows.push([
      decoder,
      String(inputs),
      String(accepted),
      String(inputs - accepted),
      String(Object.keys(reasons).length),
      (durationMs / 1_000).toFixed(1),
      `${slowestMs.toFixed(1)} ms`,
    ]);
  }
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}

process.exitCode = await main();
