/** Stale flows in a table that was nearly empty are found by a sweep soon after the copy. */
const SOON_MS = 5_000;
/** Passes of both nodes together may take a fiftieth of the time, about. */
const SHARE = 50;
/**
 * But a sweep comes in ten minutes at the latest, whatever the standby says of its passes: that is time for twelve seconds of them,
 * which tables of four million flows take.
 */
export const SWEEP_PERIOD_MS_MAX = 600_000;

/** When the tables are compared next: seldom enough for large ones. */
export class SweepSchedule {
  dueMs = Number.POSITIVE_INFINITY;
  readonly #periodMsMin: number;
  #busyMs = 0;

  constructor(periodMsMin: number) {
    this.#periodMsMin = periodMsMin;
  }

  get periodMs(): number {
    return Math.max(this.#periodMsMin, Math.min(SWEEP_PERIOD_MS_MAX, this.#busyMs * SHARE));
  }

  /** How long a pass over the own table took: what was long ago counts less. */
  ownPass(busyMs: number): void {
    this.#busyMs = Math.max(this.#busyMs / 2, busyMs);
  }

  /** How long the standby's passes took since the last comparison. */
  theirPasses(busyMs: number): void {
    this.#busyMs = Math.max(this.#busyMs, busyMs);
  }

  next(nowMs: number): void {
    this.dueMs = nowMs + this.periodMs;
  }

  soon(nowMs: number): void {
    this.dueMs = nowMs + SOON_MS;
  }

  stop(): void {
    this.dueMs = Number.POSITIVE_INFINITY;
  }
}
