import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress } from "../base/ip.ts";
import type { MacAddress } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";

// A message of neighbour discovery (RFC 4861 4) behind its Ethernet (14) and IPv6 (40) headers.
//
//    +---------------+---------------+-------------------------------+
//    | type          | code=0        |           checksum            |   then what the type says
//    +---------------+---------------+-------------------------------+

/** ff02::1 */
export const ALL_NODES: IpAddress = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const ALL_NODES_MAC: MacAddress = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
/** The Ethernet group of ff02::2, which routers listen to (RFC 2464 7). */
export const ALL_ROUTERS_MAC: MacAddress = Uint8Array.of(0x33, 0x33, 0, 0, 0, 2);
export const NEXT_HEADER_ICMPV6 = 58;
export const HEADERS_BYTES = 54;
/** Where a message says which one it is. */
export const MESSAGE_TYPE_OFFSET = HEADERS_BYTES;

const ETHERTYPE_IPV6 = 0x86dd;
/** Anything lower was routed, and is refused (RFC 4861 6.1, 7.1). */
const HOP_LIMIT = 255;
const CHECKSUM_OFFSET = 2;
const OPTION_UNIT_BYTES = 8;

export interface Icmpv6Frame {
  readonly destinationMac: MacAddress;
  readonly sourceMac: MacAddress;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** From its type on. When encoded, its checksum is filled in. */
  readonly message: Uint8Array;
}

export function encodeIcmpv6Frame(options: Icmpv6Frame): Uint8Array {
  const { source, destination, message } = options;
  const { length } = message;
  const frame = new ByteWriter(HEADERS_BYTES + length);
  frame.put(options.destinationMac).put(options.sourceMac).u16(ETHERTYPE_IPV6);
  frame.u32(0x6000_0000).u16(length).u8(NEXT_HEADER_ICMPV6).u8(HOP_LIMIT).put(source).put(destination);
  frame.put(message);
  const covered = pseudoHeader({ source, destination, protocol: NEXT_HEADER_ICMPV6, length });
  const checksum = internetChecksum(covered, frame.bytes.subarray(HEADERS_BYTES));
  frame.offset = HEADERS_BYTES + CHECKSUM_OFFSET;
  frame.u16(checksum);
  return frame.bytes;
}

/** Checks what RFC 4861 asks of every message (6.1, 7.1) but the type. What it returns are views. */
export function decodeIcmpv6Frame(bytes: Uint8Array, messageBytesMin: number): Icmpv6Frame | DecodeError {
  const frame = new ByteReader(bytes);
  const destinationMac = frame.take(6);
  const sourceMac = frame.take(6);
  const etherType = frame.u16();
  const versionAndClass = frame.u32();
  const payloadLength = frame.u16();
  const nextHeader = frame.u8();
  const hopLimit = frame.u8();
  const source = frame.take(16);
  const destination = frame.take(16);
  if (frame.failed) return new DecodeError("ndp-short", frame.offset);
  if (etherType !== ETHERTYPE_IPV6) return new DecodeError("ethernet-type", 12);
  if (versionAndClass >>> 28 !== 6) return new DecodeError("ipv6-header", 14);
  if (nextHeader !== NEXT_HEADER_ICMPV6) return new DecodeError("ipv6-next-header", 20);
  if (hopLimit !== HOP_LIMIT) return new DecodeError("ipv6-hop-limit", 21);
  if (payloadLength < messageBytesMin || payloadLength > frame.remaining)
    return new DecodeError("ndp-length", 18);
  const message = frame.take(payloadLength);
  const covered = pseudoHeader({ source, destination, protocol: NEXT_HEADER_ICMPV6, length: payloadLength });
  if (internetChecksum(covered, message) !== 0) {
    return new DecodeError("ndp-checksum", HEADERS_BYTES + CHECKSUM_OFFSET);
  }
  return { destinationMac, sourceMac, source, destination, message };
}

export interface NeighborOption {
  readonly type: number;
  /** What follows its type and length: a view. */
  readonly value: Uint8Array;
}

/** @returns undefined where a length is 0, which would never end (RFC 4861 4.6), or passes the end */
export function decodeNeighborOptions(bytes: Uint8Array): readonly NeighborOption[] | undefined {
  const reader = new ByteReader(bytes);
  const options: NeighborOption[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const length = reader.u8() * OPTION_UNIT_BYTES;
    if (length === 0) return undefined;
    const value = reader.take(length - 2);
    if (reader.failed) return undefined;
    options.push({ type, value });
  }
  return options;
}
