import {
  CTA_PROTOINFO,
  CTA_PROTOINFO_DCCP,
  CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ,
  CTA_PROTOINFO_DCCP_ROLE,
  CTA_PROTOINFO_DCCP_STATE,
  CTA_PROTOINFO_SCTP,
  CTA_PROTOINFO_SCTP_STATE,
  CTA_PROTOINFO_SCTP_VTAG_ORIGINAL,
  CTA_PROTOINFO_SCTP_VTAG_REPLY,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
  CTA_PROTOINFO_TCP_FLAGS_REPLY,
  CTA_PROTOINFO_TCP_STATE,
  CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
  CTA_PROTOINFO_TCP_WSCALE_REPLY,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  TCP_FLAG_BE_LIBERAL,
  TCP_FLAG_CLOSE_INIT,
  TCP_FLAG_SACK_PERM,
  TCP_FLAG_WINDOW_SCALE,
} from "./conntrack-constants.ts";
import { type FlowFields, flowExtra } from "./flow-fields.ts";
import { align4, type NetlinkWriter, NLA_TYPE_MASK } from "./netlink.ts";

// The state of the transport's own connection, within CTA_PROTOINFO:
//
//   CTA_PROTOINFO_TCP   { state u8, window scale u8 ×2, struct nf_ct_tcp_flags { flags u8, mask u8 } ×2 }
//   CTA_PROTOINFO_SCTP  { state u8, verification tag u32 ×2 }
//   CTA_PROTOINFO_DCCP  { state u8, role u8, sequence of the handshake u64 }

/** TCP flags that are true of the connection wherever it is tracked; the others tell of one tracker's history. */
export const TCP_FLAGS_REPLICATED = TCP_FLAG_WINDOW_SCALE | TCP_FLAG_SACK_PERM | TCP_FLAG_CLOSE_INIT;

/** What does not fit is skipped: a flow without the state of its protocol is still a flow. */
export function parseProtocolInfo(view: DataView, start: number, end: number, fields: FlowFields): void {
  if (start + 4 > end) return;
  const kind = view.getUint16(start + 2, true) & NLA_TYPE_MASK;
  const kindEnd = Math.min(end, start + view.getUint16(start, true));
  let seen = 0;
  let offset = start + 4;
  while (offset + 5 <= kindEnd) {
    const length = view.getUint16(offset, true);
    if (length < 5 || offset + length > kindEnd) return;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (kind === CTA_PROTOINFO_TCP) parseTcp(view, type, offset + 4, fields);
    else if (kind === CTA_PROTOINFO_SCTP) seen |= parseSctp(view, type, offset + 4, length, fields);
    else if (kind === CTA_PROTOINFO_DCCP) seen |= parseDccp(view, type, offset + 4, length, fields);
    offset += align4(length);
  }
  // Each of both has three parts, numbered from 1, and is of use only as a whole.
  if (seen !== 0b1110) return;
  fields.extras |= kind === CTA_PROTOINFO_SCTP ? flowExtra.sctp : flowExtra.dccp;
}

function parseTcp(view: DataView, type: number, value: number, fields: FlowFields): void {
  const u8 = view.getUint8(value);
  switch (type) {
    case CTA_PROTOINFO_TCP_STATE:
      fields.tcpState = u8;
      break;
    case CTA_PROTOINFO_TCP_WSCALE_ORIGINAL:
      fields.tcpScaleOriginal = u8;
      break;
    case CTA_PROTOINFO_TCP_WSCALE_REPLY:
      fields.tcpScaleReply = u8;
      break;
    case CTA_PROTOINFO_TCP_FLAGS_ORIGINAL:
      fields.tcpFlagsOriginal = u8 & TCP_FLAGS_REPLICATED;
      break;
    case CTA_PROTOINFO_TCP_FLAGS_REPLY:
      fields.tcpFlagsReply = u8 & TCP_FLAGS_REPLICATED;
      break;
  }
}

