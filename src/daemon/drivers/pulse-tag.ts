import { timingSafeEqual } from "node:crypto";
import { sha256 } from "../../linux/libc.ts";
import { PULSE_BYTES_MAX, PULSE_TAG_BYTES } from "../../wire/pulse.ts";

// SHA-256 works on blocks of 64 bytes and gives 32 (FIPS 180-4); the two pads are those of RFC 2104 2.
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/**
 * The tags of pulses: HMAC-SHA256 (RFC 2104), cut to 16 bytes.
 *
 * `createHmac` makes two native objects for every tag, prepares the key anew, and leaves the objects to the garbage
 * collector: a third of what an idle node did. Here the key is prepared once, and both hashes are taken of memory that
 * stays and written into such.
 */
export class PulseTag {
  readonly #inner: Buffer;
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  /** Where the inner hash goes in `#outer`. */
  readonly #innerHash = this.#outer.subarray(BLOCK_BYTES);
  readonly #outerHash = Buffer.alloc(DIGEST_BYTES);
  readonly #made = this.#outerHash.subarray(0, PULSE_TAG_BYTES);
  readonly #given = Buffer.alloc(PULSE_TAG_BYTES);

  /** @param key at most a block: longer ones would have to be hashed first */
  constructor(key: Uint8Array, bodyBytesMax = PULSE_BYTES_MAX) {
    if (key.length > BLOCK_BYTES) throw new RangeError("a pulse key has at most 64 bytes");
    this.#inner = Buffer.alloc(BLOCK_BYTES + bodyBytesMax, INNER_PAD);
    this.#outer.fill(OUTER_PAD);
    for (const [index, byte] of key.entries()) {
      this.#inner[index] = byte ^ INNER_PAD;
      this.#outer[index] = byte ^ OUTER_PAD;
    }
  }

  /** Writes the tag of the first `bodyBytes` of a datagram behind them. */
  seal(datagram: Uint8Array, bodyBytes: number): void {
    this.#make(datagram, bodyBytes);
    for (let i = 0; i < PULSE_TAG_BYTES; i++) datagram[bodyBytes + i] = this.#made[i] ?? 0;
  }

  /** Whether the first `length` bytes end with the right tag, told in a time that says nothing about where it differs. */
  fits(datagram: Uint8Array, length: number): boolean {
    const bodyBytes = length - PULSE_TAG_BYTES;
    if (bodyBytes < 0 || length > datagram.length || bodyBytes > this.#inner.length - BLOCK_BYTES)
      return false;
    this.#make(datagram, bodyBytes);
    for (let i = 0; i < PULSE_TAG_BYTES; i++) this.#given[i] = datagram[bodyBytes + i] ?? 0;
    return timingSafeEqual(this.#given, this.#made);
  }

  #make(datagram: Uint8Array, bodyBytes: number): void {
    // Loops, not views: a view of a part would be an object for each pulse.
    for (let i = 0; i < bodyBytes; i++) this.#inner[BLOCK_BYTES + i] = datagram[i] ?? 0;
    sha256(this.#inner, BLOCK_BYTES + bodyBytes, this.#innerHash);
    sha256(this.#outer, this.#outer.length, this.#outerHash);
  }
}
