import {
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_ICMP_CODE,
  CTA_PROTO_ICMP_ID,
  CTA_PROTO_ICMP_TYPE,
  CTA_PROTO_ICMPV6_CODE,
  CTA_PROTO_ICMPV6_ID,
  CTA_PROTO_ICMPV6_TYPE,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_ZONE,
  IPPROTO_ICMPV6,
} from "./conntrack-constants.ts";
import { isIcmp, type TupleFields } from "./flow-fields.ts";
import { align4, type NetlinkWriter, NLA_TYPE_MASK } from "./netlink.ts";

// One direction of a flow, as the value of CTA_TUPLE_ORIG, _REPLY and _MASTER and of CTA_EXPECT_MASTER, _TUPLE and _MASK:
//
//   CTA_TUPLE_IP     { source, destination: 4 or 16 bytes each }
//   CTA_TUPLE_PROTO  { number u8, and two ports u16, or ICMP's id u16, type u8 and code u8 }
//   CTA_TUPLE_ZONE   u16, where the zone counts for this direction alone
//
// GRE has its keys in place of the ports. A protocol that the kernel does not know has neither.

/** @returns false when a nested length does not fit; what is not there is left as it was */
export function parseTuple(view: DataView, start: number, end: number, tuple: TupleFields): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === CTA_TUPLE_IP) {
      if (!parseAddresses(view, offset + 4, offset + length, tuple)) return false;
    } else if (type === CTA_TUPLE_PROTO) {
      if (!parseProtocol(view, offset + 4, offset + length, tuple)) return false;
    } else if (type === CTA_TUPLE_ZONE && length >= 6) {
      tuple.zone = view.getUint16(offset + 4);
    }
    offset += align4(length);
  }
  return true;
}

function parseAddresses(view: DataView, start: number, end: number, tuple: TupleFields): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    switch (view.getUint16(offset + 2, true) & NLA_TYPE_MASK) {
      case CTA_IP_V4_SRC:
      case CTA_IP_V6_SRC:
        copyBytes(view, offset + 4, Math.min(16, length - 4), tuple.source);
        break;
      case CTA_IP_V4_DST:
      case CTA_IP_V6_DST:
        copyBytes(view, offset + 4, Math.min(16, length - 4), tuple.destination);
        break;
    }
    offset += align4(length);
  }
  return true;
}

function parseProtocol(view: DataView, start: number, end: number, tuple: TupleFields): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 5 || offset + length > end) return false;
    const value = offset + 4;
    const u8 = view.getUint8(value);
    const u16 = length >= 6 ? view.getUint16(value) : 0;
    switch (view.getUint16(offset + 2, true) & NLA_TYPE_MASK) {
      case CTA_PROTO_NUM:
        tuple.protocol = u8;
        break;
      case CTA_PROTO_SRC_PORT:
        tuple.sourcePort = u16;
        break;
      case CTA_PROTO_DST_PORT:
        tuple.destinationPort = u16;
        break;
      case CTA_PROTO_ICMP_ID:
      case CTA_PROTO_ICMPV6_ID:
        tuple.icmpId = u16;
        break;
      case CTA_PROTO_ICMP_TYPE:
      case CTA_PROTO_ICMPV6_TYPE:
        tuple.icmpType = u8;
        break;
      case CTA_PROTO_ICMP_CODE:
      case CTA_PROTO_ICMPV6_CODE:
        tuple.icmpCode = u8;
        break;
    }
    offset += align4(length);
  }
  return true;
}

function copyBytes(view: DataView, offset: number, length: number, into: Uint8Array): void {
  for (let i = 0; i < length; i++) into[i] = view.getUint8(offset + i);
}

/** Whose tuple it is: all tuples of one message share the family. */
export interface TupleOwner {
  readonly family: 4 | 6;
}

/** Writes a tuple as the attribute `type`; `tuple.protocol` does not count, `zone` is 0 but for a zone of one direction. */
export function writeTuple(
  writer: NetlinkWriter,
  type: number,
  { family }: TupleOwner,
  tuple: TupleFields,
  protocol: number,
  zone = 0,
): void {
  const at = writer.beginNested(type);
  const v4 = family === 4;
  const bytes = v4 ? 4 : 16;
  const addresses = writer.beginNested(CTA_TUPLE_IP);
  writer.attributeBytes(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source, 0, bytes);
  writer.attributeBytes(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination, 0, bytes);
  writer.endNested(addresses);
  const conversation = writer.beginNested(CTA_TUPLE_PROTO);
  writer.attributeU8(CTA_PROTO_NUM, protocol);
  if (isIcmp(protocol)) {
    const v6 = protocol === IPPROTO_ICMPV6;
    writer.attributeU16(v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, tuple.icmpId);
    writer.attributeU8(v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, tuple.icmpType);
    writer.attributeU8(v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, tuple.icmpCode);
  } else {
    writer.attributeU16(CTA_PROTO_SRC_PORT, tuple.sourcePort);
    writer.attributeU16(CTA_PROTO_DST_PORT, tuple.destinationPort);
  }
  writer.endNested(conversation);
  if (zone !== 0) writer.attributeU16(CTA_TUPLE_ZONE, zone);
  writer.endNested(at);
}
