import type { AddressOrders } from "./address-orders.ts";
import { MISSING, RENEW_MS } from "./virtual-addresses.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** How often the loop looks for a change that did not come in time. */
const LATE_CHECK_MS = 2;
/** A keeper that has carried out nothing for so long hangs, as a role would (worker-process.ts). */
const KEEPER_HANGS_MS = 8_000;

export interface HeldAddressesOptions {
  readonly orders: AddressOrders;
  /** The group's place among the orders. */
  readonly group: number;
  /** What the kernel has of them as long as no order is being carried out (VirtualAddresses). */
  readonly presence: Uint8Array;
  readonly count: (event: string) => void;
}

/** The virtual addresses of a group as long as this node holds them: they are renewed, and those that vanish come back. */
export class HeldAddresses {
  readonly #options: HeldAddressesOptions;
  /** When check() is to be called; Infinity while this node does not hold them. */
  dueMs = NEVER;
  /** They were ordered, and nobody has waited for them yet. */
  #isOrdered = false;
  /** They were not there in time. */
  #isLate = false;
  /** The kernel has dropped some. */
  #lost = false;
  /** The kernel did not have some when the last order was carried out. */
  #isIncomplete = false;
  #checkedMs = 0;
  /** How long the keeper has been busy with one order, as far as this loop has turned meanwhile. */
  #waitedMs = 0;

  constructor(options: HeldAddressesOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.dueMs !== NEVER;
  }

  /** @param all as listAddresses() @returns those of them that the kernel has, and those that it should have as well */
  list(all: readonly string[]): { readonly addresses: string[]; readonly missingAddresses: string[] } {
    const { orders, group, presence } = this.#options;
    const held = this.isHeld ? all : [];
    // Those that are on their way are not missing.
    const isKnown = this.#isIncomplete || orders.isCarriedOut(group);
    return {
      addresses: held.filter((_, place) => presence[place] !== MISSING),
      missingAddresses: held.filter((_, place) => isKnown && presence[place] === MISSING),
    };
  }

  /** Orders them; whatever does not need them can be done before settle(). */
  add(): void {
    this.#options.orders.give(this.#options.group, "add");
    this.#isOrdered = this.#isLate = true;
    this.#checkedMs = performance.now();
    this.dueMs = this.#checkedMs + LATE_CHECK_MS;
  }

  /**
   * Waits for what add() has ordered, as long as the loop can afford.
   *
   * @returns whether they are in the kernel since this call
   */
  settle(): boolean {
    if (!this.#isOrdered) return false;
    this.#isOrdered = false;
    this.#isLate = !this.#wait();
    this.#checkedMs = performance.now();
    this.dueMs = this.#checkedMs + (this.#isLate ? LATE_CHECK_MS : RENEW_MS);
    return !this.#isLate && !this.#options.presence.includes(MISSING);
  }

  /**
   * Makes the next add() a quick one, where this node has none of them. It takes the place of no order that is not done; add() takes its place
   * as long as it was not begun.
   */
  prepare(): void {
    const { orders, group } = this.#options;
    if (!this.isHeld && orders.isCarriedOut(group)) orders.give(group, "prepare");
  }

  /** @returns whether they are gone already; if not, they will be, before anything else is done */
  remove(): boolean {
    this.dueMs = NEVER;
    this.#isOrdered = this.#isLate = this.#lost = this.#isIncomplete = false;
    this.#waitedMs = 0;
    this.#options.orders.give(this.#options.group, "remove");
    return this.#wait();
  }

  /** Waits for what was begun, if it takes longer. */
  wait(limitMs: number): void {
    this.#options.orders.waitFor(this.#options.group, limitMs);
  }

  /**
   * The kernel has dropped one: a renewal that came too late, or somebody else's hand. Whoever is active must have them, so
   * they are added again in check(), as soon as it is known that no other node is active.
   */
  lose(nowMs: number): void {
    if (!this.isHeld) return;
    this.#lost = true;
    this.dueMs = nowMs;
  }

  /**
   * What is due at dueMs.
   *
   * @param mayAdd this node is active for sure
   * @returns whether all addresses are there, which were late after add() or have come back since, so that hosts are to be told again
   */
  check(nowMs: number, mayAdd: boolean): "late" | "back" | undefined {
    const { orders, group, presence, count } = this.#options;
    const elapsedMs = Math.min(nowMs - this.#checkedMs, RENEW_MS);
    this.#checkedMs = nowMs;
    if (!orders.isCarriedOut(group)) {
      this.#waitFurther(nowMs, elapsedMs);
      return undefined;
    }
    this.#waitedMs = 0;
    this.dueMs = nowMs + (mayAdd || !this.#isUrgent ? RENEW_MS : LATE_CHECK_MS);
    if (!mayAdd) return undefined;
    if (this.#isLate) {
      this.#isLate = false;
      if (!presence.includes(MISSING)) return "late";
    }
    const wasIncomplete = this.#isIncomplete;
    this.#isIncomplete = presence.includes(MISSING);
    if (this.#lost) count("addresses-restored");
    else if (this.#isIncomplete && !wasIncomplete) count("addresses-missing");
    // What was refused is tried again and again: nobody says when the cause is gone.
    orders.give(group, this.#lost || this.#isIncomplete ? "add" : "renew");
    this.#lost = false;
    return wasIncomplete && !this.#isIncomplete ? "back" : undefined;
  }

  #waitFurther(nowMs: number, elapsedMs: number): void {
    this.#waitedMs += elapsedMs;
    if (this.#waitedMs > KEEPER_HANGS_MS)
      throw new Error(`addresses could not be changed for ${KEEPER_HANGS_MS / 1_000} s: this role ends`);
    if (!this.#isUrgent) this.#options.count("address-renewal-late");
    this.dueMs = nowMs + (this.#isUrgent ? LATE_CHECK_MS : RENEW_MS);
  }

  /** Addresses are missing. */
  get #isUrgent(): boolean {
    return this.#isLate || this.#lost;
  }

  #wait(): boolean {
    const { orders, group, count } = this.#options;
    const isInTime = orders.waitInTurn(group);
    if (!isInTime) count("address-change-late");
    return isInTime;
  }
}
