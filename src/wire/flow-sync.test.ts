import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../base/decode-error.ts";
import {
  BUCKET_BITS_MAX,
  BUCKET_BITS_MIN,
  decodeSyncFrame,
  encodeSyncFrame,
  FLOW_SYNC_VERSION,
  FRAME_BYTES_MAX,
  type SyncFrame,
  SyncFrameSplitter,
} from "./flow-sync.ts";

/** The protocol in bytes, as docs/protocol/flow-sync.md tells it: other nodes of this version depend on it. */
const samples: readonly [SyncFrame, string][] = [
  [
    {
      type: "hello",
      version: 2,
      cluster: "campus",
      node: "gw1",
      oldestVersion: 2,
      flows: 300,
      groupNames: 0xa1b2c3d4,
    },
    "00000019 01 0002 06 63616d707573 03 677731 0002 0000012c a1b2c3d4 00",
  ],
  [
    {
      ...({
        type: "hello",
        version: 2,
        cluster: "c",
        node: "n",
        oldestVersion: 2,
        flows: 1,
        groupNames: 9,
      } as const),
      resume: { session: 255, position: 16 },
    },
    "00000022 01 0002 01 63 01 6e 0002 00000001 00000009 01 00000000000000ff 0000000000000010",
  ],
  [
    { type: "records", sequence: 258, position: 200, sentAtMs: 1.5, records: Uint8Array.of(9, 8, 7) },
    "0000001c 02 0000000000000102 00000000000000c8 3ff8000000000000 090807",
  ],
  [{ type: "copy-begin", copy: 3, groups: 1, refresh: false, whole: false }, "00000007 03 00000003 01 00"],
  [{ type: "copy-begin", copy: 4, groups: 3, refresh: true, whole: true }, "00000007 03 00000004 03 03"],
  [
    {
      ...({ type: "copy-begin", copy: 5, groups: 0x80, refresh: true, whole: true } as const),
      buckets: {
        bits: 8,
        seed: 7,
        set: Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 5 : 0)),
      },
    },
    `0000002c 03 00000005 80 07 08 00000007 05${"00".repeat(31)}`,
  ],
  [{ type: "copy-end", copy: 3 }, "00000005 04 00000003"],
  [{ type: "mark", token: 77 }, "00000005 05 0000004d"],
  [{ type: "heartbeat", groups: 1, sweepSeconds: 60 }, "00000004 06 01 003c"],
  [{ type: "heartbeat", groups: 0, sweepSeconds: 0 }, "00000004 06 00 0000"],
  [{ type: "acknowledge", sequence: 258, sentAtMs: 1.5 }, "00000011 07 0000000000000102 3ff8000000000000"],
  [{ type: "marked", token: 77 }, "00000005 08 0000004d"],
  [
    { type: "complete", copy: 3, purged: 1, refreshed: 2, busyMs: 30 },
    "00000011 09 00000003 00000001 00000002 0000001e",
  ],
  [{ type: "refuse", reason: "no" }, "00000004 0a 02 6e6f"],
  [
    { type: "log", place: { session: 255, position: 16 }, head: 32, resumed: true, unbroken: false },
    "0000001a 0b 00000000000000ff 0000000000000010 0000000000000020 01",
  ],
  [
    { type: "log", place: { session: 255, position: 16 }, head: 16, resumed: false, unbroken: true },
    "0000001a 0b 00000000000000ff 0000000000000010 0000000000000010 02",
  ],
  [
    { type: "compare", groups: 2, sweep: 1, seed: 0xfeedbeef, bits: 18, paced: true },
    "0000000c 0c 02 00000001 feedbeef 12 01",
  ],
  [
    { type: "digest", sweep: 1, first: 2, last: true, sums: Uint8Array.of(0, 0, 0, 9) },
    "0000000e 0d 00000001 00000002 01 00000009",
  ],
  [{ type: "offer", records: Uint8Array.of(1, 2) }, "00000003 0e 0102"],
];

/** Frames that end in whatever follows, with the length of what is fixed. */
const openFrames = new Map<string, number>([
  ["records", 25],
  ["digest", 10],
  ["offer", 1],
]);

