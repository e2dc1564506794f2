import { addressOf } from "./libc.ts";

// struct mmsghdr and struct iovec on 64-bit Linux (bits/types/struct_msghdr.h):
//
//   mmsghdr  0 name*  8 namelen  16 iov*  24 iovlen  32 control*  40 controllen  48 flags  56 len     (64 bytes)
//   iovec    0 base*  8 len                                                                             (16 bytes)
const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const FLAGS_OFFSET = 48;
const LENGTH_OFFSET = 56;
const MSG_TRUNC = 0x20;

/**
 * Memory for one recvmmsg(2) or sendmmsg(2) of up to `slots` datagrams, allocated once.
 *
 * Slot `i` is `area` from `i * slotBytes`. The object keeps everything reachable that the headers point to.
 */
export class DatagramBatch {
  readonly slots: number;
  readonly slotBytes: number;
  /** All slots, one after the other. */
  readonly area: Uint8Array;
  readonly view: DataView;
  /** The array of `struct mmsghdr`. */
  readonly headers: Uint8Array;
  readonly #headersView: DataView;
  readonly #vectors: Uint8Array;
  readonly #vectorsView: DataView;

  constructor(slots: number, slotBytes: number) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.area = new Uint8Array(slots * slotBytes);
    this.view = new DataView(this.area.buffer);
    this.headers = new Uint8Array(slots * HEADER_BYTES);
    this.#headersView = new DataView(this.headers.buffer);
    this.#vectors = new Uint8Array(slots * IOVEC_BYTES);
    this.#vectorsView = new DataView(this.#vectors.buffer);
    const areaAddress = addressOf(this.area);
    const vectorsAddress = addressOf(this.#vectors);
    for (let slot = 0; slot < slots; slot++) {
      this.#vectorsView.setBigUint64(slot * IOVEC_BYTES, areaAddress + BigInt(slot * slotBytes), true);
      this.setLength(slot, slotBytes);
      const header = slot * HEADER_BYTES;
      this.#headersView.setBigUint64(header + 16, vectorsAddress + BigInt(slot * IOVEC_BYTES), true);
      this.#headersView.setBigUint64(header + 24, 1n, true);
    }
  }

  /** Datagrams that are sent as they are, again and again: with them laid out, sending is one system call and nothing before it. */
  static of(datagrams: readonly Uint8Array[]): DatagramBatch {
    const batch = new DatagramBatch(
      datagrams.length,
      datagrams.reduce((longest, { length }) => Math.max(longest, length), 0),
    );
    for (const [slot, datagram] of datagrams.entries()) batch.put(slot, datagram);
    return batch;
  }

  /** Copies a datagram into a slot. */
  put(slot: number, datagram: Uint8Array): void {
    if (datagram.length > this.slotBytes) throw new RangeError("datagram longer than its slot");
    this.area.set(datagram, slot * this.slotBytes);
    this.setLength(slot, datagram.length);
  }

  /** The headers of the slots from this one on. */
  headersFrom(slot: number): Uint8Array {
    return this.headers.subarray(slot * HEADER_BYTES);
  }

  /** Bytes of slot that are sent, or may be received into. */
  setLength(slot: number, bytes: number): void {
    this.#vectorsView.setUint32(slot * IOVEC_BYTES + 8, bytes, true);
  }

  /** Bytes received into the slot by the last recvmmsg. */
  length(slot: number): number {
    return this.#headersView.getUint32(slot * HEADER_BYTES + LENGTH_OFFSET, true);
  }

  /** True when the datagram did not fit into its slot. */
  truncated(slot: number): boolean {
    return (this.#headersView.getUint32(slot * HEADER_BYTES + FLAGS_OFFSET, true) & MSG_TRUNC) !== 0;
  }
}
