import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpFamily } from "../base/ip.ts";
import { internetChecksum } from "./internet-checksum.ts";

// ICMP echo, of IPv4 (RFC 792) and IPv6 (RFC 4443 4.1 and 4.2), as raw sockets take and give it.
//
//    +---------------+---------------+-------------------------------+
//    | type          | code=0        |           checksum            |
//    +---------------+---------------+-------------------------------+
//    |          identifier           |           sequence            |
//    +-------------------------------+-------------------------------+
//    |  data, which comes back as it is                              |
//    +---------------------------------------------------------------+

export const ECHO_REPLY = { 4: 0, 6: 129 } as const;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
/** Some routers drop what is shorter than an Ethernet frame's least payload. */
const DATA_BYTES = 24;
const IPV4_HEADER_BYTES_MIN = 20;

export interface Echo {
  /** 16 bits: who asks. */
  readonly identifier: number;
  /** 16 bits. */
  readonly sequence: number;
}

export interface EchoQuestion extends Echo {
  /** How many bytes of zeros go along; by default a few. */
  readonly dataBytes?: number;
}

/** Encodes the message. The checksum of ICMPv6 covers the addresses and is the kernel's work (RFC 3542 3.1). */
export function encodeEchoRequest(
  family: IpFamily,
  { identifier, sequence, dataBytes = DATA_BYTES }: EchoQuestion,
): Uint8Array {
  const message = new ByteWriter(8 + dataBytes);
  message.u8(ECHO_REQUEST[family]).u8(0).u16(0).u16(identifier).u16(sequence).put(new Uint8Array(dataBytes));
  if (family === 6) return message.bytes;
  const checksum = internetChecksum(message.bytes);
  message.offset = 2;
  message.u16(checksum);
  return message.bytes;
}

/** Decodes what a raw socket receives: in IPv4 the packet with its header (raw(7)), in IPv6 the message alone. */
export function decodeEchoReply(family: IpFamily, bytes: Uint8Array): Echo | DecodeError {
  const headerBytes = family === 4 ? 4 * ((bytes[0] ?? 0) & 0x0f) : 0;
  if (family === 4 && headerBytes < IPV4_HEADER_BYTES_MIN) return new DecodeError("ipv4-header", 0);
  const reader = new ByteReader(bytes.subarray(headerBytes));
  const type = reader.u8();
  const code = reader.u8();
  reader.u16();
  const identifier = reader.u16();
  const sequence = reader.u16();
  if (reader.failed) return new DecodeError("icmp-short", bytes.length);
  if (type !== ECHO_REPLY[family] || code !== 0) return new DecodeError("icmp-type", headerBytes);
  // The kernel has verified the checksum of ICMPv6, which covers more than is here.
  if (family === 4 && internetChecksum(bytes.subarray(headerBytes)) !== 0)
    return new DecodeError("icmp-checksum", headerBytes + 2);
  return { identifier, sequence };
}
