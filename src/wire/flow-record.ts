import { DecodeError } from "../base/decode-error.ts";
import {
  IPPROTO_TCP,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
} from "./conntrack-constants.ts";
import { ExpectationFields } from "./expectation-fields.ts";
import { type FlowFields, zoneDirection } from "./flow-fields.ts";
import { RecordBytes } from "./flow-record-bytes.ts";
import { putExpectation, putUnexpectation, takeExpectation } from "./flow-record-expectation.ts";
import { extensionsEnd, putFlowExtensions, takeFlowExtensions } from "./flow-record-extensions.ts";
import {
  FLOW_RECORD_BYTES_MAX,
  identityBytes,
  type RecordFault,
  type RecordKind,
  SAME_PORT,
  SHAPE_DELETE,
  SHAPE_DESTINATION_NAT,
  SHAPE_EXPECTATION,
  SHAPE_EXTENSIONS,
  SHAPE_IPV6,
  SHAPE_MARK,
  SHAPE_SOURCE_NAT,
  SHAPE_ZONE,
  STATE_ASSURED,
  STATE_EXPECTED,
  STATE_FIXED_TIMEOUT,
  STATE_SEEN_REPLY,
  TIMEOUT_SECONDS_MAX,
} from "./flow-record-layout.ts";

export { FLOW_RECORD_BYTES_MAX } from "./flow-record-layout.ts";

// A flow record: one change of one flow or expectation on the wire between nodes (docs/protocol/flow-sync.md).
//
//   the identity (flow-record-layout.ts); a delete ends here, the upsert of a flow goes on:
//   +--------+--------------------------+--------+--------+
//   |state u8| timer u24, seconds       | scales | flags  |   the last two for TCP only
//   +--------+--------------------------+--------+--------+
//   | translated source address, port u16       |  if shape says so; no port if the timer's top bit says so
//   | translated destination address, port u16  |  the same
//   | mark u32                                  |  if shape says so
//   | extensions                                |  if shape says so (flow-record-extensions.ts)

/** Appends records to memory that is sent and used again. Room for one more record is the caller's to check. */
export class FlowRecordWriter {
  readonly bytes: Uint8Array;
  readonly #out: RecordBytes;
  count = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#out = new RecordBytes(this.bytes);
  }

  get offset(): number {
    return this.#out.offset;
  }

  get hasRoom(): boolean {
    return this.bytes.length - this.#out.offset >= FLOW_RECORD_BYTES_MAX;
  }

  /** A copy of what was written, and an empty writer. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.#out.offset);
    this.#out.offset = 0;
    this.count = 0;
    return taken;
  }

  writeDelete(fields: FlowFields): void {
    this.#flowIdentity(SHAPE_DELETE, fields);
    this.count++;
  }

  writeUpsert(fields: FlowFields): void {
    const out = this.#out;
    const sourceTranslated = fields.sourceTranslated;
    const destinationTranslated = fields.destinationTranslated;
    let shape = 0;
    if (sourceTranslated) shape |= SHAPE_SOURCE_NAT;
    if (destinationTranslated) shape |= SHAPE_DESTINATION_NAT;
    if (fields.mark !== 0) shape |= SHAPE_MARK;
    if (fields.extras !== 0) shape |= SHAPE_EXTENSIONS;
    this.#flowIdentity(shape, fields);
    const portsKept = keepsPorts(fields);
    out.putU8(stateOf(fields));
    out.putU24(Math.min(fields.timeoutSeconds, TIMEOUT_SECONDS_MAX) | (portsKept ? SAME_PORT : 0));
    if (fields.protocol === IPPROTO_TCP) {
      out.putU8((fields.tcpScaleOriginal << 4) | (fields.tcpScaleReply & 0x0f));
      out.putU8((fields.tcpFlagsOriginal & 0x07) | ((fields.tcpFlagsReply & 0x07) << 3));
    }
    if (sourceTranslated) {
      out.put(fields.reply.destination, fields.addressBytes);
      if (!portsKept) out.putU16(fields.isIcmp ? fields.reply.icmpId : fields.reply.destinationPort);
    }
    if (destinationTranslated) {
      out.put(fields.reply.source, fields.addressBytes);
      if (!portsKept) out.putU16(fields.reply.sourcePort);
    }
    if (fields.mark !== 0) out.putU32(fields.mark);
    if (fields.extras !== 0) putFlowExtensions(out, fields);
    this.count++;
  }

  writeUnexpect(fields: ExpectationFields): void {
    putUnexpectation(this.#out, fields);
    this.count++;
  }

  writeExpect(fields: ExpectationFields): void {
    putExpectation(this.#out, fields);
    this.count++;
  }

  #flowIdentity(shape: number, fields: FlowFields): void {
    const out = this.#out;
    const family = fields.family === 6 ? SHAPE_IPV6 : 0;
    out.putU8(shape | family | (fields.zone !== 0 ? SHAPE_ZONE : 0));
    out.putU8(fields.protocol);
    out.putTuple(fields.original, fields.protocol, fields.addressBytes);
    if (fields.zone === 0) return;
    out.putU16(fields.zone);
    out.putU8(fields.zoneDirection);
  }
}

/** What translation changed, if anything, is addresses alone. */
function keepsPorts({ original, reply, isIcmp }: FlowFields): boolean {
  if (isIcmp) return reply.icmpId === original.icmpId;
  return reply.destinationPort === original.sourcePort && reply.sourcePort === original.destinationPort;
}

