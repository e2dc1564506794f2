import type { TestContext } from "node:test";
import type { MachineWatch } from "../../src/lab/traffic/machine-watch.ts";

/** A host may take a processor away several times in a row; what fails each time fails for another reason. */
const REPEATS_MAX = 3;

/** A round of a test in which an assertion means nothing where a processor stood still: the gateways on it did, too. */
export interface JudgedRound<Seen> {
  readonly context: TestContext;
  /** Nothing shorter explains what `judge` would fail for. */
  readonly stallMsMin: number;
  /** Of one processor, or of all of them together. */
  readonly stallOf?: "one" | "all";
  /** What happens in the round. It may mark the machine anew, where only its end is judged. */
  readonly play: () => Promise<Seen>;
  /** Asserts what has to be so, all of it each time. */
  readonly judge: (seen: Seen) => void;
}

/**
 * Plays a round and judges it. One that fails is played again if a processor of this machine has stood still meanwhile for long enough; any
 * other failure counts, and so does that of the last repetition.
 */
export async function playAndJudge<Seen>(
  machine: MachineWatch,
  { context, stallMsMin, stallOf = "one", play, judge }: JudgedRound<Seen>,
): Promise<void> {
  for (let repeats = 0; ; repeats++) {
    await machine.mark();
    const seen = await play();
    const stallMs = await (stallOf === "one" ? machine.stallMs() : machine.wholeStallMs());
    const who = stallOf === "one" ? "a processor" : "the whole machine";
    context.diagnostic(`${who} stood still for ${stallMs.toFixed(1)} ms at most`);
    try {
      judge(seen);
      return;
    } catch (error) {
      if (stallMs < stallMsMin || repeats === REPEATS_MAX) throw error;
      context.diagnostic(`played again after that: ${String(error)}`);
    }
  }
}
