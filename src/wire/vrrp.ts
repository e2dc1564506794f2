import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError, isDecodeError } from "../base/decode-error.ts";
import type { IpAddress, IpFamily } from "../base/ip.ts";
import type { MacAddress } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";

// VRRP version 3 (RFC 9568 5.2), carried in IP protocol 112 straight above Ethernet.
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-------+-------+---------------+---------------+---------------+
//    | ver=3 | type=1| virtual router|   priority    | address count |
//    +-------+-------+-------+-------+---------------+---------------+
//    |   0   |  max advertise int.   |           checksum            |
//    +-------+-----------------------+-------------------------------+
//    |   address count x 4 (IPv4) or 16 (IPv6) bytes                 |
//    +---------------------------------------------------------------+
//
// Version 2 (RFC 3768 5.1), IPv4 only, has an authentication type (0: none) and whole seconds in place of the interval,
// a checksum without pseudo-header, and 8 bytes of authentication data behind the addresses.
//
//    | ver=2 | type=1| virtual router|   priority    | address count |
//    +-------+-------+---------------+---------------+---------------+
//    |  auth. type 0 | interval in s |           checksum            |
//    +---------------+---------------+-------------------------------+

/** RFC 9568 5.1.1.4 */
export const VRRP_PROTOCOL = 112;
/** RFC 9568 5.1.1.2 */
export const VRRP_MULTICAST_V4: IpAddress = Uint8Array.of(224, 0, 0, 18);
/** ff02::12, RFC 9568 5.1.2.2 */
export const VRRP_MULTICAST_V6: IpAddress = Uint8Array.of(
  0xff,
  2,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x12,
);
/** The multicast Ethernet addresses that the two groups map to (RFC 1112 6.4, RFC 2464 7). */
export const VRRP_MULTICAST_MAC_V4: MacAddress = Uint8Array.of(0x01, 0x00, 0x5e, 0x00, 0x00, 0x12);
export const VRRP_MULTICAST_MAC_V6: MacAddress = Uint8Array.of(0x33, 0x33, 0x00, 0x00, 0x00, 0x12);
/** The hardware address of the virtual router itself (RFC 9568 7.3). */
export function virtualRouterMac(virtualRouterId: number, family: IpFamily): MacAddress {
  return Uint8Array.of(0x00, 0x00, 0x5e, 0x00, family === 4 ? 0x01 : 0x02, virtualRouterId);
}

/** 12 bits, in centiseconds (RFC 9568 5.2.7). */
export const VRRP_INTERVAL_CS_MAX = 4095;

/** IPv6 knows version 3 only. */
export type VrrpVersion = 2 | 3;

/** Version 2 counts in whole seconds (RFC 3768 5.3.7). */
export const VRRP_V2_INTERVAL_STEP_CS = 100;

const TYPE_ADVERTISEMENT = 1;
const V2_AUTHENTICATION_NONE = 0;
const V2_AUTHENTICATION_BYTES = 8;
const V2_INTERVAL_SECONDS_MAX = 255;
const VRRP_HEADER_BYTES = 8;
const CHECKSUM_OFFSET = 6;
const ETHERNET_HEADER_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
/** A packet that was routed has a lower one, and is not from this link (RFC 9568 5.1.1.3, 5.1.2.3). */
const HOP_LIMIT = 255;

export interface VrrpAdvertisement {
  /** 1 to 255. */
  readonly virtualRouterId: number;
  /** 0: the active resigns; 255: it owns the addresses; otherwise 1 to 254. */
  readonly priority: number;
  /** The maximum advertise interval: 1 to 4095 centiseconds; in version 2 whole seconds up to 255. */
  readonly intervalCs: number;
  /** The virtual addresses: 1 to 255, all of the family of the packet. */
  readonly addresses: readonly IpAddress[];
}

export interface VrrpPacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly advertisement: VrrpAdvertisement;
}

/**
 * Encodes an advertisement as a whole Ethernet frame to the VRRP multicast group, or to `destination`.
 *
 * The checksum covers the pseudo-header in both families. RFC 9568 5.2.8 drops it for IPv4, but keepalived 2.2.7
 * and FRR 8.4 refuse packets without it.
 */
export function encodeAdvertisementFrame(options: {
  readonly sourceMac: MacAddress;
  readonly source: IpAddress;
  readonly destination?: { readonly mac: MacAddress; readonly address: IpAddress };
  readonly advertisement: VrrpAdvertisement;
  readonly version?: VrrpVersion;
}): Uint8Array {
  const { sourceMac, source } = options;
  const isV4 = source.length === 4;
  const destination = options.destination ?? {
    mac: isV4 ? VRRP_MULTICAST_MAC_V4 : VRRP_MULTICAST_MAC_V6,
    address: isV4 ? VRRP_MULTICAST_V4 : VRRP_MULTICAST_V6,
  };
  const message = encodeAdvertisement({ ...options, destination: destination.address });
  const ipHeaderBytes = isV4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const frame = new ByteWriter(ETHERNET_HEADER_BYTES + ipHeaderBytes + message.length);
  frame.put(destination.mac).put(sourceMac);
  if (isV4) putIpv4Header(frame.u16(ETHERTYPE_IPV4), source, destination.address, message.length);
  else putIpv6Header(frame.u16(ETHERTYPE_IPV6), source, destination.address, message.length);
  return frame.put(message).bytes;
}

