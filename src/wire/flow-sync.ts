import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";

// flow-sync: frames on a TLS stream from a source (the active node) to a sink (a standby), and answers back.
// The document of this protocol is docs/protocol/flow-sync.md.
//
//    0               4       5
//    +---------------+-------+----------------------+
//    |  length u32   | type  | body (length - 1)    |     length counts from the type on
//    +---------------+-------+----------------------+

/** The newest version that this release speaks. */
export const FLOW_SYNC_VERSION = 2;
/** The oldest version that this release speaks; version 1 had no logs and no comparison of tables. */
export const FLOW_SYNC_VERSION_OLDEST = 2;

/** A longer frame is an attack or a defect; the stream is closed. */
export const FRAME_BYTES_MAX = 128 * 1024;
const LENGTH_BYTES = 4;

/** Tables are compared in 2^8 to 2^18 buckets: the set of all buckets still fits into one frame. */
export const BUCKET_BITS_MIN = 8;
export const BUCKET_BITS_MAX = 18;

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
  log: 11,
  compare: 12,
  digest: 13,
  offer: 14,
} as const;

const COPY_REFRESH = 0x01;
const COPY_WHOLE = 0x02;
const COPY_PARTIAL = 0x04;
const HELLO_RESUME = 0x01;
const COMPARE_PACED = 0x01;
const DIGEST_LAST = 0x01;
const LOG_RESUMED = 0x01;
const LOG_UNBROKEN = 0x02;

/** A place in a source's log of changes: `position` counts the records of the log. */
export interface LogPlace {
  /** Names the log: 1 … 2^53 - 1, chosen at random whenever a log begins. */
  readonly session: number;
  readonly position: number;
}

/** Which buckets a copy is about. */
export interface CopyBuckets {
  readonly bits: number;
  readonly seed: number;
  /** One bit for each bucket, least significant first: 2^bits / 8 bytes. A view into the frame. */
  readonly set: Uint8Array;
}

export type SyncFrame =
  /** First on both sides. A later version may add to its end. */
  | {
      readonly type: "hello";
      readonly version: number;
      readonly cluster: string;
      readonly node: string;
      readonly oldestVersion: number;
      /** Entries in the sender's connection table. */
      readonly flows: number;
      /** Stands for the names of the failover groups of the sender's document: sets of groups mean the same on both sides. */
      readonly groupNames: number;
      /** A sink: what of this source's log is in its kernel already. */
      readonly resume?: LogPlace;
    }
  /**
   * Changes, or part of a copy. `sequence` counts records since the stream began, these included; `position` is the
   * place in the log that has been reached with them (a copy does not move it).
   */
  | {
      readonly type: "records";
      readonly sequence: number;
      readonly position: number;
      /** The source's clock, in milliseconds: it comes back in the acknowledgement. */
      readonly sentAtMs: number;
      readonly records: Uint8Array;
    }
  /**
   * Flows of the source follow, all or those of some buckets; changes are mixed in. A refresh follows a comparison of a
   * stream that lost nothing. The source is `whole` unless it took over without every connection: then what a sink holds
   * beyond the copy may be real.
   */
  | {
      readonly type: "copy-begin";
      readonly copy: number;
      /** Flows of these groups, one bit each. */
      readonly groups: number;
      readonly refresh: boolean;
      readonly whole: boolean;
      readonly buckets?: CopyBuckets;
    }
  /** The copy is whole: what the sink has beyond it, in these buckets, does not exist at the source. */
  | { readonly type: "copy-end"; readonly copy: number }
  /** Asks for `marked` once everything before is in the sink's kernel. */
  | { readonly type: "mark"; readonly token: number }
  /** Says that the sender lives, and for which groups it is active (a bit each); a source adds how often it compares the tables. */
  | { readonly type: "heartbeat"; readonly groups: number; readonly sweepSeconds: number }
  | { readonly type: "acknowledge"; readonly sequence: number; readonly sentAtMs: number }
  | { readonly type: "marked"; readonly token: number }
  /** The copy (0: what was missed of the log) is in the sink's kernel, and nothing else is. */
  | {
      readonly type: "complete";
      readonly copy: number;
      /** What the sink removed, and how many timers it made longer. */
      readonly purged: number;
      readonly refreshed: number;
      /** Processor time, about, that its passes over the table took. */
      readonly busyMs: number;
    }
  | { readonly type: "refuse"; readonly reason: string }
  /**
   * From here on positions are those of this log. When it is `resumed`, what follows is all that the sink has missed, up
   * to `head`; otherwise a comparison or a copy follows.
   */
  | {
      readonly type: "log";
      readonly place: LogPlace;
      readonly head: number;
      readonly resumed: boolean;
      /** Nothing is missing before this place of the groups that the sink was complete of, and that are in the last heartbeat. */
      readonly unbroken: boolean;
    }
  /** Asks for digests of what the sink's table holds of these groups, one bit each. */
  | {
      readonly type: "compare";
      readonly groups: number;
      readonly sweep: number;
      readonly seed: number;
      readonly bits: number;
      readonly paced: boolean;
    }
  /** Sums of buckets `first` and following (u32 each, in network byte order: a view into the frame). */
  | {
      readonly type: "digest";
      readonly sweep: number;
      readonly first: number;
      readonly last: boolean;
      readonly sums: Uint8Array;
    }
  /** Flows that the sink has and the source, which took over without every connection, does not. */
  | { readonly type: "offer"; readonly records: Uint8Array };

