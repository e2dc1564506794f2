/**
 * When the virtual addresses are announced, counted from the start: at once, and again soon, since switches and
 * neighbours lose frames just when links and addresses move; then rarely, for caches that learnt something wrong.
 */
const AFTER_START_MS = [0, 50, 200, 1_000, 3_000, 10_000] as const;
const THEN_EVERY_MS = 60_000;

export class AnnouncementSchedule {
  #startMs = Number.POSITIVE_INFINITY;
  #step = 0;

  /** When the next announcement is due; Infinity when none is. */
  get deadline(): number {
    const delayMs = AFTER_START_MS[this.#step];
    if (delayMs !== undefined) return this.#startMs + delayMs;
    const lastMs = AFTER_START_MS[AFTER_START_MS.length - 1] ?? 0;
    return this.#startMs + lastMs + (this.#step - AFTER_START_MS.length + 1) * THEN_EVERY_MS;
  }

  start(startMs: number): void {
    this.#startMs = startMs;
    this.#step = 0;
  }

  /** Starts anew, unless the first announcement of a start is still to come. */
  restart(startMs: number): void {
    if (this.#step > 0) this.start(startMs);
  }

  stop(): void {
    this.start(Number.POSITIVE_INFINITY);
  }

  /** Whether one is due; several that were missed count as one. */
  take(nowMs: number): boolean {
    if (nowMs < this.deadline) return false;
    while (this.deadline <= nowMs) this.#step += 1;
    return true;
  }
}