function stateOf({ status, tcpState }: FlowFields): number {
  let state = tcpState << 4;
  if ((status & IPS_EXPECTED) !== 0) state |= STATE_EXPECTED;
  if ((status & IPS_SEEN_REPLY) !== 0) state |= STATE_SEEN_REPLY;
  if ((status & IPS_ASSURED) !== 0) state |= STATE_ASSURED;
  if ((status & IPS_FIXED_TIMEOUT) !== 0) state |= STATE_FIXED_TIMEOUT;
  return state;
}

function statusOf(state: number): number {
  let status = IPS_CONFIRMED;
  if ((state & STATE_EXPECTED) !== 0) status |= IPS_EXPECTED;
  if ((state & STATE_SEEN_REPLY) !== 0) status |= IPS_SEEN_REPLY;
  if ((state & STATE_ASSURED) !== 0) status |= IPS_ASSURED;
  if ((state & STATE_FIXED_TIMEOUT) !== 0) status |= IPS_FIXED_TIMEOUT;
  return status;
}

/** Reads records one after another from bytes that it does not own. */
export class FlowRecordReader {
  /** What the last "expect" or "unexpect" was about; filled again by the next one. */
  readonly expectation = new ExpectationFields();
  readonly #in: RecordBytes;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#in = new RecordBytes(bytes);
  }

  reset(bytes: Uint8Array): void {
    this.#in.reset(bytes);
  }

  get offset(): number {
    return this.#in.offset;
  }

  set offset(place: number) {
    this.#in.offset = place;
  }

  /** A copy of the bytes between two places. */
  slice(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#in.bytes.subarray(start, end));
  }

  get atEnd(): boolean {
    return this.#in.offset >= this.#in.bytes.length;
  }

  /**
   * Reads the next record into `fields`, which then holds a whole flow (for a delete: its original tuple, untranslated),
   * or into `expectation`.
   *
   * @returns what it says, or why the bytes are not a record; after an error the rest is unreadable
   */
  next(fields: FlowFields): RecordKind | DecodeError {
    const input = this.#in;
    const start = input.offset;
    const shape = input.bytes[start] ?? 0;
    if (input.bytes.length - start < identityBytes(shape)) return new DecodeError("record-short", start);
    const isFlow = (shape & SHAPE_EXPECTATION) === 0;
    const kind = isFlow ? this.#flow(fields) : takeExpectation(input, this.expectation);
    if (kind === "upsert" || kind === "delete" || kind === "expect" || kind === "unexpect") return kind;
    input.offset = start;
    return new DecodeError(kind, start);
  }

  #flow(fields: FlowFields): RecordKind | RecordFault {
    const input = this.#in;
    const shape = input.u8();
    fields.clear();
    fields.family = (shape & SHAPE_IPV6) !== 0 ? 6 : 4;
    fields.protocol = input.u8();
    input.takeTuple(fields.original, fields.protocol, fields.addressBytes);
    fields.invertOriginal();
    if ((shape & SHAPE_ZONE) !== 0) {
      fields.zone = input.u16();
      fields.zoneDirection = input.u8();
      if (!isDirection(fields.zoneDirection)) return "record-zone";
    }
    if ((shape & SHAPE_DELETE) === 0) {
      if (!this.#state(shape, fields)) return "record-short";
    }
    if ((shape & SHAPE_EXTENSIONS) !== 0) {
      const end = extensionsEnd(input);
      if (end < 0) return "record-short";
      if (!takeFlowExtensions(input, end, fields)) return "record-extension";
    }
    return (shape & SHAPE_DELETE) === 0 ? "upsert" : "delete";
  }

  /** @returns false when the record is cut */
  #state(shape: number, fields: FlowFields): boolean {
    const input = this.#in;
    const isTcp = fields.protocol === IPPROTO_TCP;
    const { length } = input.bytes;
    if (length - input.offset < (isTcp ? 6 : 4)) return false;
    const state = input.u8();
    fields.status = statusOf(state);
    fields.tcpState = state >>> 4;
    const timer = input.u24();
    fields.timeoutSeconds = timer & TIMEOUT_SECONDS_MAX;
    if (isTcp) this.#tcp(fields);
    const portBytes = (timer & SAME_PORT) !== 0 ? 0 : 2;
    const addressAndPort = fields.addressBytes + portBytes;
    let rest = (shape & SHAPE_MARK) !== 0 ? 4 : 0;
    if ((shape & SHAPE_SOURCE_NAT) !== 0) rest += addressAndPort;
    if ((shape & SHAPE_DESTINATION_NAT) !== 0) rest += addressAndPort;
    if (length - input.offset < rest) return false;
    if ((shape & SHAPE_SOURCE_NAT) !== 0) this.#translatedSource(fields, portBytes);
    if ((shape & SHAPE_DESTINATION_NAT) !== 0) {
      input.take(fields.reply.source, fields.addressBytes);
      if (portBytes > 0) fields.reply.sourcePort = input.u16();
    }
    if ((shape & SHAPE_MARK) !== 0) fields.mark = input.u32();
    return true;
  }

  #tcp(fields: FlowFields): void {
    const scales = this.#in.u8();
    const flags = this.#in.u8();
    fields.tcpScaleOriginal = scales >>> 4;
    fields.tcpScaleReply = scales & 0x0f;
    fields.tcpFlagsOriginal = flags & 0x07;
    fields.tcpFlagsReply = (flags >>> 3) & 0x07;
  }

  #translatedSource(fields: FlowFields, portBytes: number): void {
    this.#in.take(fields.reply.destination, fields.addressBytes);
    if (portBytes === 0) return;
    const port = this.#in.u16();
    if (fields.isIcmp) fields.reply.icmpId = port;
    else fields.reply.destinationPort = port;
  }

  /** Whether two records, by the places where they begin, are about the same flow, or the same expectation. */
  sameFlow(a: number, b: number): boolean {
    return sameIdentity(this.#in.bytes, a, this.#in.bytes, b);
  }

  /** The same for a record elsewhere, which begins with its array. */
  sameAs(place: number, record: Uint8Array): boolean {
    return sameIdentity(this.#in.bytes, place, record, 0);
  }
}

function sameIdentity(a: Uint8Array, atA: number, b: Uint8Array, atB: number): boolean {
  const shape = a[atA] ?? 0;
  const kind = SHAPE_IPV6 | SHAPE_ZONE | SHAPE_EXPECTATION;
  if ((shape & kind) !== ((b[atB] ?? 0) & kind)) return false;
  const length = identityBytes(shape);
  for (let i = 1; i < length; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

function isDirection(value: number): boolean {
  return value >= zoneDirection.original && value <= zoneDirection.both;
}