/** @returns the bit of the part that was read */
function parseSctp(view: DataView, type: number, value: number, length: number, fields: FlowFields): number {
  if (type === CTA_PROTOINFO_SCTP_STATE) fields.sctp[0] = view.getUint8(value);
  else if (length < 8) return 0;
  else if (type === CTA_PROTOINFO_SCTP_VTAG_ORIGINAL) fields.sctp[1] = view.getUint32(value);
  else if (type === CTA_PROTOINFO_SCTP_VTAG_REPLY) fields.sctp[2] = view.getUint32(value);
  else return 0;
  return 1 << type;
}

function parseDccp(view: DataView, type: number, value: number, length: number, fields: FlowFields): number {
  if (type === CTA_PROTOINFO_DCCP_STATE) {
    fields.dccp[0] = view.getUint8(value);
  } else if (type === CTA_PROTOINFO_DCCP_ROLE) {
    fields.dccp[1] = view.getUint8(value);
  } else if (type === CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ && length >= 12) {
    fields.dccp[2] = view.getUint32(value);
    fields.dccp[3] = view.getUint32(value + 4);
  } else {
    return 0;
  }
  return 1 << type;
}

const sequence = new Uint8Array(8);
const sequenceView = new DataView(sequence.buffer);

/** Windows have no history on another machine, so TCP is tracked liberally there. */
export function writeProtocolInfo(writer: NetlinkWriter, fields: FlowFields): void {
  if (fields.protocol === IPPROTO_TCP) {
    writeTcp(writer, fields);
  } else if (fields.protocol === IPPROTO_SCTP && fields.has(flowExtra.sctp)) {
    const info = writer.beginNested(CTA_PROTOINFO);
    const sctp = writer.beginNested(CTA_PROTOINFO_SCTP);
    writer.attributeU8(CTA_PROTOINFO_SCTP_STATE, fields.sctp[0] ?? 0);
    writer.attributeU32(CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, fields.sctp[1] ?? 0);
    writer.attributeU32(CTA_PROTOINFO_SCTP_VTAG_REPLY, fields.sctp[2] ?? 0);
    writer.endNested(sctp);
    writer.endNested(info);
  } else if (fields.protocol === IPPROTO_DCCP && fields.has(flowExtra.dccp)) {
    const info = writer.beginNested(CTA_PROTOINFO);
    const dccp = writer.beginNested(CTA_PROTOINFO_DCCP);
    writer.attributeU8(CTA_PROTOINFO_DCCP_STATE, fields.dccp[0] ?? 0);
    writer.attributeU8(CTA_PROTOINFO_DCCP_ROLE, fields.dccp[1] ?? 0);
    sequenceView.setUint32(0, fields.dccp[2] ?? 0);
    sequenceView.setUint32(4, fields.dccp[3] ?? 0);
    writer.attributeBytes(CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, sequence);
    writer.endNested(dccp);
    writer.endNested(info);
  }
}

function writeTcp(writer: NetlinkWriter, fields: FlowFields): void {
  const info = writer.beginNested(CTA_PROTOINFO);
  const tcp = writer.beginNested(CTA_PROTOINFO_TCP);
  writer.attributeU8(CTA_PROTOINFO_TCP_STATE, fields.tcpState);
  // The kernel takes scales only after it has seen in the flags that both ends scale.
  if ((fields.tcpFlagsOriginal & fields.tcpFlagsReply & TCP_FLAG_WINDOW_SCALE) !== 0) {
    writer.attributeU8(CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, fields.tcpScaleOriginal);
    writer.attributeU8(CTA_PROTOINFO_TCP_WSCALE_REPLY, fields.tcpScaleReply);
  }
  writeFlags(writer, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, fields.tcpFlagsOriginal | TCP_FLAG_BE_LIBERAL);
  writeFlags(writer, CTA_PROTOINFO_TCP_FLAGS_REPLY, fields.tcpFlagsReply | TCP_FLAG_BE_LIBERAL);
  writer.endNested(tcp);
  writer.endNested(info);
}

const flagsAndMask = new Uint8Array(2);

/** Flags are set, never cleared: an event may say nothing of those that the flow has. */
function writeFlags(writer: NetlinkWriter, type: number, flags: number): void {
  flagsAndMask[0] = flags;
  flagsAndMask[1] = flags;
  writer.attributeBytes(type, flagsAndMask);
}
