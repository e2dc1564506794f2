import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ChangeLog } from "./change-log.ts";

function logOf(capacityBytes = 100, batches = 10): ChangeLog {
  return new ChangeLog({ capacityBytes, batches, session: 1 });
}

function bytes(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

describe("ChangeLog", () => {
  it("gives batches that lie together in one piece, from any batch on", () => {
    const log = logOf();
    log.append(bytes(10, 1), 2);
    log.append(bytes(5, 2), 1);
    assert.deepEqual(log.read(0, 100), {
      records: Uint8Array.from([...bytes(10, 1), ...bytes(5, 2)]),
      next: 3,
    });
    assert.deepEqual(log.read(2, 100), { records: bytes(5, 2), next: 3 });
    assert.deepEqual(log.read(0, 12), { records: bytes(10, 1), next: 2 }, "not more than asked for");
    assert.deepEqual(log.read(0, 1), { records: bytes(10, 1), next: 2 }, "but one batch at least");
    assert.equal(log.read(3, 100), undefined, "nothing has happened since");
    assert.equal(log.read(1, 100), "gone", "within a batch nothing begins");
  });

  it("forgets what is oldest when its bytes or its batches are used up", () => {
    const full = logOf(20, 10);
    for (let i = 0; i < 3; i++) full.append(bytes(8, i), 1);
    assert.equal(full.tail, 1);
    assert.equal(full.read(0, 100), "gone");
    assert.deepEqual(full.read(1, 100), { records: bytes(8, 1), next: 2 });
    const many = logOf(100, 2);
    for (let i = 0; i < 3; i++) many.append(bytes(1, i), 1);
    assert.equal(many.tail, 1);
  });

  it("begins anew under another name", () => {
    const log = logOf();
    log.append(bytes(10, 1), 2);
    log.restart(9);
    assert.equal(log.session, 9);
    assert.equal(log.head, 0);
    assert.equal(log.read(2, 100), "gone");
    log.append(bytes(3, 7), 1);
    assert.deepEqual(log.read(0, 100), { records: bytes(3, 7), next: 1 });
  });

  it("refuses a batch that can never fit", () => {
    assert.throws(() => logOf(10).append(bytes(11, 0), 1), /larger than the whole log/);
  });

  it("tells every reader the same as an endless list would, or that it is too late", () => {
    const batch = fc.record({
      length: fc.integer({ min: 1, max: 30 }),
      count: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 60 }), fc.integer({ min: 1, max: 80 }), (batches, most) => {
        const log = logOf(100, 8);
        const all: { position: number; records: Uint8Array }[] = [];
        for (const [index, { length, count }] of batches.entries()) {
          const records = bytes(length, index + 1);
          all.push({ position: log.head, records });
          log.append(records, count);
        }
        for (let first = 0; first < all.length; first++) {
          const from = all[first]?.position ?? 0;
          const read = log.read(from, most);
          assert.equal(read === "gone", from < log.tail, "gone is what lies before the tail");
          if (read === "gone" || read === undefined) continue;
          const until = all.findIndex(({ position }) => position === read.next);
          const expected = all.slice(first, until === -1 ? all.length : until);
          assert.deepEqual(
            [...read.records],
            expected.flatMap(({ records }) => [...records]),
          );
        }
      }),
    );
  });
});
