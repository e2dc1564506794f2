/** As many routers as advertise on one device, and a few more: each advertises in up to two families. */
const KEPT_MAX = 8;

interface Kept<T> {
  readonly frame: Buffer;
  readonly meaning: T;
}

/**
 * Decodes frames, and knows those again that came before byte for byte: an active router says the same all the time.
 *
 * What is not one of the last few is decoded anew. Meanings are shared between callers, who must not change them.
 */
export class RecentFrames<T> {
  readonly #decode: (frame: Uint8Array) => T;
  readonly #kept: Kept<T>[] = [];
  #next = 0;

  constructor(decode: (frame: Uint8Array) => T) {
    this.#decode = decode;
  }

  /** @param buffer what was received stands at its beginning */
  read(buffer: Buffer, length: number): T {
    for (const { frame, meaning } of this.#kept) {
      if (frame.length === length && buffer.compare(frame, 0, length, 0, length) === 0) return meaning;
    }
    const frame = Buffer.from(buffer.subarray(0, length));
    const meaning = this.#decode(frame);
    this.#kept[this.#next] = { frame, meaning };
    this.#next = (this.#next + 1) % KEPT_MAX;
    return meaning;
  }
}
