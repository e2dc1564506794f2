/**
 * Why bytes are not what they should be. Malformed input is normal on a network: decoders return this,
 * they never throw, and the caller counts it by `reason`.
 */
export class DecodeError {
  /** Short and stable: it becomes a counter's label. */
  readonly reason: string;
  /** Offset in bytes at which decoding stopped. */
  readonly offset: number;

  constructor(reason: string, offset = 0) {
    this.reason = reason;
    this.offset = offset;
  }
}

export function isDecodeError(value: unknown): value is DecodeError {
  return value instanceof DecodeError;
}
