import type { ElectionSettings } from "./election-types.ts";
import type { Health } from "./health.ts";
import { wellMs } from "./timing.ts";

/** The address owner (RFC 9568 1.6, 6.1): it preempts whatever `preempt` says. */
const OWNER_PRIORITY = 255;

/** Whether a standby may take the role from an active that lives. */
export class Preemption {
  readonly #settings: ElectionSettings;
  readonly #health: Health;

  constructor(settings: ElectionSettings, health: Health) {
    this.#settings = settings;
    this.#health = health;
  }

  /** From a foreign router of lower priority (RFC 9568 6.4.2). @param sinceMs since when it is a standby that is well */
  fromForeign(nowMs: number, sinceMs: number): boolean {
    return this.#isAllowed && nowMs - sinceMs >= this.#settings.preemptDelayMs;
  }

  /** By a handover from another node of the cluster. */
  byHandover(nowMs: number, sinceMs: number): boolean {
    const { priority, intervalMs, preemptDelayMs } = this.#settings;
    if (!this.#isAllowed || this.#health.unfit) return false;
    return nowMs - sinceMs >= wellMs(preemptDelayMs, priority, intervalMs);
  }

  /** A node without peers has nobody from whom it could get the connections that it lacks. */
  get #isAllowed(): boolean {
    const { preempt, priority, peers } = this.#settings;
    if (!preempt && priority !== OWNER_PRIORITY) return false;
    return this.#health.tableComplete || peers.length === 0;
  }
}
