import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";

// flow-sync: frames on a TLS stream from a source (the active node) to a sink (a standby), and answers back.
// The document of this protocol is docs/protocol/flow-sync.md.
//
//    0               4       5
//    +---------------+-------+----------------------+
//    |  length u32   | type  | body (length - 1)    |     length counts from the type on
//    +---------------+-------+----------------------+

/** Two nodes understand each other only with the same version; otherwise both refuse, with a reason. */
export const FLOW_SYNC_VERSION = 1;

/** A longer frame is an attack or a defect; the stream is closed. */
export const FRAME_BYTES_MAX = 128 * 1024;
const LENGTH_BYTES = 4;

const frameType = {
  hello: 1,
  records: 2,
  copyBegin: 3,
  copyEnd: 4,
  mark: 5,
  heartbeat: 6,
  acknowledge: 7,
  marked: 8,
  complete: 9,
  refuse: 10,
} as const;

const COPY_REFRESH = 0x01;
const COPY_WHOLE = 0x02;

export type SyncFrame =
  /** First on both sides. */
  | { readonly type: "hello"; readonly version: number; readonly cluster: string; readonly node: string }
  /** Changes, or part of a copy. `sequence` counts records since the stream began, these included. */
  | {
      readonly type: "records";
      readonly sequence: number;
      /** The source's clock, in milliseconds: it comes back in the acknowledgement. */
      readonly sentAtMs: number;
      readonly records: Uint8Array;
    }
  /**
   * All flows of the source follow; changes are mixed in. A refresh only renews timers: nothing was lost before it. The
   * source is `whole` unless it took over without every connection: then what a sink holds beyond the copy may be real.
   */
  | { readonly type: "copy-begin"; readonly copy: number; readonly refresh: boolean; readonly whole: boolean }
  /** The copy is whole: what the sink has beyond it does not exist at the source. */
  | { readonly type: "copy-end"; readonly copy: number }
  /** Asks for `marked` once everything before is in the sink's kernel. */
  | { readonly type: "mark"; readonly token: number }
  /** Says that the source lives, and whether it is active. */
  | { readonly type: "heartbeat"; readonly active: boolean }
  | { readonly type: "acknowledge"; readonly sequence: number; readonly sentAtMs: number }
  | { readonly type: "marked"; readonly token: number }
  /** The copy is in the sink's kernel, and nothing else is. */
  | { readonly type: "complete"; readonly copy: number }
  | { readonly type: "refuse"; readonly reason: string };

/** @returns the whole frame, length included */
export function encodeSyncFrame(frame: SyncFrame): Uint8Array {
  const capacity = frame.type === "records" ? 32 + frame.records.length : 1_024;
  const writer = new ByteWriter(capacity);
  writer.u32(0);
  switch (frame.type) {
    case "hello":
      writer.u8(frameType.hello).u16(frame.version).text(frame.cluster).text(frame.node);
      break;
    case "records":
      writer.u8(frameType.records).u64(BigInt(frame.sequence)).f64(frame.sentAtMs).put(frame.records);
      break;
    case "copy-begin":
      writer
        .u8(frameType.copyBegin)
        .u32(frame.copy)
        .u8((frame.refresh ? COPY_REFRESH : 0) | (frame.whole ? COPY_WHOLE : 0));
      break;
    case "copy-end":
      writer.u8(frameType.copyEnd).u32(frame.copy);
      break;
    case "mark":
      writer.u8(frameType.mark).u32(frame.token);
      break;
    case "heartbeat":
      writer.u8(frameType.heartbeat).u8(frame.active ? 1 : 0);
      break;
    case "acknowledge":
      writer.u8(frameType.acknowledge).u64(BigInt(frame.sequence)).f64(frame.sentAtMs);
      break;
    case "marked":
      writer.u8(frameType.marked).u32(frame.token);
      break;
    case "complete":
      writer.u8(frameType.complete).u32(frame.copy);
      break;
    case "refuse":
      writer.u8(frameType.refuse).text(frame.reason);
      break;
  }
  const length = writer.offset;
  writer.offset = 0;
  writer.u32(length - LENGTH_BYTES);
  writer.offset = length;
  return writer.written();
}

/** Decodes one frame without its length: type and body. Records are a view into `bytes`. */
export function decodeSyncFrame(bytes: Uint8Array): SyncFrame | DecodeError {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const frame = decodeBody(type, reader);
  if (frame === undefined) return new DecodeError("frame-type", 0);
  if (reader.failed) return new DecodeError("frame-short", reader.offset);
  if (reader.remaining > 0) return new DecodeError("frame-long", reader.offset);
  return frame;
}

function decodeBody(type: number, reader: ByteReader): SyncFrame | undefined {
  switch (type) {
    case frameType.hello:
      return { type: "hello", version: reader.u16(), cluster: reader.text(), node: reader.text() };
    case frameType.records:
      return {
        type: "records",
        sequence: Number(reader.u64()),
        sentAtMs: reader.f64(),
        records: reader.take(Math.max(0, reader.remaining)),
      };
    case frameType.copyBegin: {
      const copy = reader.u32();
      const flags = reader.u8();
      return {
        type: "copy-begin",
        copy,
        refresh: (flags & COPY_REFRESH) !== 0,
        whole: (flags & COPY_WHOLE) !== 0,
      };
    }
    case frameType.copyEnd:
      return { type: "copy-end", copy: reader.u32() };
    case frameType.mark:
      return { type: "mark", token: reader.u32() };
    case frameType.heartbeat:
      return { type: "heartbeat", active: reader.u8() !== 0 };
    case frameType.acknowledge:
      return { type: "acknowledge", sequence: Number(reader.u64()), sentAtMs: reader.f64() };
    case frameType.marked:
      return { type: "marked", token: reader.u32() };
    case frameType.complete:
      return { type: "complete", copy: reader.u32() };
    case frameType.refuse:
      return { type: "refuse", reason: reader.text() };
    default:
      return undefined;
  }
}

/** Cuts a byte stream into frames. Holds at most one unfinished frame. */
export class SyncFrameSplitter {
  #held = new Uint8Array(0);

  /**
   * Takes the next bytes of the stream; the frames it completes are handed to `receive`, in order.
   *
   * @returns undefined, or why the stream cannot be understood any more: close it
   */
  push(chunk: Uint8Array, receive: (frame: SyncFrame) => void): DecodeError | undefined {
    const bytes = this.#held.length === 0 ? chunk : concatenate(this.#held, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let offset = 0;
    while (bytes.length - offset >= LENGTH_BYTES) {
      const length = view.getUint32(offset);
      if (length === 0 || length > FRAME_BYTES_MAX) return new DecodeError("frame-length", offset);
      const end = offset + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      const frame = decodeSyncFrame(bytes.subarray(offset + LENGTH_BYTES, end));
      if (frame instanceof DecodeError) return frame;
      receive(frame);
      offset = end;
    }
    // Not slice(): of a Buffer, as sockets hand over, that would be a view of memory that is not ours.
    this.#held = new Uint8Array(bytes.subarray(offset));
    return undefined;
  }
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
