import {
  AF_INET,
  AF_INET6,
  CTA_EXPECT_CLASS,
  CTA_EXPECT_FLAGS,
  CTA_EXPECT_FN,
  CTA_EXPECT_HELP_NAME,
  CTA_EXPECT_MASK,
  CTA_EXPECT_MASTER,
  CTA_EXPECT_NAT,
  CTA_EXPECT_NAT_DIR,
  CTA_EXPECT_NAT_TUPLE,
  CTA_EXPECT_TIMEOUT,
  CTA_EXPECT_TUPLE,
  CTA_EXPECT_ZONE,
  NFGENMSG_BYTES,
} from "./conntrack-constants.ts";
import { parseText } from "./conntrack-extras.ts";
import { flowParse } from "./conntrack-message.ts";
import { parseTuple } from "./conntrack-tuple.ts";
import type { ExpectationFields } from "./expectation-fields.ts";
import { isIcmp, TupleFields } from "./flow-fields.ts";
import { align4, NLA_TYPE_MASK } from "./netlink.ts";

const scratch = new TupleFields();

/**
 * Reads one expectation (event or dump entry of the subsystem ctnetlink_exp) into `fields`; attributes that are not
 * known are skipped.
 *
 *      nfgenmsg (4)         family, version, resource id
 *      CTA_EXPECT_MASTER, _TUPLE, _MASK    conntrack-tuple.ts; the mask holds ones where the tuple counts
 *      CTA_EXPECT_TIMEOUT, _FLAGS, _CLASS  u32, network byte order
 *      CTA_EXPECT_ZONE      u16, network byte order
 *      CTA_EXPECT_HELP_NAME, _FN           texts with a final zero
 *      CTA_EXPECT_NAT       { CTA_EXPECT_NAT_DIR u32, CTA_EXPECT_NAT_TUPLE { source and its port } }
 *
 * @param view memory that holds the message; not retained
 * @param start offset of the payload, after the netlink header
 * @param end offset after the payload
 * @returns a value of `flowParse`
 */
export function parseExpectation(
  view: DataView,
  start: number,
  end: number,
  fields: ExpectationFields,
): number {
  if (end - start < NFGENMSG_BYTES || end > view.byteLength) return flowParse.short;
  const family = view.getUint8(start);
  if (family !== AF_INET && family !== AF_INET6) return flowParse.family;
  fields.clear();
  fields.family = family === AF_INET ? 4 : 6;
  let tuples = 0;
  let offset = start + NFGENMSG_BYTES;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return flowParse.attributeLength;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    const value = offset + 4;
    const valueEnd = offset + length;
    if (type === CTA_EXPECT_MASTER || type === CTA_EXPECT_TUPLE || type === CTA_EXPECT_MASK) {
      if (!parseTupleOf(type, view, value, valueEnd, fields)) return flowParse.attributeLength;
      tuples |= 1 << type;
    } else if (type === CTA_EXPECT_NAT) {
      if (!parseNat(view, value, valueEnd, fields)) return flowParse.attributeLength;
    } else if (type === CTA_EXPECT_HELP_NAME) {
      parseText(view, value, valueEnd, fields.helper);
    } else if (type === CTA_EXPECT_FN) {
      parseText(view, value, valueEnd, fields.expectFunction);
    } else if (type === CTA_EXPECT_ZONE) {
      if (length >= 6) fields.zone = view.getUint16(value);
    } else if (length >= 8) {
      parseNumber(type, view.getUint32(value), fields);
    }
    offset += align4(length);
  }
  return tuples === 0b1110 ? flowParse.ok : flowParse.noTuple;
}

function parseTupleOf(
  type: number,
  view: DataView,
  start: number,
  end: number,
  fields: ExpectationFields,
): boolean {
  if (type === CTA_EXPECT_TUPLE) return parseTuple(view, start, end, fields.tuple);
  if (type === CTA_EXPECT_MASTER) return parseTuple(view, start, end, fields.master);
  scratch.clear();
  if (!parseTuple(view, start, end, scratch)) return false;
  fields.maskSource.set(scratch.source);
  fields.maskSourcePort = isIcmp(scratch.protocol) ? scratch.icmpId : scratch.sourcePort;
  return true;
}

function parseNumber(type: number, value: number, fields: ExpectationFields): void {
  if (type === CTA_EXPECT_TIMEOUT) fields.timeoutSeconds = value;
  else if (type === CTA_EXPECT_FLAGS) fields.flags = value;
  else if (type === CTA_EXPECT_CLASS) fields.class = value;
}

function parseNat(view: DataView, start: number, end: number, fields: ExpectationFields): boolean {
  scratch.clear();
  let seen = 0;
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === CTA_EXPECT_NAT_DIR && length >= 8) {
      fields.natDirection = view.getUint32(offset + 4);
      seen |= 1;
    } else if (type === CTA_EXPECT_NAT_TUPLE) {
      if (!parseTuple(view, offset + 4, offset + length, scratch)) return false;
      seen |= 2;
    }
    offset += align4(length);
  }
  fields.natAddress.set(scratch.source);
  fields.natPort = isIcmp(scratch.protocol) ? scratch.icmpId : scratch.sourcePort;
  fields.hasNat = seen === 3;
  return true;
}
