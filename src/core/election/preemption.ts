import type { ElectionSettings } from "./election-types.ts";
import type { Health } from "./health.ts";
import type { Membership } from "./membership.ts";
import type { HeardActive, Neighbourhood } from "./neighbourhood.ts";
import { wellMs } from "./timing.ts";

/** The address owner (RFC 9568 1.6, 6.1): it preempts whatever `preempt` says. */
const OWNER_PRIORITY = 255;

/** Whether a standby may take the role from an active that lives. */
export class Preemption {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #member: Membership;
  readonly #neighbourhood: Neighbourhood;
  /** Since when its health and its table are as they are. */
  #stableSinceMs: number;

  constructor(settings: ElectionSettings, health: Health, member: Membership, neighbourhood: Neighbourhood) {
    this.#settings = settings;
    this.#health = health;
    this.#member = member;
    this.#neighbourhood = neighbourhood;
    this.#stableSinceMs = member.nowMs;
  }

  /** Its health or its table is another now: it must be well for the whole delay again. */
  restart(): void {
    this.#stableSinceMs = this.#member.nowMs;
  }

  /**
   * From a foreign router of lower priority (RFC 9568 6.4.2). Its connections are in no node's table, so that a node which lacks some
   * need not wait for what nobody has.
   */
  fromForeign({ isForeign, priority }: HeardActive): boolean {
    if (!isForeign || priority >= this.#health.effectivePriority || this.#member.role !== "standby")
      return false;
    if (!this.#isWished || this.#wellForMs < this.#settings.preemptDelayMs) return false;
    return this.#health.tableComplete || this.#neighbourhood.isBestWithoutTables(this.#member.nowMs);
  }

  /** By a handover from another node of the cluster, which brings the connections first. */
  get byHandover(): boolean {
    const { priority, intervalMs, preemptDelayMs, peers } = this.#settings;
    const hasTable = this.#health.tableComplete || peers.length === 0;
    if (this.#member.role !== "standby" || !this.#isWished || !hasTable || this.#health.unfit) return false;
    return this.#wellForMs >= wellMs(preemptDelayMs, priority, intervalMs);
  }

  /** What lets it do so, for the end of a sentence. */
  get right(): string {
    return this.#settings.preempt ? "preemption is on" : "it is the address owner";
  }

  /** How long it has been what it is now, its health and table included. */
  get #wellForMs(): number {
    return this.#member.nowMs - Math.max(this.#stableSinceMs, this.#member.sinceMs);
  }

  get #isWished(): boolean {
    const { preempt, priority } = this.#settings;
    return preempt || priority === OWNER_PRIORITY;
  }
}
