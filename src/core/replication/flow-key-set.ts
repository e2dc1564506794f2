import type { FlowFields } from "../../wire/flow-fields.ts";
import { FlowHash } from "./flow-hash.ts";

/**
 * The keys of all flows of one copy: 64-bit hashes in open addressing, 16 to 32 bytes a flow, dropped after the
 * copy. Two different flows share a hash with a chance of about 1 in 10^7 at a million flows; then one stale flow stays
 * until its timer ends, which harms nothing.
 */
export class FlowKeySet {
  #high = new Int32Array(1_024);
  #low = new Int32Array(1_024);
  #size = 0;
  readonly #own = new FlowHash();
  #hashHigh = 0;
  #hashLow = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#high = new Int32Array(1_024);
    this.#low = new Int32Array(1_024);
    this.#size = 0;
  }

  add(fields: FlowFields): void {
    this.#hash(fields);
    const place = this.#find(this.#hashHigh, this.#hashLow);
    if (this.#high[place] !== 0 || this.#low[place] !== 0) return;
    this.#high[place] = this.#hashHigh;
    this.#low[place] = this.#hashLow;
    this.#size++;
    if (this.#size * 2 > this.#high.length) this.#grow();
  }

  has(fields: FlowFields): boolean {
    this.#hash(fields);
    const place = this.#find(this.#hashHigh, this.#hashLow);
    return this.#high[place] === this.#hashHigh && this.#low[place] === this.#hashLow;
  }

  /** The place of this key, or the free place where it belongs. */
  #find(high: number, low: number): number {
    const mask = this.#high.length - 1;
    let place = low & mask;
    while (
      (this.#high[place] !== 0 || this.#low[place] !== 0) &&
      (this.#high[place] !== high || this.#low[place] !== low)
    ) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const high = this.#high;
    const low = this.#low;
    this.#high = new Int32Array(high.length * 2);
    this.#low = new Int32Array(low.length * 2);
    for (let i = 0; i < high.length; i++) {
      const h = high[i] ?? 0;
      const l = low[i] ?? 0;
      if (h === 0 && l === 0) continue;
      const place = this.#find(h, l);
      this.#high[place] = h;
      this.#low[place] = l;
    }
  }

  #hash(fields: FlowFields): void {
    this.#own.take(fields, 0);
    this.#hashHigh = this.#own.high;
    this.#hashLow = this.#own.low;
    // Zero in both lanes means an empty place.
    if (this.#hashLow === 0 && this.#hashHigh === 0) this.#hashLow = 1;
  }
}
