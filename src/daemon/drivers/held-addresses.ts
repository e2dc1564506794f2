import type { GroupSettings } from "../node-settings.ts";
import { RENEW_MS, VirtualAddresses } from "./virtual-addresses.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** Two renewals by the supervisor are overdue, and the shortest lifetime is not yet over. */
const RENEWAL_LATE_MS = 2.5 * RENEW_MS;

export interface HeldAddressesOptions {
  readonly group: GroupSettings;
  readonly log: (text: string) => void;
  readonly count: (event: string) => void;
}

/** The virtual addresses of a group as long as this node holds them: they are renewed, and those that vanish come back. */
export class HeldAddresses {
  readonly #options: HeldAddressesOptions;
  readonly #addresses: VirtualAddresses;
  /** When the next renewal is due; Infinity while this node does not hold them. */
  dueMs = NEVER;
  /** When they were last added, or renewed. */
  #renewedMs = 0;
  /** The kernel has dropped some. */
  #lost = false;

  constructor(options: HeldAddressesOptions) {
    this.#options = options;
    this.#addresses = new VirtualAddresses(options.group);
  }

  get isHeld(): boolean {
    return this.dueMs !== NEVER;
  }

  list(): ReturnType<VirtualAddresses["list"]> {
    return this.isHeld ? this.#addresses.list() : [];
  }

  add(): void {
    this.#add("add");
    this.#renewedMs = performance.now();
    this.dueMs = this.#renewedMs + RENEW_MS;
  }

  remove(): void {
    this.dueMs = NEVER;
    this.#lost = false;
    this.#logRefusals("remove", this.#addresses.remove());
  }

  /**
   * The supervisor has renewed them. The kernel tells of it as well, once for each: with many addresses that would be
   * hundreds of wake-ups a second.
   */
  renewed(nowMs: number): void {
    this.#renewedMs = nowMs;
  }

  /**
   * The kernel has dropped one: a renewal that came too late, or somebody else's hand. Whoever is active must have them, so
   * they are added again in renew(), as soon as it is known that no other node is active.
   */
  lose(nowMs: number): void {
    if (!this.isHeld) return;
    this.#lost = true;
    this.dueMs = nowMs;
  }

  /** @param mayAdd this node is active for sure. @returns whether the supervisor may go on to renew them */
  renew(nowMs: number, mayAdd: boolean): boolean {
    this.dueMs = nowMs + RENEW_MS;
    if (!mayAdd) return false;
    if (this.#lost) {
      this.#lost = false;
      this.#options.count("addresses-restored");
      this.#add("add");
    } else if (nowMs - this.#renewedMs > RENEWAL_LATE_MS) {
      // The supervisor hangs, or has no processor: this node still defends its addresses, so it keeps them.
      this.#options.count("addresses-renewed-here");
      this.#add("renew");
      this.#renewedMs = nowMs;
    }
    return true;
  }

  #add(what: string): void {
    this.#logRefusals(what, this.#addresses.add());
  }

  #logRefusals(what: string, refusals: readonly string[]): void {
    for (const refusal of refusals) this.#options.log(`${what} virtual address ${refusal}`);
  }
}
