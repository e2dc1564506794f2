import {
  AF_INET,
  AF_INET6,
  CTA_ID,
  CTA_MARK,
  CTA_NAT_DST,
  CTA_NAT_PROTO,
  CTA_NAT_SRC,
  CTA_NAT_V4_MAXIP,
  CTA_NAT_V4_MINIP,
  CTA_NAT_V6_MAXIP,
  CTA_NAT_V6_MINIP,
  CTA_PROTONAT_PORT_MAX,
  CTA_PROTONAT_PORT_MIN,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  IPPROTO_GRE,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from "./conntrack-constants.ts";
import { writeBirthExtras, writeExtras } from "./conntrack-extras.ts";
import { writeProtocolInfo } from "./conntrack-protoinfo.ts";
import { writeTuple } from "./conntrack-tuple.ts";
import { type FlowFields, TupleFields, zoneDirection } from "./flow-fields.ts";
import { type NetlinkWriter, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST } from "./netlink.ts";

/** Bytes that one message of writeCreate, writeUpdate or writeDelete takes at most. */
export const FLOW_MESSAGE_BYTES_MAX = 640;

/** The answer's direction as it is before translation. */
const untranslated = new TupleFields();

/**
 * Writes a request that creates the flow, translation included, and fails with EEXIST where it exists.
 *
 * The reply tuple is written as it is *before* translation, and the translation as CTA_NAT_SRC / CTA_NAT_DST: only then
 * does the kernel set up NAT. (With the translated reply tuple it reports success and does not translate.)
 *
 * A helper that the kernel does not have, and a master that is not there, fail with EOPNOTSUPP or ENOENT: see writeCreatePlain.
 */
export function writeCreate(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginCreate(writer, fields, sequence);
  writeBirthExtras(writer, fields);
  endCreate(writer, fields);
}

/** Creates the flow without helper and master: half a loaf, where the kernel refuses the whole. */
export function writeCreatePlain(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginCreate(writer, fields, sequence);
  endCreate(writer, fields);
}

function beginCreate(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  const { original, protocol } = fields;
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, sequence, fields);
  writeOriginal(writer, fields);
  untranslated.setInverse(original, protocol);
  writeTuple(writer, CTA_TUPLE_REPLY, fields, untranslated, protocol, zoneOf(fields, zoneDirection.reply));
  if (fields.sourceTranslated) {
    const port = fields.isIcmp ? fields.reply.icmpId : fields.reply.destinationPort;
    writeTranslation(writer, CTA_NAT_SRC, fields, fields.reply.destination, port);
  }
  if (fields.destinationTranslated) {
    writeTranslation(writer, CTA_NAT_DST, fields, fields.reply.source, fields.reply.sourcePort);
  }
}

