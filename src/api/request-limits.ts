import { RateLimit } from "../base/rate-limit.ts";

/** Of addresses and users; beyond that the one that was seen longest ago is forgotten. */
const COUNTED_MAX = 4_096;

/** Limits how much one address, or one user, may ask: so many a second, twice as many at once. */
export class RequestLimits {
  readonly #perSecond: number;
  readonly #limits = new Map<string, RateLimit>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @returns whether one more request of this one is within the limit */
  take(nowMs: number, who: string): boolean {
    const limit =
      this.#limits.get(who) ?? new RateLimit({ burst: 2 * this.#perSecond, perSecond: this.#perSecond });
    this.#limits.delete(who);
    this.#limits.set(who, limit);
    const [oldest] = this.#limits.keys();
    if (this.#limits.size > COUNTED_MAX && oldest !== undefined) this.#limits.delete(oldest);
    return limit.take(nowMs);
  }

  get size(): number {
    return this.#limits.size;
  }
}
