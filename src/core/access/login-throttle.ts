/**
 * Makes guessing of passwords slow: after some failures each further one is answered only after a delay that doubles. An
 * address is kept out for longer than a name: nobody shall be able to lock an administrator out for long by failing in
 * their name.
 */
export class LoginThrottle {
  /** By what failed; the one that failed last stands last. */
  readonly #failures = new Map<string, { count: number; lastMs: number; untilMs: number }>();

  /** @returns how long nothing will be tried for this address and name; 0: now it may */
  waitMs(nowMs: number, address: string, name: string): number {
    const untils = [`a ${address}`, `n ${name}`].map((key) => this.#current(nowMs, key)?.untilMs ?? 0);
    return Math.max(0, ...untils.map((untilMs) => untilMs - nowMs));
  }

  failed(nowMs: number, address: string, name: string): void {
    this.#count(nowMs, `a ${address}`, ADDRESS_DELAY_MS_MAX);
    this.#count(nowMs, `n ${name}`, NAME_DELAY_MS_MAX);
  }

  /** The address keeps its failures: who has one account must not use it to guess at others. */
  succeeded(name: string): void {
    this.#failures.delete(`n ${name}`);
  }

  /** Addresses and names that are remembered. */
  get size(): number {
    return this.#failures.size;
  }

  #current(nowMs: number, key: string) {
    const found = this.#failures.get(key);
    return found === undefined || nowMs - found.lastMs > FORGOTTEN_MS ? undefined : found;
  }

  #count(nowMs: number, key: string, delayMsMax: number): void {
    const count = (this.#current(nowMs, key)?.count ?? 0) + 1;
    const delayMs = count < FREE_FAILURES ? 0 : Math.min(delayMsMax, 1_000 * 2 ** (count - FREE_FAILURES));
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastMs: nowMs, untilMs: nowMs + delayMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > REMEMBERED_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }
}

/** From this failure on there is a delay. */
const FREE_FAILURES = 5;
const ADDRESS_DELAY_MS_MAX = 15 * 60_000;
const NAME_DELAY_MS_MAX = 60_000;
const FORGOTTEN_MS = 60 * 60_000;
const REMEMBERED_MAX = 4_096;
