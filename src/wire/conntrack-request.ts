import {
  AF_INET,
  AF_INET6,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_MARK,
  CTA_NAT_DST,
  CTA_NAT_PROTO,
  CTA_NAT_SRC,
  CTA_NAT_V4_MAXIP,
  CTA_NAT_V4_MINIP,
  CTA_NAT_V6_MAXIP,
  CTA_NAT_V6_MINIP,
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
  CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
  CTA_PROTOINFO_TCP_FLAGS_REPLY,
  CTA_PROTOINFO_TCP_STATE,
  CTA_PROTONAT_PORT_MAX,
  CTA_PROTONAT_PORT_MIN,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  TCP_FLAG_BE_LIBERAL,
} from "./conntrack-constants.ts";
import type { FlowFields, TupleFields } from "./flow-fields.ts";
import { type NetlinkWriter, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST } from "./netlink.ts";

/** Bytes that one message of writeCreate, writeUpdate or writeDelete takes at most. */
export const FLOW_MESSAGE_BYTES_MAX = 512;

/**
 * Writes a request that creates the flow, translation included, and fails with EEXIST where it exists.
 *
 * The reply tuple is written as it is *before* translation, and the translation as CTA_NAT_SRC / CTA_NAT_DST: only then
 * does the kernel set up NAT. (With the translated reply tuple it reports success and does not translate.)
 */
export function writeCreate(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  const sourceTranslated = fields.sourceTranslated;
  const destinationTranslated = fields.destinationTranslated;
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, sequence, fields);
  writeTuple(writer, CTA_TUPLE_ORIG, fields, fields.original);
  writeInverseOfOriginal(writer, fields);
  if (sourceTranslated) {
    const port = fields.isIcmp ? fields.reply.icmpId : fields.reply.destinationPort;
    writeTranslation(writer, CTA_NAT_SRC, fields, fields.reply.destination, port);
  }
  if (destinationTranslated) {
    writeTranslation(writer, CTA_NAT_DST, fields, fields.reply.source, fields.reply.sourcePort);
  }
  writeState(writer, fields);
  if (fields.mark !== 0) writer.attributeU32(CTA_MARK, fields.mark);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/** Writes a request that refreshes state and timeout of an existing flow; ENOENT where there is none. NAT cannot be updated. */
export function writeUpdate(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_TUPLE_ORIG, fields, fields.original);
  writeState(writer, fields);
  if (fields.mark !== 0) writer.attributeU32(CTA_MARK, fields.mark);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/** Writes a question for the flow with this original tuple: the answer is a message as parseFlow reads; ENOENT where there is none. */
export function writeGet(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_GET, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_TUPLE_ORIG, fields, fields.original);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/** Writes a request that shortens or lengthens the life of an existing flow, and changes nothing else; ENOENT where there is none. */
export function writeTimeout(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_TUPLE_ORIG, fields, fields.original);
  writer.attributeU32(CTA_TIMEOUT, fields.timeoutSeconds);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/**
 * Writes a request that deletes the flow with this original tuple; ENOENT where there is none, or where the entry is not the
 * one that `fields.kernelId` names.
 */
export function writeDelete(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_TUPLE_ORIG, fields, fields.original);
  if (fields.kernelId !== 0) writer.attributeU32(CTA_ID, fields.kernelId);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/**
 * Writes a request that deletes whatever flow's replies look like this one's; ENOENT where there is none. Two flows
 * cannot share a reply tuple: a stale one must go before this one can be created.
 */
export function writeDeleteByReply(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, sequence, fields);
  writeTuple(writer, CTA_TUPLE_REPLY, fields, fields.reply);
  if (fields.zone !== 0) writer.attributeU16(CTA_ZONE, fields.zone);
  writer.end();
}