/**
 * Decodes an Ethernet frame that carries an advertisement, and checks all that RFC 9568 7.1 (or RFC 3768 7.1) asks for
 * but the virtual router id. The addresses are copies. Over IPv4 the checksum of version 3 may include the
 * pseudo-header or not.
 *
 * @param version the one that is spoken over IPv4: any other is refused
 */
export function decodeAdvertisementFrame(
  bytes: Uint8Array,
  version: VrrpVersion = 3,
): VrrpPacket | DecodeError {
  const frame = new ByteReader(bytes);
  frame.take(12);
  const etherType = frame.u16();
  if (frame.failed) return new DecodeError("ethernet-short", frame.offset);
  const packet =
    etherType === ETHERTYPE_IPV4
      ? decodeIpv4(bytes.subarray(ETHERNET_HEADER_BYTES))
      : etherType === ETHERTYPE_IPV6
        ? decodeIpv6(bytes.subarray(ETHERNET_HEADER_BYTES))
        : new DecodeError("ethernet-type", 12);
  if (isDecodeError(packet)) return packet;
  const advertisement = decodeAdvertisement(packet, etherType === ETHERTYPE_IPV4 ? version : 3);
  if (isDecodeError(advertisement)) return advertisement;
  const [source, destination] = [new Uint8Array(packet.source), new Uint8Array(packet.destination)];
  return { source, destination, advertisement };
}

/** Encodes the message behind the IP header: what a raw socket of protocol 112 sends. */
export function encodeAdvertisement(options: {
  readonly advertisement: VrrpAdvertisement;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly version?: VrrpVersion;
}): Uint8Array {
  const { advertisement, source, destination, version = 3 } = options;
  const { virtualRouterId, priority, intervalCs, addresses } = advertisement;
  const message = new ByteWriter(messageBytes(version, addresses.length, source.length));
  message.u8((version << 4) | TYPE_ADVERTISEMENT).u8(virtualRouterId);
  message.u8(priority).u8(addresses.length);
  if (version === 2) message.u8(V2_AUTHENTICATION_NONE).u8(v2Seconds(intervalCs));
  else message.u16(Math.min(intervalCs, VRRP_INTERVAL_CS_MAX));
  message.u16(0);
  for (const address of addresses) message.put(address);
  const { length } = message.bytes;
  const covered = pseudoHeader({ source, destination, protocol: VRRP_PROTOCOL, length });
  message.offset = CHECKSUM_OFFSET;
  message.u16(version === 2 ? internetChecksum(message.bytes) : internetChecksum(covered, message.bytes));
  return message.bytes;
}

function messageBytes(version: VrrpVersion, count: number, addressBytes: number): number {
  return VRRP_HEADER_BYTES + count * addressBytes + (version === 2 ? V2_AUTHENTICATION_BYTES : 0);
}

function v2Seconds(intervalCs: number): number {
  const seconds = Math.round(intervalCs / VRRP_V2_INTERVAL_STEP_CS);
  return Math.min(Math.max(1, seconds), V2_INTERVAL_SECONDS_MAX);
}

interface IpPacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly payload: Uint8Array;
  /** Where `payload` begins in the frame. */
  readonly offset: number;
}

function decodeAdvertisement(packet: IpPacket, version: VrrpVersion): VrrpAdvertisement | DecodeError {
  const { payload, source, offset } = packet;
  const message = new ByteReader(payload);
  const versionAndType = message.u8();
  const virtualRouterId = message.u8();
  const priority = message.u8();
  const count = message.u8();
  const interval = message.u16();
  message.u16();
  if (message.failed) return new DecodeError("vrrp-short", offset + message.offset);
  if (versionAndType >> 4 !== version) return new DecodeError("vrrp-version", offset);
  if ((versionAndType & 0xf) !== TYPE_ADVERTISEMENT) return new DecodeError("vrrp-type", offset);
  if (virtualRouterId === 0) return new DecodeError("vrrp-virtual-router-id", offset + 1);
  if (count === 0) return new DecodeError("vrrp-address-count", offset + 3);
  if (version === 2 && interval >> 8 !== V2_AUTHENTICATION_NONE) {
    return new DecodeError("vrrp-authentication", offset + 4);
  }
  // The four bits above the interval of version 3 are reserved and ignored (RFC 9568 5.2.6).
  const intervalCs = version === 2 ? (interval & 0xff) * VRRP_V2_INTERVAL_STEP_CS : interval & 0xfff;
  // With an interval of 0 every backup would take over at once.
  if (intervalCs === 0) return new DecodeError("vrrp-interval", offset + 4);
  if (payload.length !== messageBytes(version, count, source.length)) {
    return new DecodeError("vrrp-length", offset + 3);
  }
  if (!isChecksumRight(packet, version)) return new DecodeError("vrrp-checksum", offset + CHECKSUM_OFFSET);
  const addresses = Array.from({ length: count }, () => new Uint8Array(message.take(source.length)));
  return { virtualRouterId, priority, intervalCs, addresses };
}

