/** A token bucket: `burst` at once, and `perSecond` in the long run. The caller brings the time. */
export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly burst: number; readonly perSecond: number }) {
    this.#burst = options.burst;
    this.#perSecond = options.perSecond;
    this.#tokens = options.burst;
  }

  /** @returns whether one more is within the limit; it is counted then */
  take(nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passedMs * this.#perSecond) / 1_000);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
