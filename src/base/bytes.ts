const utf8 = { decoder: new TextDecoder(), encoder: new TextEncoder() };

/**
 * Big-endian reader over bytes that it does not own. Total: reading past the end sets `failed`, yields zeros,
 * and never throws; check `failed` once after a group of reads.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.#take(1) ? this.#view.getUint8(this.offset - 1) : 0;
  }

  u16(): number {
    return this.#take(2) ? this.#view.getUint16(this.offset - 2) : 0;
  }

  u32(): number {
    return this.#take(4) ? this.#view.getUint32(this.offset - 4) : 0;
  }

  u64(): bigint {
    return this.#take(8) ? this.#view.getBigUint64(this.offset - 8) : 0n;
  }

  f64(): number {
    return this.#take(8) ? this.#view.getFloat64(this.offset - 8) : 0;
  }

  /** A view of the next `length` bytes; copy it to keep it beyond the buffer's life. */
  take(length: number): Uint8Array {
    return this.#take(length) ? this.bytes.subarray(this.offset - length, this.offset) : new Uint8Array(0);
  }

  /** UTF-8 text with a length byte in front. Where it is one of `known`, which are ASCII, that is returned, and nothing is allocated. */
  text(known: readonly string[] = []): string {
    const length = this.u8();
    for (const text of known) {
      if (text.length !== length || length > this.remaining || !this.#is(text)) continue;
      this.offset += length;
      return text;
    }
    return utf8.decoder.decode(this.take(length));
  }

  #is(text: string): boolean {
    for (let i = 0; i < text.length; i++)
      if (this.bytes[this.offset + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** A 64-bit number as the nearest that a number can be; exact below 2^53. */
  u64Number(): number {
    return this.u32() * 0x1_0000_0000 + this.u32();
  }

  #take(length: number): boolean {
    if (this.failed || length > this.remaining) {
      this.failed = true;
      return false;
    }
    this.offset += length;
    return true;
  }
}

/** Big-endian writer into one preallocated buffer; writing past its end is a programming error and throws. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;

  constructor(capacity: number | Uint8Array) {
    this.bytes = typeof capacity === "number" ? new Uint8Array(capacity) : capacity;
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  u8(value: number): this {
    this.#view.setUint8(this.offset, value);
    this.offset += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.offset, value);
    this.offset += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.offset, value);
    this.offset += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#view.setBigUint64(this.offset, value);
    this.offset += 8;
    return this;
  }

  /** A whole number below 2^53 in 64 bits. */
  u64Number(value: number): this {
    return this.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  /** Hexadecimal digits, two for a byte. */
  hex(digits: string): this {
    for (let i = 0; i + 1 < digits.length; i += 2)
      this.u8((hexDigit(digits.charCodeAt(i)) << 4) | hexDigit(digits.charCodeAt(i + 1)));
    return this;
  }

  f64(value: number): this {
    this.#view.setFloat64(this.offset, value);
    this.offset += 8;
    return this;
  }

  put(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.offset);
    this.offset += bytes.length;
    return this;
  }

  /** UTF-8 text of at most 255 bytes, with a length byte in front; longer text is cut. */
  text(value: string): this {
    const start = this.offset;
    const length = Math.min(value.length, 255);
    this.u8(length);
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return this.#textBeyondAscii(value, start);
      this.u8(code);
    }
    return this;
  }

  /** An encoder's result is an object for each text: names are ASCII nearly always. */
  #textBeyondAscii(value: string, start: number): this {
    this.offset = start;
    const encoded = utf8.encoder.encode(value).subarray(0, 255);
    return this.u8(encoded.length).put(encoded);
  }

  /** What was written so far: a view, not a copy. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.offset);
  }
}

/** Of 0 to 9 and a to f; other characters give whatever. */
function hexDigit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code & 0xf) + 9;
}
