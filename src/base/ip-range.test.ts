import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatIp, validIp } from "./ip.ts";
import {
  everyIp,
  firstOutside,
  formatIpEnds,
  formatIpRange,
  type IpRange,
  ipInRange,
  mergeIpRanges,
  otherRanges,
  overlappingPairs,
  parseIpRange,
  placeInRange,
  rangeContains,
  rangeOfIp,
  rangeOverlap,
  rangeSize,
  rangesContain,
  rangesHaveFamily,
  rangesOverlap,
} from "./ip-range.ts";

function ranges(...texts: string[]): IpRange[] {
  return texts.map(range);
}

function range(text: string): IpRange {
  const parsed = parseIpRange(text);
  assert.ok(parsed, text);
  return parsed;
}

describe("ranges of addresses", () => {
  it("are read from an address, two ends, or a network", () => {
    const texts: readonly [string, string, number][] = [
      ["192.0.2.1", "192.0.2.1", 1],
      ["192.0.2.10-192.0.2.20", "192.0.2.10-192.0.2.20", 11],
      ["192.0.2.10 - 192.0.2.10", "192.0.2.10", 1],
      ["192.0.2.0/30", "192.0.2.0-192.0.2.3", 4],
      ["192.0.2.250-192.0.3.5", "192.0.2.250-192.0.3.5", 12],
      ["0.0.0.0/0", "0.0.0.0-255.255.255.255", 2 ** 32],
      ["2001:db8::10-2001:DB8:0::1F", "2001:db8::10-2001:db8::1f", 16],
      ["2001:db8::/64", "2001:db8::-2001:db8::ffff:ffff:ffff:ffff", 2 ** 64],
    ];
    for (const [text, canonical, size] of texts) {
      assert.equal(formatIpEnds(range(text)), canonical);
      assert.equal(rangeSize(range(text)), size);
    }
    for (const bad of ["", "-", "192.0.2.1-", "192.0.2.20-192.0.2.10", "192.0.2.1-::1", "1-2", "::1-::2-::3"])
      assert.equal(parseIpRange(bad), undefined, bad);
  });

  it("contain and overlap", () => {
    const pool = range("192.0.2.250-192.0.3.5");
    assert.ok(rangeContains(pool, validIp("192.0.2.255")));
    assert.ok(!rangeContains(pool, validIp("192.0.2.249")) && !rangeContains(pool, validIp("192.0.3.6")));
    assert.ok(!rangeContains(range("::/0"), validIp("192.0.2.1")));
    assert.deepEqual(rangeOverlap(pool, range("192.0.3.0/24")), range("192.0.3.0-192.0.3.5"));
    assert.equal(rangeOverlap(pool, range("192.0.3.6-192.0.3.9")), undefined);
    assert.equal(rangeOverlap(pool, range("::/0")), undefined);
  });

  it("tell the first address that is missing in others", () => {
    const parts = [range("192.0.2.13-192.0.2.20"), range("192.0.2.0-192.0.2.11"), range("192.0.2.12")];
    assert.equal(firstOutside(range("192.0.2.10-192.0.2.20"), parts), undefined);
    assert.deepEqual(firstOutside(range("192.0.2.10-192.0.2.20"), parts.slice(0, 2)), validIp("192.0.2.12"));
    assert.deepEqual(firstOutside(range("192.0.2.10-192.0.2.21"), parts), validIp("192.0.2.21"));
  });

  it("are found where they overlap, in the order of the list", () => {
    const pairs = (texts: readonly string[]) => overlappingPairs(texts, range);
    assert.deepEqual(pairs(["10.0.0.5-10.0.0.9", "10.0.0.1-10.0.0.4", "10.0.0.10", "::a00:1-::a00:9"]), []);
    assert.deepEqual(pairs(["10.0.0.5-10.0.0.9", "10.0.0.0/8"]), [["10.0.0.5-10.0.0.9", "10.0.0.0/8"]]);
    assert.deepEqual(pairs(["10.0.0.0/8", "10.0.0.1", "10.9.9.9", "11.0.0.1"]), [
      ["10.0.0.0/8", "10.0.0.1"],
      ["10.0.0.0/8", "10.9.9.9"],
    ]);
    const twice = ["10.0.0.0/8", "10.0.0.1"];
    assert.deepEqual(
      overlappingPairs(twice, range, () => true),
      [],
    );
  });

  it("count places", () => {
    const pool = range("192.0.2.250-192.0.3.4");
    assert.equal(formatIp(ipInRange(pool, 10)), "192.0.3.4");
    assert.equal(placeInRange(pool, validIp("192.0.3.4")), 10);
    for (const outside of ["192.0.3.5", "192.0.2.249", "::c000:2fa"])
      assert.equal(placeInRange(pool, validIp(outside)), undefined);
    const wide = range("2001:db8::/64");
    assert.equal(formatIp(ipInRange(wide, 0x1_0000_0001)), "2001:db8::1:0:1");
    assert.equal(placeInRange(wide, validIp("2001:db8::1:0:1")), 0x1_0000_0001);
    assert.equal(
      formatIpRange(rangeOfIp(validIp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))),
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    );
  });

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
        const some = mergeIpRanges(list.slice(0, 3));
        assert.ok(rangesContain(merged, some));
        assert.deepEqual(rangesOverlap(merged, some), some);
        for (const family of [4, 6] as const) {
          const others = otherRanges(some, family);
          const own = some.filter((one) => one.family === family);
          assert.deepEqual(rangesOverlap(some, others), []);
          assert.deepEqual(
            mergeIpRanges([...own, ...others]),
            everyIp.filter((one) => one.family === family),
          );
        }
        assert.deepEqual(
          merged.flatMap((one) => parseIpRange(formatIpRange(one)) ?? []),
          merged,
        );
      }),
      { numRuns: 500, seed: 20_261_126 },
    );
  });
});
