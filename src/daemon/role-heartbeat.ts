/** What is known of whether a process answers. `silent`: it has not answered lately; `hangs`: for longer than its limit. */
export type Liveliness = "starting" | "answers" | "silent" | "hangs";

export interface HeartbeatLimits {
  /** From the start to the first answer: code is loaded, on a busy machine from a slow disk. */
  readonly startMs: number;
  /** From a question to its answer. */
  readonly answerMs: number;
}

/** How often each role is asked. */
export const HEARTBEAT_MS = 1_000;
/** An answer that takes longer than this is worth a word; it may still come. */
export const SILENT_MS = 3_000;
/** More questions are not open at a time; beyond this the silence is as long as that of the oldest. */
const OPEN_MAX = 64;

/**
 * The heartbeat of one role, as the supervisor hears it: it asks every HEARTBEAT_MS, and the role answers from its loop.
 * Times are milliseconds of one monotonic clock, and given.
 *
 * Time in which the supervisor itself did not run (a stopped machine, no processor) counts for nobody: a role is not
 * judged by what it could not do.
 */
export class RoleHeartbeat {
  readonly #limits: HeartbeatLimits;
  #startedMs: number;
  #answered = false;
  #asked = 0;
  #lastTickMs: number;
  /** When the questions were asked that have no answer, the oldest first. */
  readonly #open: { readonly number: number; atMs: number }[] = [];

  constructor(limits: HeartbeatLimits, nowMs: number) {
    this.#limits = limits;
    this.#startedMs = nowMs;
    this.#lastTickMs = nowMs;
  }

  /** Has the role answered at all? */
  get hasAnswered(): boolean {
    return this.#answered;
  }

  /** It is time for the next question. @returns its number */
  ask(nowMs: number): number {
    const lateMs = Math.max(0, nowMs - this.#lastTickMs - HEARTBEAT_MS);
    this.#lastTickMs = nowMs;
    this.#startedMs += lateMs;
    for (const question of this.#open) question.atMs += lateMs;
    this.#asked++;
    if (this.#open.length < OPEN_MAX) this.#open.push({ number: this.#asked, atMs: nowMs });
    return this.#asked;
  }

  /** An answer also stands for all questions before it. */
  answer(number: number): void {
    this.#answered = true;
    while (this.#open[0] !== undefined && this.#open[0].number <= number) this.#open.shift();
  }

  /** How long the oldest question has been without an answer. */
  silenceMs(nowMs: number): number {
    if (!this.#answered) return nowMs - this.#startedMs;
    const oldest = this.#open[0];
    return oldest === undefined ? 0 : nowMs - oldest.atMs;
  }

  liveliness(nowMs: number): Liveliness {
    const silenceMs = this.silenceMs(nowMs);
    if (!this.#answered) return silenceMs > this.#limits.startMs ? "hangs" : "starting";
    if (silenceMs > this.#limits.answerMs) return "hangs";
    return silenceMs > SILENT_MS ? "silent" : "answers";
  }
}
