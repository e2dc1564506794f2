import {
  AF_INET,
  AF_INET6,
  CTA_ID,
  CTA_MARK,
  CTA_PROTOINFO,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  NFGENMSG_BYTES,
} from "./conntrack-constants.ts";
import { parseExtra } from "./conntrack-extras.ts";
import { parseProtocolInfo } from "./conntrack-protoinfo.ts";
import { parseTuple } from "./conntrack-tuple.ts";
import { type FlowFields, zoneDirection } from "./flow-fields.ts";
import { align4, NLA_TYPE_MASK } from "./netlink.ts";

/** Why a conntrack message was not understood; 0 is success. Numbers, because this runs once per event. */
export const flowParse = { ok: 0, short: 1, attributeLength: 2, family: 3, noTuple: 4 } as const;

/**
 * Reads one conntrack message (event or dump entry) into `fields`; attributes that are not known are skipped.
 *
 *      nfgenmsg (4)   family, version, resource id
 *      CTA_TUPLE_ORIG, CTA_TUPLE_REPLY     conntrack-tuple.ts
 *      CTA_STATUS, CTA_TIMEOUT, CTA_MARK   u32, network byte order
 *      CTA_PROTOINFO                       conntrack-protoinfo.ts
 *      CTA_ZONE                            u16, network byte order
 *      what only some flows have           conntrack-extras.ts
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
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    switch (type) {
      case CTA_TUPLE_ORIG:
        if (!parseTuple(view, value, valueEnd, fields.original)) return flowParse.attributeLength;
        tuples |= 1;
        break;
      case CTA_TUPLE_REPLY:
        if (!parseTuple(view, value, valueEnd, fields.reply)) return flowParse.attributeLength;
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
        parseProtocolInfo(view, value, valueEnd, fields);
        break;
      default:
        parseExtra(view, type, value, valueEnd, fields);
    }
    offset = next;
  }
  fields.protocol = fields.original.protocol;
  takeZoneOfOneDirection(fields);
  return tuples === 3 ? flowParse.ok : flowParse.noTuple;
}

function takeZoneOfOneDirection(fields: FlowFields): void {
  const { original, reply } = fields;
  if (original.zone !== 0) {
    fields.zone = original.zone;
    fields.zoneDirection = zoneDirection.original;
  } else if (reply.zone !== 0) {
    fields.zone = reply.zone;
    fields.zoneDirection = zoneDirection.reply;
  }
}
