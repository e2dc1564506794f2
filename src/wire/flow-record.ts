import { DecodeError } from "../base/decode-error.ts";
import { IPPROTO_TCP } from "./conntrack-constants.ts";
import type { FlowFields, TupleFields } from "./flow-fields.ts";

// A flow record: one change of one flow on the wire between nodes (docs/protocol/flow-sync.md).
//
//   0        1        2
//   +--------+--------+----------------------------+-------------------------+
//   | shape  |protocol| original source, destination (4 or 16 bytes each)    |
//   +--------+--------+----------------------------+-------------------------+
//   | source port u16 | destination port u16      |   ICMP: id u16, type u8, code u8
//   +-----------------+----------------------------+
//   a delete ends here (14 bytes for IPv4); an upsert goes on:
//   +-----------------+----------------------------+--------+
//   |   status u16    |     timeout u32, seconds   | TCP: state u8
//   +-----------------+----------------------------+--------+
//   | translated source address, port u16          |  if shape says so
//   | translated destination address, port u16     |  if shape says so
//   | mark u32 | zone u16                          |  if shape says so

const SHAPE_DELETE = 0x01;
const SHAPE_IPV6 = 0x02;
const SHAPE_SOURCE_NAT = 0x04;
const SHAPE_DESTINATION_NAT = 0x08;
const SHAPE_MARK = 0x10;
const SHAPE_ZONE = 0x20;
const SHAPE_KNOWN = 0x3f;

/** The longest record: IPv6, TCP, both translations, mark and zone. */
export const FLOW_RECORD_BYTES_MAX = 2 + 32 + 4 + 7 + 18 + 18 + 4 + 2;

