import type { ElectionSettings } from "./election-types.ts";
import type { Health } from "./health.ts";
import type { Neighbourhood } from "./neighbourhood.ts";
import { wellMs } from "./timing.ts";

/** The address owner (RFC 9568 1.6, 6.1): it preempts whatever `preempt` says. */
const OWNER_PRIORITY = 255;

/** Whether a standby may take the role from an active that lives. */
export class Preemption {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #neighbourhood: Neighbourhood;

  constructor(settings: ElectionSettings, health: Health, neighbourhood: Neighbourhood) {
    this.#settings = settings;
    this.#health = health;
    this.#neighbourhood = neighbourhood;
  }

  /**
   * From a foreign router of lower priority (RFC 9568 6.4.2). Its connections are in no node's table, so that a node which lacks some
   * need not wait for what nobody has. @param sinceMs since when it is a standby that is well
   */
  fromForeign(nowMs: number, sinceMs: number): boolean {
    if (!this.#isWished || nowMs - sinceMs < this.#settings.preemptDelayMs) return false;
    return this.#health.tableComplete || this.#neighbourhood.isBestWithoutTables(nowMs);
  }

  /** By a handover from another node of the cluster, which brings the connections first. */
  byHandover(nowMs: number, sinceMs: number): boolean {
    const { priority, intervalMs, preemptDelayMs, peers } = this.#settings;
    const hasTable = this.#health.tableComplete || peers.length === 0;
    if (!this.#isWished || !hasTable || this.#health.unfit) return false;
    return nowMs - sinceMs >= wellMs(preemptDelayMs, priority, intervalMs);
  }

  get #isWished(): boolean {
    const { preempt, priority } = this.#settings;
    return preempt || priority === OWNER_PRIORITY;
  }
}
