import { median, percentile, round } from "../replication/statistics.ts";

export interface Distribution {
  readonly min: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** NaN of nothing. With fewer than 100 values the 99th percentile is the largest one. */
export function distribution(values: readonly number[]): Distribution {
  const of = (share: number) => round(percentile(values, share), 1);
  return { min: of(0), median: round(median(values), 1), p90: of(0.9), p99: of(0.99), max: of(1) };
}

const BINS = 10;
const BAR = 40;

/** A histogram for people: a line for each of ten equal ranges, as wide as the most frequent one needs. */
export function histogram(values: readonly number[]): string[] {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return [];
  const lowest = Math.floor(Math.min(...known));
  const width = Math.max(1, Math.ceil((Math.max(...known) - lowest + 0.1) / BINS));
  const counts = new Array<number>(BINS).fill(0);
  for (const value of known) {
    const bin = Math.min(BINS - 1, Math.floor((value - lowest) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  const last = counts.findLastIndex((count) => count > 0);
  return counts.slice(0, last + 1).map((count, bin) => {
    const from = lowest + bin * width;
    const bar = "#".repeat(Math.ceil((count / most) * BAR));
    return `${String(from).padStart(6)} to ${String(from + width).padStart(5)} ms  ${String(count).padStart(3)}  ${bar}`.trimEnd();
  });
}
