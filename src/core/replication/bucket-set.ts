/** A set of buckets: one bit each, least significant first, as it goes over the wire. */
export class BucketSet {
  readonly bits: number;
  readonly bytes: Uint8Array;

  /** @param bytes 2^bits / 8 of them; not copied */
  constructor(bits: number, bytes: Uint8Array = new Uint8Array(2 ** bits / 8)) {
    if (bytes.length !== 2 ** bits / 8) throw new Error("a set of buckets has one bit for each");
    this.bits = bits;
    this.bytes = bytes;
  }

  add(bucket: number): void {
    this.bytes[bucket >>> 3] = (this.bytes[bucket >>> 3] ?? 0) | (1 << (bucket & 7));
  }

  has(bucket: number): boolean {
    return ((this.bytes[bucket >>> 3] ?? 0) & (1 << (bucket & 7))) !== 0;
  }

  get isEmpty(): boolean {
    return this.bytes.every((byte) => byte === 0);
  }

  get size(): number {
    let size = 0;
    for (const byte of this.bytes) for (let rest = byte; rest !== 0; rest &= rest - 1) size++;
    return size;
  }
}