/** Writes a request for the whole table, both address families. */
export function writeDump(writer: NetlinkWriter, sequence: number): void {
  writer.begin(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  writer.raw(0, 0, 0, 0);
  writer.end();
}

function beginFlow(
  writer: NetlinkWriter,
  type: number,
  flags: number,
  sequence: number,
  fields: FlowFields,
): void {
  writer.begin(type, flags, sequence);
  writer.raw(fields.family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
}

function writeTuple(writer: NetlinkWriter, type: number, fields: FlowFields, tuple: TupleFields): void {
  const at = writer.beginNested(type);
  writeAddresses(writer, fields, tuple.source, tuple.destination);
  writeProtocol(writer, fields, tuple.sourcePort, tuple.destinationPort, tuple.icmpType, tuple);
  writer.endNested(at);
}

function writeInverseOfOriginal(writer: NetlinkWriter, fields: FlowFields): void {
  const { original } = fields;
  const at = writer.beginNested(CTA_TUPLE_REPLY);
  writeAddresses(writer, fields, original.destination, original.source);
  // The ICMP type that answers is the same with and without translation.
  writeProtocol(
    writer,
    fields,
    original.destinationPort,
    original.sourcePort,
    fields.reply.icmpType,
    original,
  );
  writer.endNested(at);
}

function writeAddresses(
  writer: NetlinkWriter,
  fields: FlowFields,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  const v4 = fields.family === 4;
  const at = writer.beginNested(CTA_TUPLE_IP);
  writer.attributeBytes(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source, 0, fields.addressBytes);
  writer.attributeBytes(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination, 0, fields.addressBytes);
  writer.endNested(at);
}

function writeProtocol(
  writer: NetlinkWriter,
  fields: FlowFields,
  sourcePort: number,
  destinationPort: number,
  icmpType: number,
  icmp: TupleFields,
): void {
  const at = writer.beginNested(CTA_TUPLE_PROTO);
  writer.attributeU8(CTA_PROTO_NUM, fields.protocol);
  if (fields.isIcmp) {
    const v6 = fields.protocol === IPPROTO_ICMPV6;
    writer.attributeU16(v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, icmp.icmpId);
    writer.attributeU8(v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, icmpType);
    writer.attributeU8(v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, icmp.icmpCode);
  } else {
    writer.attributeU16(CTA_PROTO_SRC_PORT, sourcePort);
    writer.attributeU16(CTA_PROTO_DST_PORT, destinationPort);
  }
  writer.endNested(at);
}

function writeTranslation(
  writer: NetlinkWriter,
  type: number,
  fields: FlowFields,
  address: Uint8Array,
  port: number,
): void {
  const v4 = fields.family === 4;
  const at = writer.beginNested(type);
  writer.attributeBytes(v4 ? CTA_NAT_V4_MINIP : CTA_NAT_V6_MINIP, address, 0, fields.addressBytes);
  writer.attributeBytes(v4 ? CTA_NAT_V4_MAXIP : CTA_NAT_V6_MAXIP, address, 0, fields.addressBytes);
  const ports = writer.beginNested(CTA_NAT_PROTO);
  writer.attributeU16(CTA_PROTONAT_PORT_MIN, port);
  writer.attributeU16(CTA_PROTONAT_PORT_MAX, port);
  writer.endNested(ports);
  writer.endNested(at);
}

const REPLICATED_STATUS = IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED;

/** Status, timeout, TCP state. Windows have no history on another machine, so TCP is tracked liberally there. */
function writeState(writer: NetlinkWriter, fields: FlowFields): void {
  writer.attributeU32(CTA_STATUS, (fields.status & REPLICATED_STATUS) | IPS_CONFIRMED);
  writer.attributeU32(CTA_TIMEOUT, fields.timeoutSeconds);
  if (fields.protocol !== IPPROTO_TCP) return;
  const info = writer.beginNested(CTA_PROTOINFO);
  const tcp = writer.beginNested(CTA_PROTOINFO_TCP);
  writer.attributeU8(CTA_PROTOINFO_TCP_STATE, fields.tcpState);
  // struct nf_ct_tcp_flags: flags, mask.
  writer.attributeBytes(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, liberal);
  writer.attributeBytes(CTA_PROTOINFO_TCP_FLAGS_REPLY, liberal);
  writer.endNested(tcp);
  writer.endNested(info);
}

const liberal = Uint8Array.of(TCP_FLAG_BE_LIBERAL, TCP_FLAG_BE_LIBERAL);