/** @returns the whole frame, length included */
export function encodeSyncFrame(frame: SyncFrame): Uint8Array {
  const writer = new ByteWriter(frameCapacity(frame));
  writer.u32(0);
  encodeBody(writer, frame);
  const length = writer.offset;
  writer.offset = 0;
  writer.u32(length - LENGTH_BYTES);
  writer.offset = length;
  return writer.written();
}

function frameCapacity(frame: SyncFrame): number {
  if (frame.type === "records" || frame.type === "offer") return 40 + frame.records.length;
  if (frame.type === "digest") return 40 + frame.sums.length;
  if (frame.type === "copy-begin") return 40 + (frame.buckets?.set.length ?? 0);
  return 1_024;
}

function encodeBody(writer: ByteWriter, frame: SyncFrame): void {
  switch (frame.type) {
    case "hello":
      writer.u8(frameType.hello).u16(frame.version).text(frame.cluster).text(frame.node);
      writer
        .u16(frame.oldestVersion)
        .u32(frame.flows)
        .u32(frame.groupNames)
        .u8(frame.resume === undefined ? 0 : HELLO_RESUME);
      if (frame.resume !== undefined) putPlace(writer, frame.resume);
      break;
    case "records":
      writer.u8(frameType.records).u64(BigInt(frame.sequence)).u64(BigInt(frame.position));
      writer.f64(frame.sentAtMs).put(frame.records);
      break;
    case "copy-begin": {
      const { copy, groups, refresh, whole, buckets } = frame;
      const partial = buckets === undefined ? 0 : COPY_PARTIAL;
      writer.u8(frameType.copyBegin).u32(copy).u8(groups);
      writer.u8((refresh ? COPY_REFRESH : 0) | (whole ? COPY_WHOLE : 0) | partial);
      if (buckets !== undefined) writer.u8(buckets.bits).u32(buckets.seed).put(buckets.set);
      break;
    }
    case "copy-end":
      writer.u8(frameType.copyEnd).u32(frame.copy);
      break;
    case "mark":
      writer.u8(frameType.mark).u32(frame.token);
      break;
    case "heartbeat":
      writer.u8(frameType.heartbeat).u8(frame.groups).u16(frame.sweepSeconds);
      break;
    case "acknowledge":
      writer.u8(frameType.acknowledge).u64(BigInt(frame.sequence)).f64(frame.sentAtMs);
      break;
    case "marked":
      writer.u8(frameType.marked).u32(frame.token);
      break;
    case "complete":
      writer.u8(frameType.complete).u32(frame.copy);
      writer.u32(frame.purged).u32(frame.refreshed).u32(frame.busyMs);
      break;
    case "refuse":
      writer.u8(frameType.refuse).text(frame.reason);
      break;
    case "log":
      putPlace(writer.u8(frameType.log), frame.place);
      writer.u64(BigInt(frame.head));
      writer.u8((frame.resumed ? LOG_RESUMED : 0) | (frame.unbroken ? LOG_UNBROKEN : 0));
      break;
    case "compare":
      writer.u8(frameType.compare).u8(frame.groups).u32(frame.sweep).u32(frame.seed).u8(frame.bits);
      writer.u8(frame.paced ? COMPARE_PACED : 0);
      break;
    case "digest":
      writer.u8(frameType.digest).u32(frame.sweep).u32(frame.first);
      writer.u8(frame.last ? DIGEST_LAST : 0).put(frame.sums);
      break;
    case "offer":
      writer.u8(frameType.offer).put(frame.records);
      break;
  }
}

function putPlace(writer: ByteWriter, { session, position }: LogPlace): void {
  writer.u64(BigInt(session)).u64(BigInt(position));
}

