import {
  CTA_HELP,
  CTA_HELP_NAME,
  CTA_LABELS,
  CTA_SEQ_ADJ_ORIG,
  CTA_SEQ_ADJ_REPLY,
  CTA_SEQADJ_CORRECTION_POS,
  CTA_SEQADJ_OFFSET_AFTER,
  CTA_SEQADJ_OFFSET_BEFORE,
  CTA_SYNPROXY,
  CTA_SYNPROXY_ISN,
  CTA_SYNPROXY_ITS,
  CTA_SYNPROXY_TSOFF,
  CTA_TUPLE_MASTER,
} from "./conntrack-constants.ts";
import { parseTuple, writeTuple } from "./conntrack-tuple.ts";
import { type FlowFields, flowExtra, type NameBytes } from "./flow-fields.ts";
import { align4, type NetlinkWriter, NLA_TYPE_MASK } from "./netlink.ts";

// What only some flows have:
//
//   CTA_HELP           { CTA_HELP_NAME text with a final zero }
//   CTA_LABELS         16 bytes
//   CTA_TUPLE_MASTER   a tuple
//   CTA_SEQ_ADJ_ORIG, CTA_SEQ_ADJ_REPLY   { position u32, offset before u32, offset after u32 }
//   CTA_SYNPROXY       { initial sequence u32, timestamp's start u32, timestamp's offset u32 }

/** Reads one attribute if it is one of these; a value that does not fit is skipped, and the flow goes without. */
export function parseExtra(
  view: DataView,
  type: number,
  start: number,
  end: number,
  fields: FlowFields,
): void {
  switch (type) {
    case CTA_HELP:
      if (parseHelper(view, start, end, fields.helper)) fields.extras |= flowExtra.helper;
      break;
    case CTA_LABELS:
      if (parseBytes(view, start, end, fields.labels)) fields.extras |= flowExtra.labels;
      break;
    case CTA_TUPLE_MASTER:
      fields.master.clear();
      if (parseTuple(view, start, end, fields.master)) fields.extras |= flowExtra.master;
      break;
    case CTA_SEQ_ADJ_ORIG:
      if (parseThree(view, start, end, fields.sequenceOriginal)) fields.extras |= flowExtra.sequenceOriginal;
      break;
    case CTA_SEQ_ADJ_REPLY:
      if (parseThree(view, start, end, fields.sequenceReply)) fields.extras |= flowExtra.sequenceReply;
      break;
    case CTA_SYNPROXY:
      // Every flow that came over ctnetlink has this one, without a meaning.
      if (parseThree(view, start, end, fields.synproxy)) fields.extras |= flowExtra.synproxy;
      break;
  }
}

function isSet(value: number): boolean {
  return value !== 0;
}

function parseHelper(view: DataView, start: number, end: number, into: NameBytes): boolean {
  let offset = start;
  while (offset + 4 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (type === CTA_HELP_NAME) return parseText(view, offset + 4, offset + length, into);
    offset += align4(length);
  }
  return false;
}

/** @returns false for an empty text, and for one that is too long */
export function parseText(view: DataView, start: number, end: number, into: NameBytes): boolean {
  let textEnd = start;
  while (textEnd < end && view.getUint8(textEnd) !== 0) textEnd++;
  return textEnd > start && parseBytes(view, start, textEnd, into);
}

function parseBytes(view: DataView, start: number, end: number, into: NameBytes): boolean {
  const length = end - start;
  if (length > into.bytes.length) return false;
  for (let i = 0; i < length; i++) into.bytes[i] = view.getUint8(start + i);
  into.length = length;
  return true;
}

/** Three numbers of 32 bits, which the kernel's headers number from 1. @returns false unless all are there, and mean something */
function parseThree(view: DataView, start: number, end: number, into: Uint32Array): boolean {
  let seen = 0;
  let offset = start;
  while (offset + 8 <= end) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > end) return false;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    if (length >= 8 && type >= 1 && type <= 3) {
      into[type - 1] = view.getUint32(offset + 4);
      seen |= 1 << type;
    }
    offset += align4(length);
  }
  return seen === 0b1110 && into.some(isSet);
}

/** What a flow can be given at its creation alone. */
export function writeBirthExtras(writer: NetlinkWriter, fields: FlowFields): void {
  if (fields.has(flowExtra.helper)) {
    const at = writer.beginNested(CTA_HELP);
    writeText(writer, CTA_HELP_NAME, fields.helper);
    writer.endNested(at);
  }
  if (fields.has(flowExtra.master)) {
    writeTuple(writer, CTA_TUPLE_MASTER, fields, fields.master, fields.master.protocol);
  }
}

/** What can be set at any time. */
export function writeExtras(writer: NetlinkWriter, fields: FlowFields): void {
  if (fields.has(flowExtra.labels)) {
    writer.attributeBytes(CTA_LABELS, fields.labels.bytes, 0, fields.labels.length);
  }
  if (fields.has(flowExtra.sequenceOriginal)) {
    writeSequence(writer, CTA_SEQ_ADJ_ORIG, fields.sequenceOriginal);
  }
  if (fields.has(flowExtra.sequenceReply)) writeSequence(writer, CTA_SEQ_ADJ_REPLY, fields.sequenceReply);
  if (!fields.has(flowExtra.synproxy)) return;
  const at = writer.beginNested(CTA_SYNPROXY);
  writer.attributeU32(CTA_SYNPROXY_ISN, fields.synproxy[0] ?? 0);
  writer.attributeU32(CTA_SYNPROXY_ITS, fields.synproxy[1] ?? 0);
  writer.attributeU32(CTA_SYNPROXY_TSOFF, fields.synproxy[2] ?? 0);
  writer.endNested(at);
}

function writeSequence(writer: NetlinkWriter, type: number, values: Uint32Array): void {
  const at = writer.beginNested(type);
  writer.attributeU32(CTA_SEQADJ_CORRECTION_POS, values[0] ?? 0);
  writer.attributeU32(CTA_SEQADJ_OFFSET_BEFORE, values[1] ?? 0);
  writer.attributeU32(CTA_SEQADJ_OFFSET_AFTER, values[2] ?? 0);
  writer.endNested(at);
}

const text = new Uint8Array(64);

/** A text with a final zero, as the kernel wants its names. */
export function writeText(writer: NetlinkWriter, type: number, name: NameBytes): void {
  text.set(name.bytes);
  text[name.length] = 0;
  writer.attributeBytes(type, text, 0, name.length + 1);
}
