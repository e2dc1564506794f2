import type { ExpectationFields } from "./expectation-fields.ts";
import { zoneDirection } from "./flow-fields.ts";
import type { RecordBytes } from "./flow-record-bytes.ts";
import {
  extensionsEnd,
  putExpectationExtensions,
  takeExpectationExtensions,
} from "./flow-record-extensions.ts";
import {
  type RecordFault,
  SHAPE_DELETE,
  SHAPE_DESTINATION_NAT,
  SHAPE_EXPECTATION,
  SHAPE_EXTENSIONS,
  SHAPE_IPV6,
  SHAPE_MARK,
  SHAPE_SOURCE_NAT,
  SHAPE_ZONE,
  TIMEOUT_SECONDS_MAX,
} from "./flow-record-layout.ts";

// The record of an expectation: what is expected as its identity (flow-record-layout.ts). Its end ends there; its
// beginning goes on:
//
//   +-------------------------------------------+
//   | mask of the source: address, port u16     |
//   | master: protocol u8, addresses, ports     |
//   | timer u24, flags u8, class u8             |
//   | extensions                                |  if shape says so (flow-record-extensions.ts)
//   +-------------------------------------------+

export function putUnexpectation(out: RecordBytes, fields: ExpectationFields): void {
  putIdentity(out, SHAPE_DELETE, fields);
}

export function putExpectation(out: RecordBytes, fields: ExpectationFields): void {
  const { master, addressBytes } = fields;
  const isExtended = fields.hasNat || fields.helper.length > 0 || fields.expectFunction.length > 0;
  putIdentity(out, isExtended ? SHAPE_EXTENSIONS : 0, fields);
  out.put(fields.maskSource, addressBytes);
  out.putU16(fields.maskSourcePort);
  out.putU8(master.protocol);
  out.putTuple(master, master.protocol, addressBytes);
  out.putU24(Math.min(fields.timeoutSeconds, TIMEOUT_SECONDS_MAX));
  out.putU8(fields.flags);
  out.putU8(fields.class);
  if (isExtended) putExpectationExtensions(out, fields);
}

function putIdentity(out: RecordBytes, shape: number, fields: ExpectationFields): void {
  const family = fields.family === 6 ? SHAPE_IPV6 : 0;
  out.putU8(shape | SHAPE_EXPECTATION | family | (fields.zone !== 0 ? SHAPE_ZONE : 0));
  out.putU8(fields.tuple.protocol);
  out.putTuple(fields.tuple, fields.tuple.protocol, fields.addressBytes);
  if (fields.zone === 0) return;
  out.putU16(fields.zone);
  out.putU8(zoneDirection.both);
}

/** Reads a record whose identity is known to be whole. */
export function takeExpectation(
  from: RecordBytes,
  fields: ExpectationFields,
): "expect" | "unexpect" | RecordFault {
  const shape = from.u8();
  if ((shape & (SHAPE_SOURCE_NAT | SHAPE_DESTINATION_NAT | SHAPE_MARK)) !== 0) return "record-shape";
  fields.clear();
  fields.family = (shape & SHAPE_IPV6) !== 0 ? 6 : 4;
  const protocol = from.u8();
  from.takeTuple(fields.tuple, protocol, fields.addressBytes);
  fields.tuple.protocol = protocol;
  if ((shape & SHAPE_ZONE) !== 0) {
    fields.zone = from.u16();
    if (from.u8() !== zoneDirection.both) return "record-zone";
  }
  const isEnd = (shape & SHAPE_DELETE) !== 0;
  if (!isEnd && !takeBeginning(from, fields)) return "record-short";
  if ((shape & SHAPE_EXTENSIONS) !== 0) {
    const end = extensionsEnd(from);
    if (end < 0) return "record-short";
    if (!takeExpectationExtensions(from, end, fields)) return "record-extension";
  }
  return isEnd ? "unexpect" : "expect";
}

/** @returns false when the record is cut */
function takeBeginning(from: RecordBytes, fields: ExpectationFields): boolean {
  const { addressBytes, master } = fields;
  const maskBytes = addressBytes + 2;
  const masterBytes = 1 + 2 * addressBytes + 4;
  if (from.bytes.length - from.offset < maskBytes + masterBytes + 5) return false;
  from.take(fields.maskSource, addressBytes);
  fields.maskSourcePort = from.u16();
  const protocol = from.u8();
  from.takeTuple(master, protocol, addressBytes);
  master.protocol = protocol;
  fields.timeoutSeconds = from.u24() & TIMEOUT_SECONDS_MAX;
  fields.flags = from.u8();
  fields.class = from.u8();
  return true;
}
