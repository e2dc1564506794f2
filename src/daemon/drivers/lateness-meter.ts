/** What is told apart, in milliseconds. */
export const LATENESS_BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100] as const;
const MINUTE_MS = 60_000;
/** The last minute is forgotten in so many parts. */
const PARTS = 6;

export interface LatenessReport {
  /** Since the start. */
  readonly maxMs: number;
  /** In the last minute, to a sixth of it. */
  readonly lastMinuteMs: number;
  /** How many wake-ups were later than each of `LATENESS_BOUNDS_MS`. */
  readonly over: readonly number[];
}

/** How late the failover role wakes up after its deadlines: measured at every one, with no allocation. */
export class LatenessMeter {
  #maxMs = 0;
  readonly #over = new Float64Array(LATENESS_BOUNDS_MS.length);
  readonly #parts = new Float64Array(PARTS);
  /** The part of the minute that is now, counted from the beginning of the clock. */
  #now = 0;

  note(nowMs: number, lateMs: number): void {
    this.#turnTo(nowMs);
    if (lateMs <= 0) return;
    const place = this.#now % PARTS;
    if (lateMs > this.#maxMs) this.#maxMs = lateMs;
    if (lateMs > (this.#parts[place] ?? 0)) this.#parts[place] = lateMs;
    for (let i = 0; i < LATENESS_BOUNDS_MS.length; i++) {
      if (lateMs <= (LATENESS_BOUNDS_MS[i] ?? 0)) return;
      this.#over[i] = (this.#over[i] ?? 0) + 1;
    }
  }

  report(nowMs: number): LatenessReport {
    this.#turnTo(nowMs);
    return { maxMs: this.#maxMs, lastMinuteMs: Math.max(...this.#parts), over: [...this.#over] };
  }

  #turnTo(nowMs: number): void {
    const now = Math.floor((nowMs * PARTS) / MINUTE_MS);
    // A clock that stood for a minute leaves nothing of the one before.
    for (let i = Math.max(this.#now + 1, now - PARTS + 1); i <= now; i++) this.#parts[i % PARTS] = 0;
    this.#now = Math.max(this.#now, now);
  }
}
