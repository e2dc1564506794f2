import { seededRandom } from "../../base/prng.ts";

// A prime, so that no chunk or segment size divides it: lost or repeated bytes never line up again.
const PERIOD = 65_521;
const table = new Uint8Array(2 * PERIOD);
const random = seededRandom(20_241);
for (let i = 0; i < PERIOD; i++) table[i] = table[i + PERIOD] = Math.floor(random() * 256);

/** The two directions of a connection have sequences of their own. */
export type StreamDirection = "to-server" | "to-client";

/**
 * The byte sequence of one direction of one connection: known to both ends, different for every connection, so
 * that lost, repeated, changed and misdelivered bytes are all noticed.
 */
export class BytePattern {
  #position: number;

  constructor(connection: number, direction: StreamDirection) {
    this.#position = (connection * 7_919 + (direction === "to-client" ? 32_749 : 0)) % PERIOD;
  }

  /** The next bytes of the sequence; a view, valid for ever. */
  next(length: number): Uint8Array {
    const bytes = table.subarray(this.#position, this.#position + Math.min(length, PERIOD));
    this.#position = (this.#position + bytes.length) % PERIOD;
    return bytes;
  }

  /** Whether these bytes continue the sequence. */
  matches(bytes: Uint8Array): boolean {
    for (let offset = 0; offset < bytes.length; ) {
      const expected = this.next(bytes.length - offset);
      if (Buffer.compare(expected, bytes.subarray(offset, offset + expected.length)) !== 0) return false;
      offset += expected.length;
    }
    return true;
  }
}
