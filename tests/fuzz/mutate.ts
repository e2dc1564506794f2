// Byte strings for decoders: random ones, and valid messages with something wrong in them.

/** Lengths, counts and signs go wrong at these. */
const interesting = [0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 31, 32, 40, 63, 64, 127, 128, 250, 254, 255] as const;
const CHANGES_MAX = 4;

export type Random = () => number;

/** A whole number from 0 to below `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function randomBytes(random: Random, lengthMax: number): Uint8Array {
  const bytes = new Uint8Array(below(random, lengthMax + 1));
  // One number gives three bytes.
  for (let i = 0; i < bytes.length; i += 3) {
    const number = below(random, 0x100_0000);
    bytes[i] = number;
    bytes[i + 1] = number >> 8;
    bytes[i + 2] = number >> 16;
  }
  return bytes;
}

/** A copy of a message with one to four changes: of bits, bytes, numbers, its length, or the order of its parts. */
export function mutate(random: Random, message: Uint8Array): Uint8Array {
  let bytes = message.slice();
  for (let changes = 1 + below(random, CHANGES_MAX); changes > 0; changes--) bytes = change(random, bytes);
  return bytes;
}

function change(random: Random, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = below(random, bytes.length);
  const value = interesting[below(random, interesting.length)] ?? 0;
  switch (bytes.length === 0 ? 9 : below(random, 10)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
      return bytes;
    case 1:
      bytes[at] = below(random, 256);
      return bytes;
    case 2:
    case 3:
      bytes[at] = value;
      return bytes;
    case 4:
      // A 16-bit number, in one of the byte orders.
      if (at + 2 <= bytes.length) bytes.set(random() < 0.5 ? [0, value] : [value, 0], at);
      return bytes;
    case 5:
      return bytes.slice(0, at);
    case 6:
      return joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + below(random, 8))));
    case 7: {
      const part = bytes.subarray(at, Math.min(bytes.length, at + 1 + below(random, 32)));
      return joined(bytes.subarray(0, at), part, bytes.subarray(at));
    }
    case 8:
      bytes.fill(below(random, 256), at, Math.min(bytes.length, at + 1 + below(random, 16)));
      return bytes;
    default:
      return joined(bytes, randomBytes(random, 24));
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
