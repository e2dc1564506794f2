import type { PulseState } from "./election-types.ts";
import type { Health } from "./health.ts";
import type { Membership } from "./membership.ts";

/** What the pulses of a node in a group say of it: asked for with every pulse, and so told in one piece of memory. */
export class SaidInPulses {
  readonly #health: Health;
  readonly #member: Membership;
  readonly #said: { -readonly [K in keyof PulseState]: PulseState[K] };

  constructor(health: Health, member: Membership, intervalMs: number) {
    this.#health = health;
    this.#member = member;
    this.#said = {
      ...{ role: member.role, effectivePriority: 0, tableComplete: false, intervalMs },
      ...{ resigning: false, wantsToBeActive: false, gaveWay: false, inReserve: false, fitInNeed: false },
      advertisementSources: health.advertisementSources,
    };
  }

  /** The next answer takes its memory. */
  now(wantsToBeActive: boolean): PulseState {
    const health = this.#health;
    const member = this.#member;
    const said = this.#said;
    said.role = member.role;
    said.effectivePriority = member.role === "active" ? health.effectivePriority : health.offeredPriority;
    said.tableComplete = health.tableComplete;
    said.resigning = member.isResigning;
    said.wantsToBeActive = wantsToBeActive;
    said.gaveWay = member.gaveWay;
    said.inReserve = health.inReserve;
    said.fitInNeed = health.fitInNeed;
    said.advertisementSources = health.advertisementSources;
    return said;
  }
}
