import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BytePattern } from "./byte-pattern.ts";

/** The first bytes of a sequence, read in pieces of the given lengths. */
function bytesOf(pattern: BytePattern, pieces: readonly number[]): Buffer {
  return Buffer.concat(pieces.map((length) => pattern.next(length)));
}

const pieces = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 60 });

test("a sequence is the same however it is cut", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), pieces, pieces, (connection, sent, received) => {
      const bytes = bytesOf(new BytePattern(connection, "to-server"), sent);
      const expected = new BytePattern(connection, "to-server");
      let offset = 0;
      for (const length of received) {
        const piece = bytes.subarray(offset, offset + length);
        if (!expected.matches(piece)) return false;
        offset += piece.length;
      }
      return true;
    }),
  );
});

test("one changed, lost or repeated byte is noticed", () => {
  fc.assert(
    fc.property(
      fc.nat(1_000),
      fc.nat(1_999),
      fc.constantFrom("change", "lose", "repeat"),
      (id, at, fault) => {
        const bytes = Buffer.from(bytesOf(new BytePattern(id, "to-client"), [2_100]));
        const broken = {
          change: Buffer.concat([
            bytes.subarray(0, at),
            Buffer.of((bytes[at] ?? 0) ^ 1),
            bytes.subarray(at + 1),
          ]),
          lose: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
          repeat: Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)]),
        }[fault];
        return !new BytePattern(id, "to-client").matches(broken);
      },
    ),
  );
});

test("connections and directions have different sequences", () => {
  const first = new BytePattern(7, "to-server").next(64);
  assert.equal(new BytePattern(8, "to-server").matches(first), false);
  assert.equal(new BytePattern(7, "to-client").matches(first), false);
});

test("a sequence goes on beyond the end of its table", () => {
  const bytes = bytesOf(new BytePattern(1, "to-server"), new Array(100).fill(1_500));
  assert.equal(bytes.length, 150_000);
  assert.equal(new BytePattern(1, "to-server").matches(bytes), true);
});
