import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import { equalIp, type IpAddress } from "../base/ip.ts";
import { broadcastMac, type MacAddress } from "../base/mac.ts";

// ARP for IPv4 over Ethernet (RFC 826), in a broadcast frame.
//
//    +------------------------+------------------------+---------------+
//    | destination MAC ff:…   | source MAC             | 0x0806        |   Ethernet, 14 bytes
//    +---------------+--------+------+-----------------+---------------+
//    | hardware 1    | protocol 0800 | lengths 6 and 4 | operation     |
//    +---------------+--------+------+-----------------+---------------+
//    | sender MAC (6)         | sender address (4)                     |
//    +------------------------+----------------------------------------+
//    | target MAC (6)         | target address (4)                     |
//    +------------------------+----------------------------------------+

const ETHERTYPE_ARP = 0x0806;
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604;
const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;
const FRAME_BYTES = 42;

export interface GratuitousArp {
  readonly mac: MacAddress;
  /** IPv4. */
  readonly address: IpAddress;
}

/**
 * Encodes an ARP announcement (RFC 5227 2.3) as a whole broadcast frame: a request whose sender and target address
 * are the same, which updates the neighbours' caches and is answered by nobody.
 */
export function encodeGratuitousArp({ mac, address }: GratuitousArp): Uint8Array {
  const frame = new ByteWriter(FRAME_BYTES);
  frame.put(broadcastMac).put(mac).u16(ETHERTYPE_ARP);
  frame.u16(HARDWARE_ETHERNET).u16(PROTOCOL_IPV4).u16(ADDRESS_LENGTHS).u16(OPERATION_REQUEST);
  frame.put(mac).put(address);
  return frame.put(new Uint8Array(6)).put(address).bytes;
}

/** Encodes the question who has `target`, as a whole broadcast frame. */
export function encodeArpRequest({ mac, sender, target }: ArpRequest): Uint8Array {
  const frame = new ByteWriter(FRAME_BYTES);
  frame.put(broadcastMac).put(mac).u16(ETHERTYPE_ARP);
  frame.u16(HARDWARE_ETHERNET).u16(PROTOCOL_IPV4).u16(ADDRESS_LENGTHS).u16(OPERATION_REQUEST);
  frame.put(mac).put(sender);
  return frame.put(new Uint8Array(6)).put(target).bytes;
}

export interface ArpRequest {
  readonly mac: MacAddress;
  readonly sender: IpAddress;
  readonly target: IpAddress;
}

/** Decodes the answer to a request: who has which address. What follows it is Ethernet padding. */
export function decodeArpReply(bytes: Uint8Array): GratuitousArp | DecodeError {
  const arp = decodeArp(bytes);
  if (arp instanceof DecodeError) return arp;
  return arp.operation === OPERATION_REPLY ? arp : new DecodeError("arp-operation", 20);
}

/** Decodes a gratuitous ARP frame, of request or reply form. What follows it is Ethernet padding. */
export function decodeGratuitousArp(bytes: Uint8Array): GratuitousArp | DecodeError {
  const arp = decodeArp(bytes);
  if (arp instanceof DecodeError) return arp;
  if (!equalIp(arp.address, arp.target)) return new DecodeError("arp-not-gratuitous", 38);
  return { mac: arp.mac, address: arp.address };
}

interface Arp extends GratuitousArp {
  readonly operation: number;
  readonly target: IpAddress;
}

function decodeArp(bytes: Uint8Array): Arp | DecodeError {
  const frame = new ByteReader(bytes);
  frame.take(12);
  const etherType = frame.u16();
  const hardware = frame.u16();
  const protocol = frame.u16();
  const lengths = frame.u16();
  const operation = frame.u16();
  const mac = new Uint8Array(frame.take(6));
  const address = new Uint8Array(frame.take(4));
  frame.take(6);
  const target = new Uint8Array(frame.take(4));
  if (frame.failed) return new DecodeError("arp-short", frame.offset);
  if (etherType !== ETHERTYPE_ARP) return new DecodeError("ethernet-type", 12);
  if (hardware !== HARDWARE_ETHERNET || protocol !== PROTOCOL_IPV4 || lengths !== ADDRESS_LENGTHS) {
    return new DecodeError("arp-kind", 14);
  }
  if (operation !== OPERATION_REQUEST && operation !== OPERATION_REPLY)
    return new DecodeError("arp-operation", 20);
  return { mac, address, operation, target };
}
