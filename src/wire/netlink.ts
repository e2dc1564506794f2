import { DecodeError } from "../base/decode-error.ts";

// Netlink messages (RFC 3549; uapi linux/netlink.h). Headers are in the host's byte order: little endian here.
//
//    0               2               4               6               8
//    +---------------+---------------+---------------+---------------+
//    |            length             |     type      |     flags     |
//    +---------------+---------------+---------------+---------------+
//    |           sequence            |         port of sender        |   then the payload, padded to 4 bytes
//    +---------------+---------------+---------------+---------------+

export const NLMSG_HEADER_BYTES = 16;
/** The kernel does nothing but acknowledge it (af_netlink.c, netlink_rcv_skb), without its lock for network configuration. */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** The dump may have holes: what it walked over changed meanwhile. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REQUEST = 0x01;
export const NLM_F_ACK = 0x04;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_DUMP = 0x300;

const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
export const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  /** A view into the buffer that was given. */
  readonly payload: Uint8Array;
}

/** Splits what one receive returned into its messages. */
export function decodeNetlinkMessages(bytes: Uint8Array): NetlinkMessage[] | DecodeError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < NLMSG_HEADER_BYTES) return new DecodeError("netlink-header-short", offset);
    const length = view.getUint32(offset, true);
    if (length < NLMSG_HEADER_BYTES || length > bytes.length - offset) {
      return new DecodeError("netlink-length", offset);
    }
    messages.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      portId: view.getUint32(offset + 12, true),
      payload: bytes.subarray(offset + NLMSG_HEADER_BYTES, offset + length),
    });
    offset += align4(length);
  }
  return messages;
}

export interface NetlinkAcknowledgement {
  /** 0 for success, otherwise a positive error number. */
  readonly errno: number;
  /** Sequence of the request that this answers. */
  readonly requestSequence: number;
  readonly requestType: number;
  /** What the kernel says about the error (extended acknowledgement), or an empty text. */
  readonly text: string;
}

/** Decodes an NLMSG_ERROR message: an acknowledgement or a refusal (uapi linux/netlink.h, `struct nlmsgerr`). */
export function decodeAcknowledgement(message: NetlinkMessage): NetlinkAcknowledgement | DecodeError {
  const { payload } = message;
  if (payload.length < 4 + NLMSG_HEADER_BYTES) return new DecodeError("netlink-error-short");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const echoed = (message.flags & NLM_F_CAPPED) !== 0 ? NLMSG_HEADER_BYTES : align4(view.getUint32(4, true));
  let text = "";
  if ((message.flags & NLM_F_ACK_TLVS) !== 0 && 4 + echoed <= payload.length) {
    const attributes = decodeAttributes(payload.subarray(4 + echoed));
    const said = attributes instanceof DecodeError ? undefined : attributes.get(NLMSGERR_ATTR_MSG);
    if (said !== undefined) text = new TextDecoder().decode(said).replace(/\0+$/, "");
  }
  return {
    errno: 0 - view.getInt32(0, true), // Not a plain minus: success would become -0.
    requestType: view.getUint16(8, true),
    requestSequence: view.getUint32(12, true),
    text,
  };
}

/** Reads a row of attributes (`struct nlattr`) by type; of repeated ones the last stands. Values are views. */
export function decodeAttributes(bytes: Uint8Array): Map<number, Uint8Array> | DecodeError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<number, Uint8Array>();
  let offset = 0;
  while (offset + 4 <= bytes.length) {
    const length = view.getUint16(offset, true);
    if (length < 4 || length > bytes.length - offset) return new DecodeError("attribute-length", offset);
    attributes.set(
      view.getUint16(offset + 2, true) & NLA_TYPE_MASK,
      bytes.subarray(offset + 4, offset + length),
    );
    offset += align4(length);
  }
  return attributes;
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Builds netlink messages one after another into one buffer that is used again and again: `begin`, attributes, `end`.
 * Writing past the buffer's end throws: size it for the largest batch, and ask `room` before a message.
 */
export class NetlinkWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #messageStart = 0;
  offset = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  get room(): number {
    return this.bytes.length - this.offset;
  }

  reset(): void {
    this.offset = 0;
  }

  written(): Uint8Array {
    return this.bytes.subarray(0, this.offset);
  }

  begin(type: number, flags: number, sequence: number): void {
    this.#messageStart = this.offset;
    this.#view.setUint32(this.offset, 0, true);
    this.#view.setUint16(this.offset + 4, type, true);
    this.#view.setUint16(this.offset + 6, flags, true);
    this.#view.setUint32(this.offset + 8, sequence, true);
    this.#view.setUint32(this.offset + 12, 0, true);
    this.offset += NLMSG_HEADER_BYTES;
  }

  end(): void {
    // Single bytes beyond the end of a typed array vanish without a word.
    if (this.offset > this.bytes.length) throw new RangeError("netlink message beyond its buffer");
    this.#view.setUint32(this.#messageStart, this.offset - this.#messageStart, true);
  }

  /** Adds flags to the message that was ended last: such as asking for an acknowledgement of a whole batch. */
  addFlagsToLast(flags: number): void {
    const at = this.#messageStart + 6;
    this.#view.setUint16(at, this.#view.getUint16(at, true) | flags, true);
  }

  /** Raw bytes, such as the family's own header; the caller keeps the alignment. */
  raw(...values: readonly number[]): void {
    for (const value of values) this.bytes[this.offset++] = value;
  }

  rawU32(value: number): void {
    this.#view.setUint32(this.offset, value, true);
    this.offset += 4;
  }

  /** Opens a nested attribute; give the returned place to endNested. */
  beginNested(type: number): number {
    const at = this.offset;
    this.#view.setUint16(at + 2, type | NLA_F_NESTED, true);
    this.offset += 4;
    return at;
  }

  endNested(at: number): void {
    this.#view.setUint16(at, this.offset - at, true);
  }

  attributeU8(type: number, value: number): void {
    this.#attributeHeader(type, 1);
    this.bytes[this.offset] = value;
    this.#pad(1);
  }

  /** In network byte order, as nfnetlink wants its numbers. */
  attributeU16(type: number, value: number): void {
    this.#attributeHeader(type, 2);
    this.#view.setUint16(this.offset, value, false);
    this.#pad(2);
  }

  /** In network byte order, as nfnetlink wants its numbers. */
  attributeU32(type: number, value: number): void {
    this.#attributeHeader(type, 4);
    this.#view.setUint32(this.offset, value, false);
    this.offset += 4;
  }

  /** In the host's byte order, as rtnetlink wants its numbers. */
  attributeHostU32(type: number, value: number): void {
    this.#attributeHeader(type, 4);
    this.#view.setUint32(this.offset, value, true);
    this.offset += 4;
  }

  attributeBytes(type: number, source: Uint8Array, start = 0, length = source.length): void {
    this.#attributeHeader(type, length);
    // A loop, not set(subarray()): no allocation, and these are short.
    for (let i = 0; i < length; i++) this.bytes[this.offset + i] = source[start + i] ?? 0;
    this.#pad(length);
  }

  #attributeHeader(type: number, length: number): void {
    this.#view.setUint16(this.offset, 4 + length, true);
    this.#view.setUint16(this.offset + 2, type, true);
    this.offset += 4;
  }

  #pad(length: number): void {
    const padded = align4(length);
    for (let i = length; i < padded; i++) this.bytes[this.offset + i] = 0;
    this.offset += padded;
  }
}
