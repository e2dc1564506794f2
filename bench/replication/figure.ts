import { median, round } from "./statistics.ts";

/** One figure with what it should be. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** `<=` or `>=` this. */
  readonly target: { readonly relation: "<=" | ">="; readonly value: number };
  readonly met: boolean;
  /** All runs' values, in the order of the runs. */
  readonly runs: readonly number[];
}

/** @param runs one value a run; the figure is their median. Undefined when there is none. */
export function figure(
  what: string,
  unit: string,
  relation: "<=" | ">=",
  target: number,
  runs: readonly number[],
): Figure | undefined {
  const known = runs.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return undefined;
  const value = round(median(known), 3);
  const met = relation === "<=" ? value <= target : value >= target;
  return { what, value, unit, target: { relation, value: target }, met, runs: known };
}