const u32 = fc.nat(0xffffffff);
const text = fc.string({ maxLength: 60 });
const number = fc.double({ noNaN: true });
const place = fc.record({ session: fc.maxSafeNat(), position: fc.maxSafeNat() });
/** Objects as the decoder makes them: fast-check's own have no prototype, which a strict comparison sees. */
function plain<T>(frames: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return frames.map((frame) => structuredClone(frame));
}
const type = <T extends string>(name: T) => fc.constant(name);
const anyFrame: fc.Arbitrary<SyncFrame> = plain(
  fc.oneof(
    fc.record(
      {
        ...{ type: type("hello"), version: fc.integer({ min: 2, max: 0xffff }), cluster: text, node: text },
        ...{ oldestVersion: fc.nat(0xffff), flows: u32, groupNames: u32, resume: place },
      },
      { requiredKeys: ["type", "version", "cluster", "node", "oldestVersion", "flows", "groupNames"] },
    ),
    fc.record({
      ...{ type: type("records"), sequence: fc.maxSafeNat(), position: fc.maxSafeNat(), sentAtMs: number },
      records: fc.uint8Array({ maxLength: 500 }),
    }),
    fc.record({ type: type("acknowledge"), sequence: fc.maxSafeNat(), sentAtMs: number }),
    fc.record({
      type: type("copy-begin"),
      copy: u32,
      groups: fc.nat(255),
      refresh: fc.boolean(),
      whole: fc.boolean(),
    }),
    fc.integer({ min: BUCKET_BITS_MIN, max: 10 }).chain((bits) =>
      fc.record({
        ...{
          type: type("copy-begin"),
          copy: u32,
          groups: fc.nat(255),
          refresh: fc.boolean(),
          whole: fc.boolean(),
        },
        buckets: fc.record({
          ...{ bits: fc.constant(bits), seed: u32 },
          set: fc.uint8Array({ minLength: 2 ** bits / 8, maxLength: 2 ** bits / 8 }),
        }),
      }),
    ),
    fc.record({ type: type("copy-end"), copy: u32 }),
    fc.record({ type: type("complete"), copy: u32, purged: u32, refreshed: u32, busyMs: u32 }),
    fc.record({ type: fc.constantFrom("mark" as const, "marked" as const), token: u32 }),
    fc.record({ type: type("heartbeat"), groups: fc.nat(255), sweepSeconds: fc.nat(0xffff) }),
    fc.record({ type: type("offer"), records: fc.uint8Array({ maxLength: 99 }) }),
    fc.record({ type: type("refuse"), reason: text }),
    fc.record({
      type: type("log"),
      place,
      head: fc.maxSafeNat(),
      resumed: fc.boolean(),
      unbroken: fc.boolean(),
    }),
    fc.record({
      ...{ type: type("compare"), groups: fc.nat(255), sweep: u32, seed: u32, paced: fc.boolean() },
      bits: fc.integer({ min: BUCKET_BITS_MIN, max: BUCKET_BITS_MAX }),
    }),
    fc.record({
      ...{ type: type("digest"), sweep: u32, first: fc.nat(1_000), last: fc.boolean() },
      sums: fc
        .array(fc.nat(255), { maxLength: 20 })
        .map((sums) => Uint8Array.from(sums.flatMap((one) => [0, 1, 2, one]))),
    }),
  ),
);

