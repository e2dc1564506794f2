import type { FlowFields } from "../../wire/flow-fields.ts";

/**
 * A 64-bit hash of what makes a flow itself: protocol, both tuples and zone. A flow with another translation is another
 * flow; timers, states and marks do not count. Two lanes of a multiplicative hash (murmur3's constants), spread by `seed`.
 */
export class FlowHash {
  high = 0;
  low = 0;

  /** Fills `high` and `low`; allocates nothing. */
  take(fields: FlowFields, seed: number): void {
    this.high = (0x9747b28c ^ seed) | 0;
    const direction = fields.zone === 0 ? 0 : fields.zoneDirection;
    this.low = (seed + fields.protocol * 8 + (fields.family === 6 ? 4 : 0) + direction) | 0;
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
    this.low = finish(this.low ^ this.high);
    this.high = finish(this.high);
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
    this.low = Math.imul((this.low ^ ((k << 15) | (k >>> 17))) | 0, 0x1b873593) + 0x52dce729;
    this.high = Math.imul(this.high ^ value ^ (this.low >>> 7), 0x85ebca6b) + 0x38495ab5;
    this.high ^= this.high >>> 13;
  }
}

/** Spreads every bit of a number over all others (murmur3's finalizer). */
export function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
