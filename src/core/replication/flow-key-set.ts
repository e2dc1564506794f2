import type { FlowFields } from "../../wire/flow-fields.ts";

/**
 * The keys of all flows of one copy: 64-bit hashes in open addressing, 16 to 32 bytes a flow, dropped after the
 * copy. Two different flows share a hash with a chance of about 1 in 10^7 at a million flows; then one stale flow stays
 * until its timer ends, which harms nothing.
 */
export class FlowKeySet {
  #high = new Int32Array(1_024);
  #low = new Int32Array(1_024);
  #size = 0;
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

  /** Both directions count: a flow with another translation is another flow. Two lanes of a multiplicative hash (murmur3's constants). */
  #hash(fields: FlowFields): void {
    this.#hashHigh = 0x9747b28c | 0;
    const direction = fields.zone === 0 ? 0 : fields.zoneDirection;
    this.#hashLow = fields.protocol * 8 + (fields.family === 6 ? 4 : 0) + direction;
    const { original, reply } = fields;
    const length = fields.addressBytes;
    this.#mixAddress(original.source, length);
    this.#mixAddress(original.destination, length);
    this.#mixAddress(reply.source, length);
    this.#mixAddress(reply.destination, length);
    this.#mix((original.sourcePort << 16) | original.destinationPort);
    this.#mix((reply.sourcePort << 16) | reply.destinationPort);
    this.#mix((original.icmpId << 16) | (original.icmpType << 8) | original.icmpCode);
    this.#mix((reply.icmpId << 16) | fields.zone);
    this.#hashLow = finish(this.#hashLow ^ this.#hashHigh);
    this.#hashHigh = finish(this.#hashHigh);
    // Zero in both lanes means an empty place.
    if (this.#hashLow === 0 && this.#hashHigh === 0) this.#hashLow = 1;
  }

  #mixAddress(address: Uint8Array, length: number): void {
    for (let i = 0; i < length; i += 4) {
      this.#mix(
        ((address[i] ?? 0) << 24) |
          ((address[i + 1] ?? 0) << 16) |
          ((address[i + 2] ?? 0) << 8) |
          (address[i + 3] ?? 0),
      );
    }
  }

  #mix(value: number): void {
    const k = Math.imul(value, 0xcc9e2d51);
    this.#hashLow = Math.imul((this.#hashLow ^ ((k << 15) | (k >>> 17))) | 0, 0x1b873593) + 0x52dce729;
    this.#hashHigh = Math.imul(this.#hashHigh ^ value ^ (this.#hashLow >>> 7), 0x85ebca6b) + 0x38495ab5;
    this.#hashHigh ^= this.#hashHigh >>> 13;
  }
}

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
