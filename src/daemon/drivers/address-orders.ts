/**
 * What shall become of a group's virtual addresses in the kernel; "renew": of the lifetimes of those that are there; "prepare": nothing, but the next "add"
 * is a quick one.
 */
export type AddressOrder = "add" | "renew" | "remove" | "prepare";

/**
 * How long the loop waits for changes of addresses in one turn, in intervals of its fastest pulses and in milliseconds: an active of another
 * group must still be heard in time. A takeover that needs longer goes on without its addresses, and announces them again when they are there.
 */
const TURN_LIMIT_INTERVALS = 1.5;
const TURN_LIMIT_MS = 10;

const kinds = ["add", "renew", "remove", "prepare"] as const satisfies readonly AddressOrder[];
/** The lowest bits of an order say what; the rest is its number, which may wrap. */
const KIND_BITS = 2;
const KIND_MASK = (1 << KIND_BITS) - 1;

// Words of the shared memory: a bell that is rung for every order, whether the keeper is up, how many orders were carried out, and for
// each group its last order and the last one that was carried out.
const BELL = 0;
const READY = 1;
const COUNT = 2;
const FIRST_GROUP = 3;
const WORDS_PER_GROUP = 2;
const DONE = 1;

/**
 * Orders to the thread that changes virtual addresses (roles/address-keeper.ts), and what has become of them, in memory that both
 * threads share. Every change of an address waits for the kernel's one lock for network configuration, which others may hold for
 * seconds: the loop that sends pulses gives orders, and waits for them only as long as it can afford.
 *
 * There is one order for each group: a new one takes the place of one that was not begun.
 */
export class AddressOrders {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #turnLimitMs: number;
  /** What is left of the time that the loop can afford in this turn. */
  #leftMs: number;
  /** How many had been carried out when the last wait was in vain. */
  #countInVain: number | undefined;

  private constructor(words: Int32Array<SharedArrayBuffer>, pulseIntervalMs = Number.POSITIVE_INFINITY) {
    this.#words = words;
    this.#leftMs = this.#turnLimitMs = Math.min(TURN_LIMIT_INTERVALS * pulseIntervalMs, TURN_LIMIT_MS);
  }

  /** @param pulseIntervalMs the shortest one of the groups */
  static forGroups(groups: number, pulseIntervalMs: number): AddressOrders {
    const words = FIRST_GROUP + groups * WORDS_PER_GROUP;
    const memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
    return new AddressOrders(new Int32Array(memory), pulseIntervalMs);
  }

  /** The other end of the same. */
  static in(memory: SharedArrayBuffer): AddressOrders {
    return new AddressOrders(new Int32Array(memory));
  }

  get memory(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  // What the loop calls.

  give(group: number, order: AddressOrder): void {
    const at = wordOf(group);
    const number = (Atomics.load(this.#words, at) >> KIND_BITS) + 1;
    Atomics.store(this.#words, at, (number << KIND_BITS) | kinds.indexOf(order));
    Atomics.add(this.#words, BELL, 1);
    Atomics.notify(this.#words, BELL);
  }

  isCarriedOut(group: number): boolean {
    const at = wordOf(group);
    return Atomics.load(this.#words, at) === Atomics.load(this.#words, at + DONE);
  }

  /** A new turn of the loop: it can wait again. */
  beginTurn(): void {
    this.#leftMs = this.#turnLimitMs;
  }

  /** How long it has waited in this turn, or in the last one until a new one begins. */
  get waitedMs(): number {
    return this.#turnLimitMs - this.#leftMs;
  }

  /** Waits as long as the loop can afford, which is once for all groups. @returns whether the last order was carried out */
  waitInTurn(group: number): boolean {
    if (this.isStuck || this.#leftMs <= 0) return this.isCarriedOut(group);
    const fromMs = performance.now();
    const isInTime = this.waitFor(group, this.#leftMs);
    // A standstill on the way is none of its doing.
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - fromMs));
    return isInTime;
  }

  /** @returns whether the last order was carried out in that time */
  waitFor(group: number, limitMs: number): boolean {
    const at = wordOf(group);
    const given = Atomics.load(this.#words, at);
    const endMs = performance.now() + limitMs;
    for (;;) {
      // Before the other: the keeper counts an order when it has said that it is done.
      const count = Atomics.load(this.#words, COUNT);
      const done = Atomics.load(this.#words, at + DONE);
      if (done === given) return true;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) {
        this.#countInVain = count;
        return false;
      }
      Atomics.wait(this.#words, at + DONE, done, leftMs);
    }
  }

  /** The last wait was in vain, and nothing has been carried out since: the next one would be as well. */
  get isStuck(): boolean {
    return this.#countInVain === Atomics.load(this.#words, COUNT);
  }

  /** @returns whether the keeper has come up in that time */
  waitUntilReady(limitMs: number): boolean {
    return Atomics.wait(this.#words, READY, 0, limitMs) !== "timed-out";
  }

  // What the keeper calls.

  /**
   * Carries out orders as they are given, for ever.
   *
   * @param carryOut must not throw
   */
  follow(carryOut: (group: number, order: AddressOrder) => void): never {
    Atomics.store(this.#words, READY, 1);
    Atomics.notify(this.#words, READY);
    for (;;) {
      const bell = Atomics.load(this.#words, BELL);
      this.carryOut(carryOut);
      Atomics.wait(this.#words, BELL, bell);
    }
  }

  /** Carries out what was ordered until now. */
  carryOut(carryOut: (group: number, order: AddressOrder) => void): void {
    for (let group = 0; wordOf(group) < this.#words.length; group++) this.#carryOutOne(group, carryOut);
  }

  #carryOutOne(group: number, carryOut: (group: number, order: AddressOrder) => void): void {
    const at = wordOf(group);
    const given = Atomics.load(this.#words, at);
    if (given === Atomics.load(this.#words, at + DONE)) return;
    const order = kinds[given & KIND_MASK];
    if (order !== undefined) carryOut(group, order);
    Atomics.store(this.#words, at + DONE, given);
    Atomics.add(this.#words, COUNT, 1);
    Atomics.notify(this.#words, at + DONE);
  }
}

function wordOf(group: number): number {
  return FIRST_GROUP + group * WORDS_PER_GROUP;
}
