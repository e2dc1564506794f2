import {
  AF_INET,
  AF_INET6,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_ICMP_CODE,
  CTA_PROTO_ICMP_ID,
  CTA_PROTO_ICMP_TYPE,
  CTA_PROTO_ICMPV6_CODE,
  CTA_PROTO_ICMPV6_ID,
  CTA_PROTO_ICMPV6_TYPE,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  NFGENMSG_BYTES,
} from "./conntrack-constants.ts";
import type { FlowFields, TupleFields } from "./flow-fields.ts";
import { align4 } from "./netlink.ts";

/** Why a conntrack message was not understood; 0 is success. Numbers, because this runs once per event. */
export const flowParse = { ok: 0, short: 1, attributeLength: 2, family: 3, noTuple: 4 } as const;

const NLA_TYPE_MASK = 0x3fff;

/**
 * Reads one conntrack message (event or dump entry) into `fields`; attributes that are not known are skipped.
 *
 *      nfgenmsg (4)   family, version, resource id
 *      CTA_TUPLE_ORIG   { CTA_TUPLE_IP { src, dst }, CTA_TUPLE_PROTO { number, ports or ICMP } }
 *      CTA_TUPLE_REPLY  { … }
 *      CTA_STATUS, CTA_TIMEOUT, CTA_MARK   u32, network byte order
 *      CTA_PROTOINFO    { CTA_PROTOINFO_TCP { CTA_PROTOINFO_TCP_STATE u8 … } }
 *      CTA_ZONE         u16, network byte order
 *
 * @param view memory that holds the message; not retained
 * @param start offset of the payload, after the netlink header
 * @param end offset after the payload
 * @returns a value of `flowParse`
 */
export function parseFlow(view: DataView, start: number, end: number, fields: FlowFields): number {
  if (end - start < NFGENMSG_BYTES || end > view.byteLength) return flowParse.short;
  const family = view.getUint8(start);
  if (family !== AF_INET && family !== AF_INET6) return flowParse.family;
  fields.clear();
  fields.family = family === AF_INET ? 4 : 6;
  let tuples = 0;
  let offset = start + NFGENMSG_BYTES;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    const next = offset + align4(length);
    if (length < 4 || offset + length > end) return flowParse.attributeLength;
    const value = offset + 4;
    const valueEnd = offset + length;
    switch (view.getUint16(offset + 2, true) & NLA_TYPE_MASK) {
      case CTA_TUPLE_ORIG:
        if (!parseTuple(view, value, valueEnd, fields, fields.original)) return flowParse.attributeLength;
        tuples |= 1;
        break;
      case CTA_TUPLE_REPLY:
        if (!parseTuple(view, value, valueEnd, fields, fields.reply)) return flowParse.attributeLength;
        tuples |= 2;
        break;
      case CTA_STATUS:
        if (length >= 8) fields.status = view.getUint32(value);
        break;
      case CTA_TIMEOUT:
        if (length >= 8) fields.timeoutSeconds = view.getUint32(value);
        break;
      case CTA_MARK:
        if (length >= 8) fields.mark = view.getUint32(value);
        break;
      case CTA_ZONE:
        if (length >= 6) fields.zone = view.getUint16(value);
        break;
      case CTA_ID:
        if (length >= 8) fields.kernelId = view.getUint32(value);
        break;
      case CTA_PROTOINFO:
        fields.tcpState = parseTcpState(view, value, valueEnd);
        break;
    }
    offset = next;
  }
  return tuples === 3 ? flowParse.ok : flowParse.noTuple;
}

/** @returns false when a nested length does not fit */
function parseTuple(
  view: DataView,
  start: number,
  end: number,
  fields: FlowFields,
  tuple: TupleFields,
): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === CTA_TUPLE_IP) {
      if (!parseAddresses(view, offset + 4, offset + length, tuple)) return false;
    } else if (type === CTA_TUPLE_PROTO) {
      if (!parseProtocol(view, offset + 4, offset + length, fields, tuple)) return false;
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

function parseProtocol(
  view: DataView,
  start: number,
  end: number,
  fields: FlowFields,
  tuple: TupleFields,
): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 5 || offset + length > end) return false;
    const value = offset + 4;
    const u8 = view.getUint8(value);
    const u16 = length >= 6 ? view.getUint16(value) : 0;
    switch (view.getUint16(offset + 2, true) & NLA_TYPE_MASK) {
      case CTA_PROTO_NUM:
        fields.protocol = u8;
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

/** The state within CTA_PROTOINFO { CTA_PROTOINFO_TCP { … } }, or 0. */
function parseTcpState(view: DataView, start: number, end: number): number {
  if (start + 4 > end || (view.getUint16(start + 2, true) & NLA_TYPE_MASK) !== CTA_PROTOINFO_TCP) return 0;
  const tcpEnd = Math.min(end, start + view.getUint16(start, true));
  let offset = start + 4;
  while (offset + 5 <= tcpEnd) {
    const length = view.getUint16(offset, true);
    if (length < 5) return 0;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === CTA_PROTOINFO_TCP_STATE) return view.getUint8(offset + 4);
    offset += align4(length);
  }
  return 0;
}

function copyBytes(view: DataView, offset: number, length: number, into: Uint8Array): void {
  for (let i = 0; i < length; i++) into[i] = view.getUint8(offset + i);
}
