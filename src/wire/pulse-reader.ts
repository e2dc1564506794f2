import { type DecodeError, isDecodeError } from "../base/decode-error.ts";
import {
  decodePulse,
  PULSE_BYTES_MAX,
  PULSE_SEQUENCE_AT,
  PULSE_WATERMARK_AT,
  type Pulse,
  type PulseHeader,
} from "./pulse.ts";

/** One sender says different things to each group, and in turn while something changes. */
const KEPT_OF_ONE = 2;
const COUNTS_END = PULSE_WATERMARK_AT + 8;

interface Kept {
  readonly body: Uint8Array;
  length: number;
  pulse: { -readonly [K in keyof Pulse]: Pulse[K] };
}

/**
 * Decodes pulses, and knows those again that say what one of the last ones said: where nothing happens, a pulse differs from the one
 * before in its sequence, and perhaps its watermark. Such a pulse costs no memory.
 *
 * What was read last is also what its header says, until the next one is read.
 */
export class PulseReader implements PulseHeader {
  session = 0n;
  echo = 0n;
  sequence = 0;
  #watermark = 0;
  #last: Kept | undefined;
  readonly #known: readonly string[];
  readonly #keptMax: number;
  readonly #kept: Kept[] = [];
  #next = 0;

  /**
   * @param senders how many there are, each counted once for every group
   * @param known as for `decodePulse`
   */
  constructor(senders: number, known: readonly string[]) {
    this.#keptMax = Math.max(1, KEPT_OF_ONE * senders);
    this.#known = known;
  }

  /**
   * Decodes the body of a pulse, the first `length` bytes, whose tag has been checked; nothing of them is retained.
   *
   * @returns why it is none; else the header is set, and `take` gives the pulse
   */
  read(bytes: Uint8Array, length: number): DecodeError | undefined {
    const kept = this.#find(bytes, length) ?? this.#decode(bytes, length);
    if (isDecodeError(kept)) return kept;
    this.#last = kept;
    this.session = kept.pulse.session;
    this.echo = kept.pulse.echo;
    this.sequence = number(bytes, PULSE_SEQUENCE_AT);
    this.#watermark = number(bytes, PULSE_WATERMARK_AT);
    return undefined;
  }

  /** Who sent what was read, whom it is for, and so on; sequence and watermark may be those of an earlier one. */
  get said(): Omit<Pulse, "sequence" | "watermark"> {
    if (this.#last === undefined) throw new Error("a pulse was read");
    return this.#last.pulse;
  }

  /** What was read, for whoever believes it: it changes when the next one is taken that says the same. */
  take(): Pulse {
    if (this.#last === undefined) throw new Error("a pulse was read");
    const { pulse } = this.#last;
    pulse.sequence = this.sequence;
    pulse.watermark = this.#watermark;
    return pulse;
  }

  #find(bytes: Uint8Array, length: number): Kept | undefined {
    for (const kept of this.#kept)
      if (kept.length === length && saysTheSame(kept.body, bytes, length)) return kept;
    return undefined;
  }

  #decode(bytes: Uint8Array, length: number): Kept | DecodeError {
    const pulse = decodePulse(bytes.subarray(0, length), this.#known);
    if (isDecodeError(pulse)) return pulse;
    const kept = this.#kept[this.#next] ?? { body: new Uint8Array(PULSE_BYTES_MAX), length, pulse };
    this.#kept[this.#next] = kept;
    for (let i = 0; i < length; i++) kept.body[i] = bytes[i] ?? 0;
    kept.length = length;
    kept.pulse = pulse;
    this.#next = (this.#next + 1) % this.#keptMax;
    return kept;
  }
}

/** Counts that no number can hold are for the decoder to refuse. */
function saysTheSame(a: Uint8Array, b: Uint8Array, length: number): boolean {
  for (let i = 0; i < PULSE_SEQUENCE_AT; i++) if (a[i] !== b[i]) return false;
  for (let i = COUNTS_END; i < length; i++) if (a[i] !== b[i]) return false;
  return isExact(b, PULSE_SEQUENCE_AT) && isExact(b, PULSE_WATERMARK_AT);
}

function isExact(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && (bytes[at + 1] ?? 0) < 0x20;
}

/** Big endian, below 2^53. */
function number(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 8; i++) value = 256 * value + (bytes[at + i] ?? 0);
  return value;
}
