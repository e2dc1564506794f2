/** One machine's answers without a break. */
interface AnswerRun {
  firstMs: number;
  lastMs: number;
  /** The number of the question that was the newest when it answered last. */
  question: number;
}

/**
 * Whoever leaves so many questions in a row unanswered no longer answers. A cable that loses half of all questions
 * and answers does not make that (0.5 to the power of 25). Counted in questions, not in time: while the witness itself
 * stands still, nobody is asked, and nobody falls silent.
 */
const SILENT_QUESTIONS = 25;

/** How long two machines both answer one question that is asked again and again. */
export class AnswerOverlap {
  readonly #runs = new Map<string, AnswerRun>();
  #question = 0;
  #longestMs = 0;

  /**
   * The longest time in which two machines both answered: from the later one's first answer to the last answer of the
   * one that stopped first. A machine that was silent in between begins anew: who answers, is cut off, and answers again
   * when another has stopped or is about to, was not there in the meantime.
   */
  get longestMs(): number {
    return this.#longestMs;
  }

  /** Begins a new window. */
  mark(): void {
    this.#runs.clear();
    this.#longestMs = 0;
  }

  ask(): void {
    this.#question += 1;
  }

  answer(machine: string, nowMs: number): void {
    const run = this.#currentRun(machine) ?? { firstMs: nowMs, lastMs: nowMs, question: this.#question };
    run.lastMs = nowMs;
    run.question = this.#question;
    this.#runs.set(machine, run);
    for (const other of this.#runs.keys()) {
      const known = other === machine ? undefined : this.#currentRun(other);
      if (known === undefined) continue;
      const sinceMs = Math.max(run.firstMs, known.firstMs);
      this.#longestMs = Math.max(this.#longestMs, Math.min(run.lastMs, known.lastMs) - sinceMs);
    }
  }

  #currentRun(machine: string): AnswerRun | undefined {
    const run = this.#runs.get(machine);
    return run !== undefined && this.#question - run.question <= SILENT_QUESTIONS ? run : undefined;
  }
}