/** Decodes one frame without its length: type and body. Records, sums and sets are views into `bytes`. */
export function decodeSyncFrame(bytes: Uint8Array): SyncFrame | DecodeError {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  const frame = decodeBody(type, reader);
  if (frame === undefined) return new DecodeError("frame-type", 0);
  if (frame instanceof DecodeError) return frame;
  if (reader.failed) return new DecodeError("frame-short", reader.offset);
  // A later version's hello may say more: it must be understood well enough to be refused with a reason.
  if (reader.remaining > 0 && frame.type !== "hello") return new DecodeError("frame-long", reader.offset);
  return frame;
}

function decodeBody(type: number, reader: ByteReader): SyncFrame | DecodeError | undefined {
  switch (type) {
    case frameType.hello:
      return decodeHello(reader);
    case frameType.records:
      return {
        type: "records",
        sequence: Number(reader.u64()),
        position: Number(reader.u64()),
        sentAtMs: reader.f64(),
        records: reader.take(Math.max(0, reader.remaining)),
      };
    case frameType.copyBegin:
      return decodeCopyBegin(reader);
    case frameType.copyEnd:
      return { type: "copy-end", copy: reader.u32() };
    case frameType.mark:
      return { type: "mark", token: reader.u32() };
    case frameType.heartbeat:
      return { type: "heartbeat", groups: reader.u8(), sweepSeconds: reader.u16() };
    case frameType.acknowledge:
      return { type: "acknowledge", sequence: Number(reader.u64()), sentAtMs: reader.f64() };
    case frameType.marked:
      return { type: "marked", token: reader.u32() };
    case frameType.complete:
      return {
        type: "complete",
        copy: reader.u32(),
        purged: reader.u32(),
        refreshed: reader.u32(),
        busyMs: reader.u32(),
      };
    case frameType.refuse:
      return { type: "refuse", reason: reader.text() };
    case frameType.log: {
      const log = { type: "log", place: takePlace(reader), head: Number(reader.u64()) } as const;
      const flags = reader.u8();
      return { ...log, resumed: (flags & LOG_RESUMED) !== 0, unbroken: (flags & LOG_UNBROKEN) !== 0 };
    }
    case frameType.compare: {
      const groups = reader.u8();
      const sweep = reader.u32();
      const seed = reader.u32();
      const bits = reader.u8();
      const paced = (reader.u8() & COMPARE_PACED) !== 0;
      if (!reader.failed && !areBits(bits)) return new DecodeError("bucket-bits", reader.offset);
      return { type: "compare", groups, sweep, seed, bits, paced };
    }
    case frameType.digest:
      return decodeDigest(reader);
    case frameType.offer:
      return { type: "offer", records: reader.take(Math.max(0, reader.remaining)) };
    default:
      return undefined;
  }
}

function decodeHello(reader: ByteReader): SyncFrame {
  const version = reader.u16();
  const cluster = reader.text();
  const node = reader.text();
  // Version 1 ended here.
  if (version < 2)
    return { type: "hello", version, cluster, node, oldestVersion: version, flows: 0, groupNames: 0 };
  const oldestVersion = reader.u16();
  const flows = reader.u32();
  const groupNames = reader.u32();
  const resume = (reader.u8() & HELLO_RESUME) !== 0 ? { resume: takePlace(reader) } : {};
  return { type: "hello", version, cluster, node, oldestVersion, flows, groupNames, ...resume };
}

function decodeCopyBegin(reader: ByteReader): SyncFrame | DecodeError {
  const copy = reader.u32();
  const groups = reader.u8();
  const flags = reader.u8();
  const frame = {
    ...({ type: "copy-begin", copy, groups } as const),
    refresh: (flags & COPY_REFRESH) !== 0,
    whole: (flags & COPY_WHOLE) !== 0,
  };
  if ((flags & COPY_PARTIAL) === 0) return frame;
  const bits = reader.u8();
  const seed = reader.u32();
  if (reader.failed) return frame;
  if (!areBits(bits)) return new DecodeError("bucket-bits", reader.offset);
  return { ...frame, buckets: { bits, seed, set: reader.take(2 ** bits / 8) } };
}

function decodeDigest(reader: ByteReader): SyncFrame | DecodeError {
  const sweep = reader.u32();
  const first = reader.u32();
  const last = (reader.u8() & DIGEST_LAST) !== 0;
  const sums = reader.take(Math.max(0, reader.remaining));
  if (sums.length % 4 !== 0 || first + sums.length / 4 > 2 ** BUCKET_BITS_MAX) {
    return new DecodeError("digest-range", reader.offset);
  }
  return { type: "digest", sweep, first, last, sums };
}

function areBits(bits: number): boolean {
  return bits >= BUCKET_BITS_MIN && bits <= BUCKET_BITS_MAX;
}

function takePlace(reader: ByteReader): LogPlace {
  return { session: Number(reader.u64()), position: Number(reader.u64()) };
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