describe("flow-sync frames", () => {
  it("is version 2: a change of any byte below needs a new version", () => {
    assert.equal(FLOW_SYNC_VERSION, 2);
  });

  for (const [frame, bytes] of samples) {
    it(`writes and reads ${frame.type} in these bytes`, () => {
      assert.deepEqual(encodeSyncFrame(frame), hex(bytes));
      assert.deepEqual(decodeSyncFrame(hex(bytes).subarray(4)), frame);
    });
  }

  it("gives a typed error for a frame that is cut anywhere, or too long", () => {
    for (const [frame, text] of samples) {
      const body = hex(text).subarray(4);
      const fixed = openFrames.get(frame.type) ?? body.length;
      for (let length = 0; length < fixed; length++) {
        const result = decodeSyncFrame(body.subarray(0, length));
        assert.ok(result instanceof DecodeError, `${text} at ${length}`);
        assert.equal(result.reason, length === 0 ? "frame-type" : "frame-short");
      }
      if (frame.type === "records" || frame.type === "offer") continue;
      const longer = decodeSyncFrame(Uint8Array.from([...body, 0]));
      // A later version's hello may say more.
      if (frame.type === "hello") assert.deepEqual(longer, frame);
      else if (frame.type === "digest")
        assert.deepEqual(longer, new DecodeError("digest-range", body.length + 1));
      else assert.deepEqual(longer, new DecodeError("frame-long", body.length));
    }
  });

  it("knows fourteen types", () => {
    for (const type of [0, 15, 255]) {
      assert.deepEqual(decodeSyncFrame(Uint8Array.of(type, 0, 0)), new DecodeError("frame-type", 0));
    }
  });

  it("brings any frame back, and cuts long names instead of failing", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        assert.deepEqual(decodeSyncFrame(encodeSyncFrame(frame).subarray(4)), frame);
      }),
    );
    const long = encodeSyncFrame({ type: "refuse", reason: "x".repeat(10_000) });
    assert.deepEqual(decodeSyncFrame(long.subarray(4)), { type: "refuse", reason: "x".repeat(255) });
  });

  it("takes any answer's sequence without an exception, also one that no number holds exactly", () => {
    const bytes = hex("07 ffffffffffffffff 7ff8000000000000");
    const frame = decodeSyncFrame(bytes);
    assert.ok(!(frame instanceof DecodeError));
    encodeSyncFrame(frame);
  });

  it("never throws on random bytes", () => {
    const withType = fc.tuple(fc.nat(15), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(withType, ([type, rest]) => {
        const frame = decodeSyncFrame(Uint8Array.from([type, ...rest]));
        if (!(frame instanceof DecodeError)) encodeSyncFrame(frame);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("SyncFrameSplitter", () => {
  it("finds the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(60)), (frames, cuts) => {
        const stream = Buffer.concat(frames.map(encodeSyncFrame));
        const splitter = new SyncFrameSplitter();
        const heard: SyncFrame[] = [];
        let offset = 0;
        for (const cut of [...cuts, stream.length]) {
          const chunk = stream.subarray(offset, offset + cut);
          assert.equal(
            splitter.push(chunk, (frame) => heard.push(copied(frame))),
            undefined,
          );
          // What was handed in is the caller's again: an unfinished frame must have been copied.
          chunk.fill(0xee);
          offset += cut;
        }
        assert.deepEqual(heard, frames);
      }),
    );
  });

  it("refuses lengths of nothing, and beyond the limit, at once", () => {
    for (const length of [0, FRAME_BYTES_MAX + 1, 0xffffffff]) {
      const header = new Uint8Array(4);
      new DataView(header.buffer).setUint32(0, length);
      const heard: SyncFrame[] = [];
      const fault = new SyncFrameSplitter().push(header, (frame) => heard.push(frame));
      assert.deepEqual(fault, new DecodeError("frame-length", 0));
      assert.deepEqual(heard, []);
    }
  });

  it("takes a frame of exactly the limit", () => {
    const records = new Uint8Array(FRAME_BYTES_MAX - 25);
    const bytes = encodeSyncFrame({ type: "records", sequence: 1, position: 1, sentAtMs: 0, records });
    assert.equal(bytes.length, FRAME_BYTES_MAX + 4);
    let heard = 0;
    assert.equal(
      new SyncFrameSplitter().push(bytes, () => heard++),
      undefined,
    );
    assert.equal(heard, 1);
  });

  it("hands over the frames before a fault, and stops there", () => {
    const good = encodeSyncFrame({ type: "heartbeat", groups: 1, sweepSeconds: 9 });
    const bad = hex("00000001 63");
    const heard: SyncFrame[] = [];
    const fault = new SyncFrameSplitter().push(Buffer.concat([good, bad, good]), (frame) =>
      heard.push(frame),
    );
    assert.deepEqual(fault, new DecodeError("frame-type", 0));
    assert.deepEqual(heard, [{ type: "heartbeat", groups: 1, sweepSeconds: 9 }]);
  });

  it("never throws on random bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
        const splitter = new SyncFrameSplitter();
        for (const chunk of chunks) {
          if (splitter.push(chunk, () => undefined) !== undefined) return;
        }
      }),
    );
  });
});

function copied(frame: SyncFrame): SyncFrame {
  if (frame.type === "records" || frame.type === "offer")
    return { ...frame, records: Uint8Array.from(frame.records) };
  if (frame.type === "digest") return { ...frame, sums: Uint8Array.from(frame.sums) };
  if (frame.type !== "copy-begin" || frame.buckets === undefined) return frame;
  return { ...frame, buckets: { ...frame.buckets, set: Uint8Array.from(frame.buckets.set) } };
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}