/** Appends records to memory that is sent and used again. Room for one more record is the caller's to check. */
export class FlowRecordWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;
  count = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
  }

  get hasRoom(): boolean {
    return this.bytes.length - this.offset >= FLOW_RECORD_BYTES_MAX;
  }

  /** A copy of what was written, and an empty writer. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.offset);
    this.offset = 0;
    this.count = 0;
    return taken;
  }

  writeDelete(fields: FlowFields): void {
    let shape = SHAPE_DELETE;
    if (fields.family === 6) shape |= SHAPE_IPV6;
    if (fields.zone !== 0) shape |= SHAPE_ZONE;
    this.#head(shape, fields);
    if (fields.zone !== 0) this.#u16(fields.zone);
    this.count++;
  }

  writeUpsert(fields: FlowFields): void {
    const sourceTranslated = fields.sourceTranslated;
    const destinationTranslated = fields.destinationTranslated;
    let shape = 0;
    if (fields.family === 6) shape |= SHAPE_IPV6;
    if (sourceTranslated) shape |= SHAPE_SOURCE_NAT;
    if (destinationTranslated) shape |= SHAPE_DESTINATION_NAT;
    if (fields.mark !== 0) shape |= SHAPE_MARK;
    if (fields.zone !== 0) shape |= SHAPE_ZONE;
    this.#head(shape, fields);
    this.#u16(fields.status & 0xffff);
    this.#u32(fields.timeoutSeconds);
    if (fields.protocol === IPPROTO_TCP) this.bytes[this.offset++] = fields.tcpState;
    if (sourceTranslated) {
      this.#address(fields.reply.destination, fields.addressBytes);
      this.#u16(fields.isIcmp ? fields.reply.icmpId : fields.reply.destinationPort);
    }
    if (destinationTranslated) {
      this.#address(fields.reply.source, fields.addressBytes);
      this.#u16(fields.reply.sourcePort);
    }
    if (fields.mark !== 0) this.#u32(fields.mark);
    if (fields.zone !== 0) this.#u16(fields.zone);
    this.count++;
  }

  #head(shape: number, fields: FlowFields): void {
    this.bytes[this.offset++] = shape;
    this.bytes[this.offset++] = fields.protocol;
    const { original } = fields;
    this.#address(original.source, fields.addressBytes);
    this.#address(original.destination, fields.addressBytes);
    if (fields.isIcmp) {
      this.#u16(original.icmpId);
      this.bytes[this.offset++] = original.icmpType;
      this.bytes[this.offset++] = original.icmpCode;
    } else {
      this.#u16(original.sourcePort);
      this.#u16(original.destinationPort);
    }
  }

  #address(address: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) this.bytes[this.offset + i] = address[i] ?? 0;
    this.offset += length;
  }

  #u16(value: number): void {
    this.#view.setUint16(this.offset, value);
    this.offset += 2;
  }

  #u32(value: number): void {
    this.#view.setUint32(this.offset, value);
    this.offset += 4;
  }
}

/** Reads records one after another from bytes that it does not own. */
export class FlowRecordReader {
  #bytes: Uint8Array;
  #view: DataView;
  offset = 0;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = 0;
  }

  get atEnd(): boolean {
    return this.offset >= this.#bytes.length;
  }

  /**
   * Reads the next record into `fields`, which then holds a whole flow (for a delete: its original tuple, untranslated).
   *
   * @returns what to do with the flow, or why the bytes are not a record; after an error the rest is unreadable
   */
  next(fields: FlowFields): "upsert" | "delete" | DecodeError {
    const start = this.offset;
    const remaining = this.#bytes.length - start;
    if (remaining < 2) return new DecodeError("record-short", start);
    const shape = this.#bytes[start] ?? 0;
    if ((shape & ~SHAPE_KNOWN) !== 0) return new DecodeError("record-shape", start);
    fields.clear();
    fields.family = (shape & SHAPE_IPV6) !== 0 ? 6 : 4;
    fields.protocol = this.#bytes[start + 1] ?? 0;
    if (remaining < recordBytes(shape, fields.protocol)) return new DecodeError("record-short", start);
    this.offset += 2;
    this.#readOriginal(fields);
    fields.invertOriginal();
    const isDelete = (shape & SHAPE_DELETE) !== 0;
    if (!isDelete) this.#readState(shape, fields);
    if ((shape & SHAPE_ZONE) !== 0) fields.zone = this.#u16();
    return isDelete ? "delete" : "upsert";
  }

  /** Whether two records, by the places where they begin, are about the same flow: protocol, original tuple and zone. */
  sameFlow(a: number, b: number): boolean {
    const shapeA = this.#bytes[a] ?? 0;
    const shapeB = this.#bytes[b] ?? 0;
    const kind = SHAPE_IPV6 | SHAPE_ZONE;
    if ((shapeA & kind) !== (shapeB & kind)) return false;
    const addressBytes = (shapeA & SHAPE_IPV6) !== 0 ? 16 : 4;
    const tuple = 1 + 2 * addressBytes + 4; // From the protocol to the ports.
    for (let i = 1; i <= tuple; i++) if (this.#bytes[a + i] !== this.#bytes[b + i]) return false;
    if ((shapeA & SHAPE_ZONE) === 0) return true;
    // The zone ends a record.
    const protocol = this.#bytes[a + 1] ?? 0;
    const endA = a + recordBytes(shapeA, protocol);
    const endB = b + recordBytes(shapeB, protocol);
    return this.#bytes[endA - 2] === this.#bytes[endB - 2] && this.#bytes[endA - 1] === this.#bytes[endB - 1];
  }

  #readOriginal(fields: FlowFields): void {
    const { original } = fields;
    this.#address(original.source, fields.addressBytes);
    this.#address(original.destination, fields.addressBytes);
    if (fields.isIcmp) {
      original.icmpId = this.#u16();
      original.icmpType = this.#u8();
      original.icmpCode = this.#u8();
    } else {
      original.sourcePort = this.#u16();
      original.destinationPort = this.#u16();
    }
  }

  #readState(shape: number, fields: FlowFields): void {
    fields.status = this.#u16();
    fields.timeoutSeconds = this.#u32();
    if (fields.protocol === IPPROTO_TCP) fields.tcpState = this.#u8();
    if ((shape & SHAPE_SOURCE_NAT) !== 0) this.#readTranslatedSource(fields, fields.reply);
    if ((shape & SHAPE_DESTINATION_NAT) !== 0) {
      this.#address(fields.reply.source, fields.addressBytes);
      fields.reply.sourcePort = this.#u16();
    }
    if ((shape & SHAPE_MARK) !== 0) fields.mark = this.#u32();
  }

  #readTranslatedSource(fields: FlowFields, reply: TupleFields): void {
    this.#address(reply.destination, fields.addressBytes);
    const port = this.#u16();
    if (fields.isIcmp) reply.icmpId = port;
    else reply.destinationPort = port;
  }

  #address(into: Uint8Array, length: number): void {
    for (let i = 0; i < length; i++) into[i] = this.#bytes[this.offset + i] ?? 0;
    this.offset += length;
  }

  #u8(): number {
    return this.#bytes[this.offset++] ?? 0;
  }

  #u16(): number {
    this.offset += 2;
    return this.#view.getUint16(this.offset - 2);
  }

  #u32(): number {
    this.offset += 4;
    return this.#view.getUint32(this.offset - 4);
  }
}

function recordBytes(shape: number, protocol: number): number {
  const address = (shape & SHAPE_IPV6) !== 0 ? 16 : 4;
  const zone = (shape & SHAPE_ZONE) !== 0 ? 2 : 0;
  let bytes = 2 + 2 * address + 4 + zone;
  if ((shape & SHAPE_DELETE) !== 0) return bytes;
  bytes += 6 + (protocol === IPPROTO_TCP ? 1 : 0);
  if ((shape & SHAPE_SOURCE_NAT) !== 0) bytes += address + 2;
  if ((shape & SHAPE_DESTINATION_NAT) !== 0) bytes += address + 2;
  if ((shape & SHAPE_MARK) !== 0) bytes += 4;
  return bytes;
}
