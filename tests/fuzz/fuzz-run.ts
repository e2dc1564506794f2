import { seededRandom } from "../../src/base/prng.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";
import { below, mutate, type Random, randomBytes } from "./mutate.ts";

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Called now and then with the number of inputs done. */
  readonly onProgress?: (done: number) => void;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly accepted: number;
  /** Refused inputs by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly durationMs: number;
  readonly slowestMs: number;
}

const RANDOM_SHARE = 0.2;
const RANDOM_BYTES_MAX = 300;
const REPAIRED_SHARE = 0.6;
const PROGRESS_INPUTS = 1 << 14;
/** A decoder takes microseconds; a busy machine may stop the process for longer, but never so long. */
const INPUT_MS_MAX = 5_000;

/** What went wrong, with everything that is needed to see it again. */
export class FuzzFailure extends Error {
  constructor(index: number, input: Uint8Array, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`input ${index} (${input.length} bytes) ${Buffer.from(input).toString("hex")}\n${why}`, { cause });
  }
}

/** Feeds a target with inputs that depend only on the seed. @throws FuzzFailure at the first broken promise */
export function fuzz(target: FuzzTarget, { inputs, seed, onProgress }: FuzzOptions): FuzzResult {
  const random = seededRandom(seed);
  const reasons: Record<string, number> = {};
  const startedMs = performance.now();
  let slowestMs = 0;
  for (let index = 0; index < inputs; index++) {
    const input = makeInput(target, random);
    const beganMs = performance.now();
    let outcome: string;
    try {
      outcome = target.run(input, random);
    } catch (error) {
      throw new FuzzFailure(index, input, error);
    }
    const tookMs = performance.now() - beganMs;
    if (tookMs > INPUT_MS_MAX) throw new FuzzFailure(index, input, new Error(`took ${tookMs} ms`));
    slowestMs = Math.max(slowestMs, tookMs);
    reasons[outcome] = (reasons[outcome] ?? 0) + 1;
    if (index % PROGRESS_INPUTS === 0) onProgress?.(index);
  }
  const { [ACCEPTED]: accepted = 0, ...refused } = reasons;
  return { inputs, accepted, reasons: refused, durationMs: performance.now() - startedMs, slowestMs };
}

function makeInput({ corpus, repair }: FuzzTarget, random: Random): Uint8Array {
  if (random() < RANDOM_SHARE) return randomBytes(random, RANDOM_BYTES_MAX);
  const input = mutate(random, corpus[below(random, corpus.length)] ?? new Uint8Array(0));
  if (repair !== undefined && random() < REPAIRED_SHARE) repair(input);
  return input;
}