function endCreate(writer: NetlinkWriter, fields: FlowFields): void {
  writeFirstState(writer, fields);
  if (fields.mark !== 0) writer.attributeU32(CTA_MARK, fields.mark);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/** Writes a request that refreshes state and timeout of an existing flow; ENOENT where there is none. NAT cannot be updated. */
export function writeUpdate(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  update(writer, fields, sequence, fields.status & IPS_EXPECTED);
}

/**
 * The same for a flow that lost its master on the way here, or has one that the record does not tell of: the kernel
 * answers EBUSY to a status whose IPS_EXPECTED is not as it has it.
 */
export function writeUpdateOtherwise(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  update(writer, fields, sequence, ~fields.status & IPS_EXPECTED);
}

function update(writer: NetlinkWriter, fields: FlowFields, sequence: number, expected: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST, sequence, fields);
  writeOriginal(writer, fields);
  writeNextState(writer, fields, expected);
  writer.attributeU32(CTA_MARK, fields.mark);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/** Writes a question for the flow with this original tuple: the answer is a message as parseFlow reads; ENOENT where there is none. */
export function writeGet(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_GET, NLM_F_REQUEST, sequence, fields);
  writeOriginal(writer, fields);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/** Writes a request that shortens or lengthens the life of an existing flow, and changes nothing else; ENOENT where there is none. */
export function writeTimeout(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_NEW, NLM_F_REQUEST, sequence, fields);
  writeOriginal(writer, fields);
  writer.attributeU32(CTA_TIMEOUT, fields.timeoutSeconds);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/** Writes a request that deletes the flow with this original tuple; ENOENT where there is none. */
export function writeDelete(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, sequence, fields);
  writeOriginal(writer, fields);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/**
 * Writes a request that deletes whatever flow's replies look like this one's; ENOENT where there is none. Two flows
 * cannot share a reply tuple: a stale one must go before this one can be created.
 *
 * With `fields.kernelId` it means that very entry, also when another flow has taken its place. The kernel makes the number of
 * the entry's address and its original tuple (`nf_ct_get_id`), and hands out an address again at once: a new flow with
 * the same original tuple and another translation has mostly the same number, but not the same replies.
 */
export function writeDeleteByReply(writer: NetlinkWriter, fields: FlowFields, sequence: number): void {
  beginFlow(writer, IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, sequence, fields);
  const { reply, protocol } = fields;
  writeTuple(writer, CTA_TUPLE_REPLY, fields, reply, protocol, zoneOf(fields, zoneDirection.reply));
  if (fields.kernelId !== 0) writer.attributeU32(CTA_ID, fields.kernelId);
  writeZoneOfBoth(writer, fields);
  writer.end();
}

/** A zone of one direction is part of that direction's tuple. */
function zoneOf(fields: FlowFields, direction: number): number {
  return fields.zoneDirection === direction ? fields.zone : 0;
}

function writeZoneOfBoth(writer: NetlinkWriter, fields: FlowFields): void {
  if (fields.zone !== 0 && fields.zoneDirection === zoneDirection.both) {
    writer.attributeU16(CTA_ZONE, fields.zone);
  }
}

function writeOriginal(writer: NetlinkWriter, fields: FlowFields): void {
  const { original, protocol } = fields;
  writeTuple(writer, CTA_TUPLE_ORIG, fields, original, protocol, zoneOf(fields, zoneDirection.original));
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

const REPLICATED_STATUS = IPS_SEEN_REPLY | IPS_ASSURED | IPS_FIXED_TIMEOUT;

/**
 * The kernel keeps the timers of a GRE flow in the flow, and sets them when a packet creates it. One that was created over
 * ctnetlink has zeros there, and ends with its first packet, unless packets leave its timer alone; so it gets a long one.
 */
const GRE_LIFE_SECONDS = 86_400;

/** Writes status, timer and state of a flow that is created. IPS_EXPECTED comes with the master, not with the status. */
function writeFirstState(writer: NetlinkWriter, fields: FlowFields): void {
  const isGre = fields.protocol === IPPROTO_GRE;
  const fixed = isGre ? IPS_FIXED_TIMEOUT : 0;
  writer.attributeU32(CTA_STATUS, (fields.status & REPLICATED_STATUS) | IPS_CONFIRMED | fixed);
  writer.attributeU32(CTA_TIMEOUT, isGre ? GRE_LIFE_SECONDS : fields.timeoutSeconds);
  writeProtocolInfo(writer, fields);
  if (fields.extras !== 0) writeExtras(writer, fields);
}

/** The same of a flow that is there. A fixed timer cannot be set any more: EPERM. @param expected IPS_EXPECTED, where the kernel's flow has that bit */
function writeNextState(writer: NetlinkWriter, fields: FlowFields, expected: number): void {
  writer.attributeU32(CTA_STATUS, (fields.status & REPLICATED_STATUS) | IPS_CONFIRMED | expected);
  const isFixed = fields.protocol === IPPROTO_GRE || (fields.status & IPS_FIXED_TIMEOUT) !== 0;
  if (!isFixed) writer.attributeU32(CTA_TIMEOUT, fields.timeoutSeconds);
  writeProtocolInfo(writer, fields);
  if (fields.extras !== 0) writeExtras(writer, fields);
}
