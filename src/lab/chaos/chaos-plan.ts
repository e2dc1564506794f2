import { seededRandom } from "../../base/prng.ts";
import { ProblemError } from "../../base/problem.ts";
import { type ChaosFault, type ChaosKind, Draw } from "./chaos-fault.ts";
import { chaosKinds } from "./chaos-kinds.ts";
import { lossKinds } from "./loss-kinds.ts";

export const allChaosKinds: readonly ChaosKind[] = [...chaosKinds, ...lossKinds];

export interface PlannedFault extends ChaosFault {
  /** After it, when all is well again: nothing may move then, and the next one meets the cluster's timers at any moment. */
  readonly pauseMs: number;
  /** Which of the standbys it hits, if it hits one: a number to be taken modulo. */
  readonly standbyNumber: number;
}

const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 2_000;
const STANDBYS = 840; // divisible by every number of standbys that a lab can have

/**
 * The faults of a seed, without end. What happens in between decides nothing: the same seed, kinds and nothing else give
 * the same faults. Each kind comes once before any comes again, in an order that changes.
 */
export function* chaosPlan(seed: number, kinds: readonly ChaosKind[]): Generator<PlannedFault, never> {
  const random = seededRandom(seed);
  for (;;) {
    for (const kind of shuffled(kinds, random)) {
      // A generator for each: what one fault draws does not change the next ones.
      const draw = new Draw(seededRandom(Math.floor(random() * 2 ** 32)));
      const pauseMs = draw.number(PAUSE_MS_MIN, PAUSE_MS_MAX);
      const standbyNumber = draw.number(0, STANDBYS - 1);
      yield { kind: kind.name, pauseMs, standbyNumber, ...kind.draw(draw) };
    }
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** @throws ProblemError when one is not known */
export function findChaosKinds(names: readonly string[]): readonly ChaosKind[] {
  const unknown = names.find((name) => !allChaosKinds.some((kind) => kind.name === name));
  if (unknown === undefined) return allChaosKinds.filter(({ name }) => names.includes(name));
  throw new ProblemError({
    code: "lab-scenario-unknown",
    message: `there is no fault "${unknown}"`,
    hint: `There are: ${allChaosKinds.map(({ name }) => name).join(", ")}`,
  });
}
