import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  compareIp,
  equalIp,
  formatIp,
  formatNetwork,
  ipFamily,
  isLinkLocal,
  networkBase,
  networkContains,
  parseIp,
  parseNetwork,
  validIp,
} from "./ip.ts";

const anyAddress = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Zeros in rows, as people write them.
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 })
    .map((bytes) => Uint8Array.from(bytes)),
);

describe("addresses", () => {
  it("have the canonical text of RFC 5952", () => {
    for (const [written, canonical] of [
      ["192.0.2.1", "192.0.2.1"],
      ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
      ["2001:0DB8::0001", "2001:db8::1"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // 4.2.2: one group of zeros is not shortened
      ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // 4.2.3: the longest run
      ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // 4.2.3: the first of equal runs
      ["0:0:0:0:0:0:0:0", "::"],
      ["::ffff:192.0.2.1", "::ffff:c000:201"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ] as const) {
      const address = parseIp(written);
      assert.ok(address, written);
      assert.equal(formatIp(address), canonical);
    }
  });

  it("come back from their text", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const text = formatIp(address);
        assert.deepEqual(parseIp(text), address);
        assert.ok(address.length === 4 ? isIPv4(text) : isIPv6(text), text);
      }),
    );
  });

  it("are refused where Node.js refuses them, and never throw", () => {
    const pieces = fc.constantFrom(
      "::",
      ":",
      ".",
      "0",
      "00",
      "1",
      "255",
      "256",
      "ffff",
      "g",
      "192.0.2.1",
      "%eth0",
      " ",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const address = parseIp(text);
        const isOne = isIPv4(text) || (isIPv6(text) && !text.includes("%"));
        assert.equal(address !== undefined, isOne, JSON.stringify(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it("that look octal, and IPv6 with a zone index, are refused", () => {
    for (const text of ["192.0.2.010", "1.2.3", "1.2.3.4.5", "fe80::1%eth0", "1::2::3", "12345::", ""]) {
      assert.equal(parseIp(text), undefined, text);
      assert.throws(() => validIp(text));
    }
  });

  it("are ordered as numbers, IPv4 first", () => {
    const sorted = ["9.0.0.1", "10.0.0.1", "10.0.0.10", "::1", "fd00::1"].map(validIp);
    for (const [i, a] of sorted.entries()) {
      for (const [j, b] of sorted.entries()) assert.equal(Math.sign(compareIp(a, b)), Math.sign(i - j));
    }
    assert.ok(equalIp(validIp("::1"), validIp("0::1")));
    assert.deepEqual(sorted.map(ipFamily), [4, 4, 4, 6, 6]);
  });

  it("know link-local ones", () => {
    for (const text of ["fe80::1", "febf::1", "169.254.0.1"]) assert.ok(isLinkLocal(validIp(text)), text);
    for (const text of ["fec0::1", "fd00::1", "169.253.0.1", "10.0.0.1"])
      assert.ok(!isLinkLocal(validIp(text)), text);
  });
});

describe("networks", () => {
  it("are read with their prefix length, host bits kept", () => {
    for (const text of ["192.0.2.7/24", "0.0.0.0/0", "2001:db8::7/64", "::/0", "10.0.0.1/32", "::1/128"]) {
      const network = parseNetwork(text);
      assert.ok(network);
      assert.equal(formatNetwork(network), text);
    }
    assert.equal(parseNetwork("192.0.2.7")?.prefixLength, 32);
    for (const text of [
      "192.0.2.7/33",
      "::/129",
      "192.0.2.7/",
      "192.0.2.7/024",
      "192.0.2.7/24/1",
      "192.0.2.7/-1",
    ]) {
      assert.equal(parseNetwork(text), undefined, text);
    }
  });

  it("contain exactly the addresses with the same first bits", () => {
    const bits = (address: Uint8Array) =>
      Array.from(address, (byte) => byte.toString(2).padStart(8, "0")).join("");
    fc.assert(
      fc.property(anyAddress, fc.nat(128), fc.nat(127), (address, length, flip) => {
        const prefixLength = length % (address.length * 8 + 1);
        const other = address.slice();
        const place = flip % (address.length * 8);
        other[place >> 3] = (other[place >> 3] ?? 0) ^ (0x80 >> (place & 7));
        const network = { address, prefixLength };
        const base = networkBase(network).address;
        const expected = bits(address)
          .slice(0, prefixLength)
          .padEnd(address.length * 8, "0");
        assert.equal(bits(base), expected);
        assert.ok(networkContains(network, address));
        assert.equal(networkContains(network, other), place >= prefixLength);
      }),
    );
    assert.ok(!networkContains({ address: validIp("::"), prefixLength: 0 }, validIp("10.0.0.1")));
  });
});
