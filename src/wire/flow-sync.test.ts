import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../base/decode-error.ts";
import {
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
    { type: "hello", version: 1, cluster: "campus", node: "gw1" },
    "0000000e 01 0001 06 63616d707573 03 677731",
  ],
  [
    { type: "records", sequence: 258, sentAtMs: 1.5, records: Uint8Array.of(9, 8, 7) },
    "00000014 02 0000000000000102 3ff8000000000000 090807",
  ],
  [{ type: "copy-begin", copy: 3, refresh: false, whole: false }, "00000006 03 00000003 00"],
  [{ type: "copy-begin", copy: 4, refresh: true, whole: true }, "00000006 03 00000004 03"],
  [{ type: "copy-end", copy: 3 }, "00000005 04 00000003"],
  [{ type: "mark", token: 77 }, "00000005 05 0000004d"],
  [{ type: "heartbeat", active: true }, "00000002 06 01"],
  [{ type: "heartbeat", active: false }, "00000002 06 00"],
  [{ type: "acknowledge", sequence: 258, sentAtMs: 1.5 }, "00000011 07 0000000000000102 3ff8000000000000"],
  [{ type: "marked", token: 77 }, "00000005 08 0000004d"],
  [{ type: "complete", copy: 3 }, "00000005 09 00000003"],
  [{ type: "refuse", reason: "no" }, "00000004 0a 02 6e6f"],
];

const u32 = fc.nat(0xffffffff);
const text = fc.string({ maxLength: 60 });
const number = fc.double({ noNaN: true });
const anyFrame: fc.Arbitrary<SyncFrame> = fc.oneof(
  fc.tuple(fc.nat(0xffff), text, text).map(([version, cluster, node]) => ({
    ...({ type: "hello", version, cluster, node } as const),
  })),
  fc
    .tuple(fc.maxSafeNat(), number, fc.uint8Array({ maxLength: 500 }))
    .map(([sequence, sentAtMs, records]) => ({
      ...({ type: "records", sequence, sentAtMs, records } as const),
    })),
  fc.tuple(fc.maxSafeNat(), number).map(([sequence, sentAtMs]) => ({
    ...({ type: "acknowledge", sequence, sentAtMs } as const),
  })),
  fc
    .tuple(u32, fc.boolean(), fc.boolean())
    .map(([copy, refresh, whole]) => ({ type: "copy-begin", copy, refresh, whole }) as const),
  fc.tuple(fc.constantFrom("copy-end", "complete"), u32).map(([type, copy]) => ({ type, copy }) as const),
  fc.tuple(fc.constantFrom("mark", "marked"), u32).map(([type, token]) => ({ type, token }) as const),
  fc.boolean().map((active) => ({ type: "heartbeat", active }) as const),
  text.map((reason) => ({ type: "refuse", reason }) as const),
);

describe("flow-sync frames", () => {
  it("is version 1: a change of any byte below needs a new version", () => {
    assert.equal(FLOW_SYNC_VERSION, 1);
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
      // Whatever follows the fixed part of a records frame is records.
      const fixed = frame.type === "records" ? 17 : body.length;
      for (let length = 0; length < fixed; length++) {
        const result = decodeSyncFrame(body.subarray(0, length));
        assert.ok(result instanceof DecodeError, `${text} at ${length}`);
        assert.equal(result.reason, length === 0 ? "frame-type" : "frame-short");
      }
      if (frame.type === "records") continue;
      const longer = decodeSyncFrame(Uint8Array.from([...body, 0]));
      assert.deepEqual(longer, new DecodeError("frame-long", body.length));
    }
  });

  it("knows ten types", () => {
    for (const type of [0, 11, 255]) {
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
    const withType = fc.tuple(fc.nat(12), fc.uint8Array({ maxLength: 300 }));
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
    const records = new Uint8Array(FRAME_BYTES_MAX - 17);
    const bytes = encodeSyncFrame({ type: "records", sequence: 1, sentAtMs: 0, records });
    assert.equal(bytes.length, FRAME_BYTES_MAX + 4);
    let heard = 0;
    assert.equal(
      new SyncFrameSplitter().push(bytes, () => heard++),
      undefined,
    );
    assert.equal(heard, 1);
  });

  it("hands over the frames before a fault, and stops there", () => {
    const good = encodeSyncFrame({ type: "heartbeat", active: true });
    const bad = hex("00000001 63");
    const heard: SyncFrame[] = [];
    const fault = new SyncFrameSplitter().push(Buffer.concat([good, bad, good]), (frame) =>
      heard.push(frame),
    );
    assert.deepEqual(fault, new DecodeError("frame-type", 0));
    assert.deepEqual(heard, [{ type: "heartbeat", active: true }]);
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
  return frame.type === "records" ? { ...frame, records: Uint8Array.from(frame.records) } : frame;
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}
