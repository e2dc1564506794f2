import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress } from "../base/ip.ts";
import type { MacAddress } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";

// Neighbor Advertisement (RFC 4861 4.4) with the target link-layer address option (4.6.1), behind the Ethernet (14)
// and IPv6 (40) headers.
//
//    +---------------+---------------+-------------------------------+
//    | type=136      | code=0        |           checksum            |
//    +-+-+-+---------+---------------+-------------------------------+
//    |R|S|O|                       reserved                          |
//    +-+-+-+---------------------------------------------------------+
//    |                      target address (16)                      |
//    +---------------+---------------+-------------------------------+
//    | option=2      | length=1 (x8) | link-layer address (6)        |
//    +---------------+---------------+-------------------------------+

/** ff02::1 */
const ALL_NODES: IpAddress = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: MacAddress = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const ETHERTYPE_IPV6 = 0x86dd;
const NEXT_HEADER_ICMPV6 = 58;
/** Anything lower was routed, and is refused (RFC 4861 7.1.2). */
const HOP_LIMIT = 255;
const NEIGHBOR_ADVERTISEMENT = 136;
/** Router and Override: a gateway's address, and the caches shall replace what they hold (RFC 4861 7.2.6). */
const FLAGS_ROUTER_OVERRIDE = 0xa000_0000;
const OPTION_TARGET_LINK_LAYER_ADDRESS = 2;
const HEADERS_BYTES = 54;
/** The fixed part; options follow. */
const MESSAGE_BYTES_MIN = 24;
const OPTION_BYTES = 8;

export interface NeighborAdvertisement {
  /** The target link-layer address. */
  readonly mac: MacAddress;
  /** The target: IPv6. */
  readonly address: IpAddress;
}

/** Encodes an unsolicited neighbour advertisement to all nodes as a whole frame, sent from the address itself. */
export function encodeUnsolicitedNeighborAdvertisement({ mac, address }: NeighborAdvertisement): Uint8Array {
  const length = MESSAGE_BYTES_MIN + OPTION_BYTES;
  const frame = new ByteWriter(HEADERS_BYTES + length);
  frame.put(ALL_NODES_MAC).put(mac).u16(ETHERTYPE_IPV6);
  frame.u32(0x6000_0000).u16(length).u8(NEXT_HEADER_ICMPV6).u8(HOP_LIMIT).put(address).put(ALL_NODES);
  frame.u8(NEIGHBOR_ADVERTISEMENT).u8(0).u16(0).u32(FLAGS_ROUTER_OVERRIDE).put(address);
  frame.u8(OPTION_TARGET_LINK_LAYER_ADDRESS).u8(1).put(mac);
  const covered = pseudoHeader({
    source: address,
    destination: ALL_NODES,
    protocol: NEXT_HEADER_ICMPV6,
    length,
  });
  const checksum = internetChecksum(covered, frame.bytes.subarray(HEADERS_BYTES));
  frame.offset = HEADERS_BYTES + 2;
  frame.u16(checksum);
  return frame.bytes;
}

/** Decodes a neighbour advertisement frame that names its link-layer address (checks of RFC 4861 7.1.2). */
export function decodeNeighborAdvertisement(bytes: Uint8Array): NeighborAdvertisement | DecodeError {
  const frame = new ByteReader(bytes);
  frame.take(12);
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
  if (payloadLength < MESSAGE_BYTES_MIN || payloadLength > frame.remaining)
    return new DecodeError("ndp-length", 18);
  const payload = frame.take(payloadLength);
  const covered = pseudoHeader({ source, destination, protocol: NEXT_HEADER_ICMPV6, length: payloadLength });
  if (internetChecksum(covered, payload) !== 0) return new DecodeError("ndp-checksum", HEADERS_BYTES + 2);
  if (payload[0] !== NEIGHBOR_ADVERTISEMENT || payload[1] !== 0) {
    return new DecodeError("ndp-type", HEADERS_BYTES);
  }
  const mac = findTargetLinkLayerAddress(payload.subarray(MESSAGE_BYTES_MIN));
  if (mac === undefined) return new DecodeError("ndp-options", HEADERS_BYTES + MESSAGE_BYTES_MIN);
  return { mac, address: new Uint8Array(payload.subarray(8, MESSAGE_BYTES_MIN)) };
}

/** Each option's length is in units of 8 bytes; 0 would never end (RFC 4861 4.6). */
function findTargetLinkLayerAddress(bytes: Uint8Array): MacAddress | undefined {
  const options = new ByteReader(bytes);
  while (options.remaining > 0) {
    const type = options.u8();
    const length = options.u8() * 8;
    if (length === 0) return undefined;
    const value = options.take(length - 2);
    if (options.failed) return undefined;
    if (type === OPTION_TARGET_LINK_LAYER_ADDRESS && length === OPTION_BYTES) return new Uint8Array(value);
  }
  return undefined;
}