/** Version 2 never covers the pseudo-header, IPv6 always does, and version 3 over IPv4 may. */
function isChecksumRight({ payload, source, destination }: IpPacket, version: VrrpVersion): boolean {
  if (source.length === 4 && internetChecksum(payload) === 0) return true;
  if (version === 2) return false;
  const covered = pseudoHeader({ source, destination, protocol: VRRP_PROTOCOL, length: payload.length });
  return internetChecksum(covered, payload) === 0;
}

// IPv4 header (RFC 791 3.1): version and header length, type of service, total length, identification,
// flags and fragment offset, time to live, protocol, checksum, source, destination.
function putIpv4Header(
  frame: ByteWriter,
  source: IpAddress,
  destination: IpAddress,
  payloadLength: number,
): void {
  const start = frame.offset;
  // Type of service 0xc0: internetwork control, so that queues on the way prefer it (RFC 2474 4.2.2.1).
  frame
    .u8(0x45)
    .u8(0xc0)
    .u16(IPV4_HEADER_BYTES + payloadLength);
  // Atomic datagrams need no identification (RFC 6864 4.1): 0, with "don't fragment".
  frame.u16(0).u16(0x4000).u8(HOP_LIMIT).u8(VRRP_PROTOCOL).u16(0).put(source).put(destination);
  const end = frame.offset;
  const checksum = internetChecksum(frame.bytes.subarray(start, end));
  frame.offset = start + 10;
  frame.u16(checksum);
  frame.offset = end;
}

function decodeIpv4(bytes: Uint8Array): IpPacket | DecodeError {
  const at = ETHERNET_HEADER_BYTES;
  const header = new ByteReader(bytes);
  const versionAndLength = header.u8();
  header.u8();
  const totalLength = header.u16();
  header.u16();
  const fragment = header.u16();
  const timeToLive = header.u8();
  const protocol = header.u8();
  header.u16();
  const source = header.take(4);
  const destination = header.take(4);
  const headerLength = (versionAndLength & 0xf) * 4;
  if (header.failed || headerLength > bytes.length) return new DecodeError("ipv4-short", at + header.offset);
  if (versionAndLength >> 4 !== 4 || headerLength < IPV4_HEADER_BYTES)
    return new DecodeError("ipv4-header", at);
  if (totalLength < headerLength || totalLength > bytes.length) return new DecodeError("ipv4-length", at + 2);
  // More fragments, or an offset other than 0.
  if ((fragment & 0x3fff) !== 0) return new DecodeError("ipv4-fragment", at + 6);
  if (timeToLive !== HOP_LIMIT) return new DecodeError("ipv4-ttl", at + 8);
  if (protocol !== VRRP_PROTOCOL) return new DecodeError("ipv4-protocol", at + 9);
  if (internetChecksum(bytes.subarray(0, headerLength)) !== 0)
    return new DecodeError("ipv4-checksum", at + 10);
  // What follows the total length is Ethernet padding.
  const payload = bytes.subarray(headerLength, totalLength);
  return { source, destination, payload, offset: at + headerLength };
}

// IPv6 header (RFC 8200 3): version, traffic class and flow label, payload length, next header, hop limit,
// source, destination.
function putIpv6Header(
  frame: ByteWriter,
  source: IpAddress,
  destination: IpAddress,
  payloadLength: number,
): void {
  // Traffic class 0xc0: internetwork control, as above.
  frame.u32(0x6c00_0000).u16(payloadLength).u8(VRRP_PROTOCOL).u8(HOP_LIMIT).put(source).put(destination);
}

function decodeIpv6(bytes: Uint8Array): IpPacket | DecodeError {
  const at = ETHERNET_HEADER_BYTES;
  const header = new ByteReader(bytes);
  const versionAndClass = header.u32();
  const payloadLength = header.u16();
  const nextHeader = header.u8();
  const hopLimit = header.u8();
  const source = header.take(16);
  const destination = header.take(16);
  if (header.failed) return new DecodeError("ipv6-short", at + header.offset);
  if (versionAndClass >>> 28 !== 6) return new DecodeError("ipv6-header", at);
  if (nextHeader !== VRRP_PROTOCOL) return new DecodeError("ipv6-next-header", at + 6);
  if (hopLimit !== HOP_LIMIT) return new DecodeError("ipv6-hop-limit", at + 7);
  if (payloadLength > header.remaining) return new DecodeError("ipv6-length", at + 4);
  return { source, destination, payload: header.take(payloadLength), offset: at + IPV6_HEADER_BYTES };
}
