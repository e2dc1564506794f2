import type { ExpectationFields } from "./expectation-fields.ts";
import { type FlowFields, flowExtra, type NameBytes } from "./flow-fields.ts";
import type { RecordBytes } from "./flow-record-bytes.ts";
import { extension } from "./flow-record-layout.ts";

// The end of a record whose shape has 0x40: a length byte, then extensions of a tag, a length and a value each.
//
//   +--------+--------+--------+-------------+--------+--------+------ …
//   | bytes  |  tag   | length | value       |  tag   | length |
//   +--------+--------+--------+-------------+--------+--------+------ …

/** Writes the block; only for fields that have something for it. */
export function putFlowExtensions(out: RecordBytes, fields: FlowFields): void {
  const start = out.offset;
  out.putU8(0);
  if (fields.has(flowExtra.labels)) putName(out, extension.labels, fields.labels);
  if (fields.has(flowExtra.helper)) putName(out, extension.helper, fields.helper);
  if (fields.has(flowExtra.master)) {
    const { master, addressBytes } = fields;
    out.putU8(extension.master);
    out.putU8(1 + 2 * addressBytes + 4);
    out.putU8(master.protocol);
    out.putTuple(master, master.protocol, addressBytes);
  }
  if (fields.has(flowExtra.sequenceOriginal)) {
    putNumbers(out, extension.sequenceOriginal, fields.sequenceOriginal);
  }
  if (fields.has(flowExtra.sequenceReply)) putNumbers(out, extension.sequenceReply, fields.sequenceReply);
  if (fields.has(flowExtra.synproxy)) putNumbers(out, extension.synproxy, fields.synproxy);
  if (fields.has(flowExtra.sctp)) putNumbers(out, extension.sctp, fields.sctp);
  if (fields.has(flowExtra.dccp)) putNumbers(out, extension.dccp, fields.dccp);
  out.bytes[start] = out.offset - start - 1;
}

export function putExpectationExtensions(out: RecordBytes, fields: ExpectationFields): void {
  const start = out.offset;
  out.putU8(0);
  if (fields.helper.length > 0) putName(out, extension.helper, fields.helper);
  if (fields.hasNat) {
    out.putU8(extension.expectationNat);
    out.putU8(1 + fields.addressBytes + 2);
    out.putU8(fields.natDirection);
    out.put(fields.natAddress, fields.addressBytes);
    out.putU16(fields.natPort);
  }
  if (fields.expectFunction.length > 0) {
    putName(out, extension.expectationFunction, fields.expectFunction);
  }
  out.bytes[start] = out.offset - start - 1;
}

function putName(out: RecordBytes, tag: number, name: NameBytes): void {
  out.putU8(tag);
  out.putU8(name.length);
  out.put(name.bytes, name.length);
}

function putNumbers(out: RecordBytes, tag: number, values: Uint32Array): void {
  out.putU8(tag);
  out.putU8(4 * values.length);
  for (let i = 0; i < values.length; i++) out.putU32(values[i] ?? 0);
}

/** Steps over the length byte of a block. @returns where the block ends, or -1 when it is cut */
export function extensionsEnd(from: RecordBytes): number {
  if (from.offset >= from.bytes.length) return -1;
  const end = from.u8() + from.offset;
  return end > from.bytes.length ? -1 : end;
}

/**
 * Reads the block at the place where `from` stands, whose end the caller has checked. Unknown tags are skipped.
 *
 * @returns false when an extension does not fit: into the block, or into what its tag stands for
 */
export function takeFlowExtensions(from: RecordBytes, end: number, fields: FlowFields): boolean {
  while (from.offset < end) {
    if (from.offset + 2 > end) return false;
    const tag = from.u8();
    const length = from.u8();
    const next = from.offset + length;
    if (next > end || !takeFlowExtension(from, tag, length, fields)) return false;
    from.offset = next;
  }
  return true;
}

function takeFlowExtension(from: RecordBytes, tag: number, length: number, fields: FlowFields): boolean {
  switch (tag) {
    case extension.labels:
      fields.extras |= flowExtra.labels;
      return takeName(from, length, fields.labels);
    case extension.helper:
      fields.extras |= flowExtra.helper;
      return takeName(from, length, fields.helper);
    case extension.master: {
      if (length !== 1 + 2 * fields.addressBytes + 4) return false;
      const protocol = from.u8();
      from.takeTuple(fields.master, protocol, fields.addressBytes);
      fields.master.protocol = protocol;
      fields.extras |= flowExtra.master;
      return true;
    }
    case extension.sequenceOriginal:
      fields.extras |= flowExtra.sequenceOriginal;
      return takeNumbers(from, length, fields.sequenceOriginal);
    case extension.sequenceReply:
      fields.extras |= flowExtra.sequenceReply;
      return takeNumbers(from, length, fields.sequenceReply);
    case extension.synproxy:
      fields.extras |= flowExtra.synproxy;
      return takeNumbers(from, length, fields.synproxy);
    case extension.sctp:
      fields.extras |= flowExtra.sctp;
      return takeNumbers(from, length, fields.sctp);
    case extension.dccp:
      fields.extras |= flowExtra.dccp;
      return takeNumbers(from, length, fields.dccp);
    default:
      return true;
  }
}

/** As takeFlowExtensions. */
export function takeExpectationExtensions(
  from: RecordBytes,
  end: number,
  fields: ExpectationFields,
): boolean {
  while (from.offset < end) {
    if (from.offset + 2 > end) return false;
    const tag = from.u8();
    const length = from.u8();
    const next = from.offset + length;
    if (next > end) return false;
    if (tag === extension.helper) {
      if (!takeName(from, length, fields.helper)) return false;
    } else if (tag === extension.expectationFunction) {
      if (!takeName(from, length, fields.expectFunction)) return false;
    } else if (tag === extension.expectationNat) {
      if (length !== 1 + fields.addressBytes + 2) return false;
      fields.hasNat = true;
      fields.natDirection = from.u8();
      from.take(fields.natAddress, fields.addressBytes);
      fields.natPort = from.u16();
    }
    from.offset = next;
  }
  return true;
}

function takeName(from: RecordBytes, length: number, into: NameBytes): boolean {
  return length > 0 && into.set(from.bytes, from.offset, length);
}

function takeNumbers(from: RecordBytes, length: number, into: Uint32Array): boolean {
  if (length !== 4 * into.length) return false;
  for (let i = 0; i < into.length; i++) into[i] = from.u32();
  return true;
}
