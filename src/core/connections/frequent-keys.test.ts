import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FrequentKeys } from "./frequent-keys.ts";

function keyOf(number: number): Uint8Array {
  return Uint8Array.of(10, number >> 16, (number >> 8) & 0xff, number & 0xff);
}

function numberOf(key: Uint8Array): number {
  return ((key[1] ?? 0) << 16) | ((key[2] ?? 0) << 8) | (key[3] ?? 0);
}

describe("FrequentKeys", () => {
  it("is exact while there are places", () => {
    const keys = new FrequentKeys(8);
    for (let i = 0; i < 8; i++) for (let times = 0; times <= i; times++) keys.add(keyOf(i), 4);
    assert.equal(keys.uncertainty, 0);
    assert.equal(keys.distinct, 8);
    assert.deepEqual(
      keys.most(3).map(({ key, count }) => [numberOf(key), count]),
      [
        [7, 8],
        [6, 7],
        [5, 6],
      ],
    );
  });

  it("knows keys of different lengths apart, and does not keep the caller's memory", () => {
    const keys = new FrequentKeys(8);
    const memory = new Uint8Array(16);
    keys.add(memory, 4);
    keys.add(memory, 16);
    keys.add(memory, 16);
    memory.fill(0xff);
    assert.deepEqual(
      keys.most(9).map(({ key, count }) => [key.length, key[0], count]),
      [
        [16, 0, 2],
        [4, 0, 1],
      ],
    );
  });

  it("keeps its promise: no count is too high, or too low by more than it says", () => {
    const property = fc.property(
      fc.array(fc.nat(40), { maxLength: 400 }),
      fc.constantFrom(1, 2, 4, 8, 16),
      (numbers, places) => {
        const keys = new FrequentKeys(places);
        const truth = new Map<number, number>();
        for (const number of numbers) {
          keys.add(keyOf(number), 4);
          truth.set(number, (truth.get(number) ?? 0) + 1);
        }
        const found = new Map(keys.most(places).map(({ key, count }) => [numberOf(key), count]));
        assert.ok(keys.uncertainty <= numbers.length / (places + 1));
        for (const [number, count] of truth) {
          const said = found.get(number) ?? 0;
          assert.ok(said <= count && said >= count - keys.uncertainty, `${number}: ${said} of ${count}`);
        }
        for (const number of found.keys()) assert.ok(truth.has(number));
        if (truth.size <= places) assert.equal(keys.distinct, truth.size);
        else assert.equal(keys.distinct, undefined);
      },
    );
    fc.assert(property, { numRuns: 300, seed: 7 });
  });

  it("finds the frequent ones among very many", () => {
    const keys = new FrequentKeys(64);
    for (let i = 0; i < 20_000; i++) {
      keys.add(keyOf(1_000 + i), 4);
      if (i % 10 === 0) keys.add(keyOf(1), 4);
      if (i % 20 === 0) keys.add(keyOf(2), 4);
    }
    assert.deepEqual(
      keys.most(2).map(({ key }) => numberOf(key)),
      [1, 2],
    );
  });
});
