import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "./prng.ts";

describe("seededRandom", () => {
  it("gives the same numbers for the same seed, for ever: printed seeds must go on to work", () => {
    const random = seededRandom(42);
    const numbers = [random(), random(), random()].map((number) => number.toFixed(9));
    assert.deepEqual(numbers, ["0.601103752", "0.448290559", "0.852465793"]);
  });

  it("gives other numbers for other seeds, also neighbours and negative ones", () => {
    const firsts = [-2, -1, 0, 1, 2, 0xffffffff + 2].map((seed) => seededRandom(seed)());
    // Seeds count modulo 2^32: the last one is 1 again.
    assert.equal(new Set(firsts).size, 5);
  });

  it("spreads evenly over [0, 1)", () => {
    const random = seededRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const number = random();
      assert.ok(number >= 0 && number < 1);
      const place = Math.floor(number * 10);
      tenths[place] = (tenths[place] ?? 0) + 1;
    }
    for (const count of tenths) assert.ok(count > 850 && count < 1_150, String(tenths));
  });
});
