import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { anyFlow, flowOf, flowText, goldenFlows } from "../../wire/flows.test-data.ts";
import { BucketSet } from "./bucket-set.ts";
import { Comparison } from "./comparison.ts";
import { bucketBits, TableDigest } from "./table-digest.ts";

const BITS = 8;
const SEED = 12_345;

function digestOf(flows: Iterable<ReturnType<typeof flowOf>>): TableDigest {
  const digest = new TableDigest(BITS, SEED);
  for (const flow of flows) digest.add(flow);
  return digest;
}

function sumsOf(digest: TableDigest): Uint8Array {
  const sums = new Uint8Array(digest.sums.length * 4);
  const view = new DataView(sums.buffer);
  for (const [index, sum] of digest.sums.entries()) view.setUint32(4 * index, sum);
  return sums;
}

function compare(regular: boolean): Comparison {
  return new Comparison({ number: 1, groups: 1, bits: BITS, seed: SEED, regular, deadlineMs: 0 });
}

const golden = Object.values(goldenFlows());

describe("TableDigest", () => {
  it("is the same in any order, and another when a flow, its translation or its mark is another", () => {
    const [first, ...rest] = golden;
    assert.ok(first);
    const whole = digestOf(golden);
    assert.ok(whole.differing(digestOf([...rest, first]).sums).isEmpty);
    assert.equal(whole.differing(digestOf(rest).sums).size, 1);
    const text = flowText(first);
    const marked = flowOf({ ...text, mark: (text.mark ?? 0) + 1 });
    assert.equal(whole.differing(digestOf([marked, ...rest]).sums).size, 1);
  });

  it("does not care for timers and states, which differ between nodes all the time", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        const before = digestOf([flow]);
        flow.timeoutSeconds++;
        flow.tcpState = 7;
        flow.kernelId = 99;
        assert.ok(before.differing(digestOf([flow]).sums).isEmpty);
      }),
    );
  });

  it("takes as many buckets as a frame can tell of, and no more", () => {
    assert.deepEqual(
      [0, 1, 1_024, 1_025, 100_000, 1_000_000, 100_000_000].map(bucketBits),
      [8, 8, 8, 9, 15, 18, 18],
    );
  });
});

describe("Comparison", () => {
  const [changed, ...same] = golden;
  assert.ok(changed);

  it("finds the bucket in which the tables differ, when both sides are known", () => {
    const comparison = compare(true);
    comparison.own = digestOf(golden);
    assert.ok(!comparison.isReady);
    const sums = sumsOf(digestOf(same));
    assert.ok(comparison.receive(0, sums.subarray(0, 400), false));
    assert.ok(!comparison.isReady);
    assert.ok(comparison.receive(100, sums.subarray(400), true));
    assert.ok(comparison.isReady);
    const result = comparison.result();
    assert.equal(result.size, 1);
    assert.ok(result.has(comparison.bucketing.bucket(changed)));
  });

  it("leaves what changed meanwhile to the next sweep; where something was lost it is taken along", () => {
    for (const [regular, size] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const comparison = compare(regular);
      comparison.touch(changed);
      comparison.own = digestOf(golden);
      comparison.receive(0, sumsOf(digestOf(same)), true);
      assert.equal(comparison.result().size, size);
    }
    const equal = compare(false);
    equal.touch(changed);
    equal.own = digestOf(golden);
    equal.receive(0, sumsOf(digestOf(golden)), true);
    assert.equal(equal.result().size, 1, "touched and equal is still unknown");
  });

  it("refuses sums that are not the next, too many, or too few at the end", () => {
    const sums = sumsOf(digestOf(golden));
    assert.ok(!compare(true).receive(1, sums.subarray(0, 4), false));
    assert.ok(!compare(true).receive(0, new Uint8Array(sums.length + 4), true));
    assert.ok(!compare(true).receive(0, sums.subarray(4), true));
    const done = compare(true);
    assert.ok(done.receive(0, sums, true));
    assert.ok(!done.receive(256, new Uint8Array(0), true));
  });
});

describe("BucketSet", () => {
  it("holds what was added, as bits from the least significant on", () => {
    const set = new BucketSet(8);
    assert.ok(set.isEmpty);
    for (const bucket of [0, 9, 255]) set.add(bucket);
    assert.deepEqual([set.bytes[0], set.bytes[1], set.bytes[31]], [1, 2, 128]);
    assert.equal(set.size, 3);
    assert.deepEqual(
      [0, 1, 8, 9, 254, 255].map((bucket) => set.has(bucket)),
      [true, false, false, true, false, true],
    );
    assert.throws(() => new BucketSet(8, new Uint8Array(31)));
  });
});
