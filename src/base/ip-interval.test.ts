import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  everyIp,
  formatIpRange,
  type IpRange,
  mergeIpRanges,
  parseIpRange,
  rangesContain,
  rangesHaveFamily,
} from "./ip-interval.ts";

function ranges(...texts: string[]): IpRange[] {
  return texts.map((text) => {
    const range = parseIpRange(text);
    assert.ok(range, text);
    return range;
  });
}

describe("address ranges", () => {
  it("read addresses, networks and ranges, and are written as short as can be", () => {
    const texts = [
      ["10.0.0.7", "10.0.0.7"],
      ["10.0.0.7/32", "10.0.0.7"],
      ["10.0.0.7/24", "10.0.0.0/24"],
      ["10.0.0.0-10.0.0.255", "10.0.0.0/24"],
      ["10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"],
      ["10.0.0.5-10.0.0.5", "10.0.0.5"],
      ["0.0.0.0/0", "0.0.0.0/0"],
      ["::/0", "::/0"],
      ["2001:db8::1-2001:db8::3", "2001:db8::1-2001:db8::3"],
      ["2001:db8::/128", "2001:db8::"],
      ["2001:db8::-2001:db8::ffff", "2001:db8::/112"],
    ] as const;
    for (const [text, written] of texts) assert.deepEqual(ranges(text).map(formatIpRange), [written]);
  });

  it("refuse what is no range", () => {
    for (const text of [
      "",
      "-",
      "10.0.0.9-10.0.0.1",
      "10.0.0.1-::1",
      "1-2-3",
      "10.0.0.0/33",
      "web",
      "10.0.0.1-",
    ])
      assert.equal(parseIpRange(text), undefined, text);
  });

  it("merge what overlaps or touches, and keep the families apart", () => {
    const merged = mergeIpRanges(
      ranges("::/1", "10.0.0.128/25", "10.0.0.0/25", "10.0.0.7", "255.255.255.255", "8000::/1", "10.0.1.1"),
    );
    assert.deepEqual(merged.map(formatIpRange), ["10.0.0.0/24", "10.0.1.1", "255.255.255.255", "::/0"]);
  });

  it("tell whether one list holds another", () => {
    const outer = mergeIpRanges(ranges("10.0.0.0/8", "192.0.2.0/25", "fd00::/8"));
    assert.equal(rangesContain(outer, mergeIpRanges(ranges("10.9.0.0/16", "fd00:1::1"))), true);
    assert.equal(rangesContain(outer, mergeIpRanges(ranges("192.0.2.0/24"))), false);
    assert.equal(rangesContain(outer, mergeIpRanges(ranges("9.255.255.255"))), false);
    assert.equal(rangesContain(outer, []), true);
    assert.equal(rangesContain([], mergeIpRanges(ranges("::1"))), false);
    assert.equal(rangesContain(everyIp, outer), true);
    const has = (...texts: string[]) =>
      [4, 6].map((family) => rangesHaveFamily(mergeIpRanges(ranges(...texts)), family === 4 ? 4 : 6));
    assert.deepEqual(
      [has(), has("::1"), has("10.0.0.1"), has("::1", "10.0.0.1")],
      [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ],
    );
  });

  it("merge any lists to disjoint ones with the same addresses", () => {
    const small = fc.tuple(fc.nat(60), fc.nat(20), fc.constantFrom<4 | 6>(4, 6)).map(
      ([first, length, family]): IpRange => ({
        family,
        first: BigInt(first),
        last: BigInt(first + length),
      }),
    );
    fc.assert(
      fc.property(fc.array(small, { maxLength: 12 }), (list) => {
        const merged = mergeIpRanges(list);
        for (const family of [4, 6] as const)
          for (let at = 0n; at < 90n; at++) {
            const holds = (all: readonly IpRange[]) =>
              all.filter((one) => one.family === family && one.first <= at && at <= one.last).length;
            assert.equal(holds(merged), holds(list) > 0 ? 1 : 0);
          }
        assert.ok(rangesContain(merged, mergeIpRanges(list.slice(0, 3))));
        assert.deepEqual(
          merged.flatMap((one) => parseIpRange(formatIpRange(one)) ?? []),
          merged,
        );
      }),
      { numRuns: 500, seed: 20_261_126 },
    );
  });
});
