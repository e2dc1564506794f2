import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIp, validIp } from "./ip.ts";
import {
  firstOutside,
  formatIpRange,
  type IpRange,
  ipAfter,
  overlappingPairs,
  parseIpRange,
  placesAfter,
  rangeContains,
  rangeOverlap,
  rangeSize,
} from "./ip-range.ts";

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
      assert.equal(formatIpRange(range(text)), canonical);
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
    assert.equal(formatIp(ipAfter(validIp("192.0.2.250"), 10)), "192.0.3.4");
    assert.equal(placesAfter(validIp("192.0.2.250"), validIp("192.0.3.4")), 10);
  });
});
