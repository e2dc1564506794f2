import { RateLimit } from "../base/rate-limit.ts";

/** RFC 4861 10, MIN_DELAY_BETWEEN_RAS: hosts on slow links must not be flooded. */
const BETWEEN_TO_ALL_MS = 3_000;
/** A new active tells all hosts so many times in quick succession, as RFC 4861 6.2.4 wants of a router that starts. */
const INITIAL_COUNT = 3;
const INITIAL_EVERY_MS = 4_000;
/** Answers to single hosts; when more ask, one advertisement to all answers them together. */
const ANSWERS_PER_SECOND = 20;
const ANSWERS_BURST = 40;

/**
 * When the active of a group sends router advertisements on one interface (RFC 4861 6.2).
 *
 * All nodes advertise the same router, so a node that is no longer active is silent: to withdraw the router would
 * take it from the hosts just when the next active has become it. RFC 4861 makes times random so that several
 * routers do not speak at once; here one speaks.
 */
export class RouterAdvertiser {
  readonly #intervalMs: number;
  readonly #answers = new RateLimit({ burst: ANSWERS_BURST, perSecond: ANSWERS_PER_SECOND });
  #initialLeft = 0;
  #lastToAllMs = Number.NEGATIVE_INFINITY;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** When an advertisement to all is due; Infinity while the node is not active. */
  get deadline(): number {
    return this.#dueMs;
  }

  /** The node has become active, or the link has come up: all hosts shall know at once. */
  start(nowMs: number): void {
    this.#initialLeft = INITIAL_COUNT;
    this.#dueMs = nowMs;
  }

  stop(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  get isActive(): boolean {
    return this.#dueMs !== Number.POSITIVE_INFINITY;
  }

  /** @returns whether to advertise to all now */
  timeout(nowMs: number): boolean {
    if (nowMs < this.#dueMs) return false;
    this.#lastToAllMs = nowMs;
    this.#initialLeft = Math.max(0, this.#initialLeft - 1);
    const waitMs = this.#initialLeft > 0 ? Math.min(INITIAL_EVERY_MS, this.#intervalMs) : this.#intervalMs;
    this.#dueMs = nowMs + waitMs;
    return true;
  }

  /**
   * A host asks. Who cannot be answered alone is answered by the next advertisement to all, which comes sooner then.
   *
   * @param hasAddress whether it can be answered alone
   * @returns whether to answer it alone, now
   */
  solicited(nowMs: number, hasAddress: boolean): boolean {
    if (!this.isActive) return false;
    if (hasAddress && this.#answers.take(nowMs)) return true;
    this.#dueMs = Math.min(this.#dueMs, Math.max(nowMs, this.#lastToAllMs + BETWEEN_TO_ALL_MS));
    return false;
  }
}
