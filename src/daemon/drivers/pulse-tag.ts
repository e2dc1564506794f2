import { hash, timingSafeEqual } from "node:crypto";
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
 * stays.
 */
export class PulseTag {
  readonly #inner: Buffer;
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  readonly #made = Buffer.alloc(DIGEST_BYTES);
  readonly #tag = this.#made.subarray(0, PULSE_TAG_BYTES);
  /** Of what is hashed first, by the length of the body: there are as many as names have lengths. */
  readonly #inputs = new Map<number, Buffer>();

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

  /** @returns a view that the next call overwrites */
  of(body: Uint8Array): Uint8Array {
    this.#inner.set(body, BLOCK_BYTES);
    // Hashes as text of one byte a character: a digest as a Buffer would be memory outside of the heap, with a finalizer.
    const inner = hash("sha256", this.#input(body.length), "latin1");
    this.#outer.write(inner, BLOCK_BYTES, DIGEST_BYTES, "latin1");
    this.#made.write(hash("sha256", this.#outer, "latin1"), 0, DIGEST_BYTES, "latin1");
    return this.#tag;
  }

  #input(bodyBytes: number): Buffer {
    const known = this.#inputs.get(bodyBytes);
    if (known !== undefined) return known;
    const made = this.#inner.subarray(0, BLOCK_BYTES + bodyBytes);
    this.#inputs.set(bodyBytes, made);
    return made;
  }

  /** Whether a tag is the right one, told in a time that says nothing about where it differs. */
  fits(tag: Uint8Array, body: Uint8Array): boolean {
    if (tag.length !== PULSE_TAG_BYTES || body.length > this.#inner.length - BLOCK_BYTES) return false;
    return timingSafeEqual(tag, this.of(body));
  }
}
