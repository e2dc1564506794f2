import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseIp } from "../base/ip.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";

describe("Internet checksum", () => {
  it("is the complement of the sum in the example of RFC 1071 3", () => {
    assert.equal(
      internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)),
      0xffff - 0xddf2,
    );
  });

  it("pads an odd last byte with zero", () => {
    assert.equal(internetChecksum(Uint8Array.of(0x12)), internetChecksum(Uint8Array.of(0x12, 0x00)));
  });

  it("is the same over parts as over the whole", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(1_000), (bytes, half) => {
        const cut = Math.min(bytes.length, 2 * half);
        return internetChecksum(bytes) === internetChecksum(bytes.subarray(0, cut), bytes.subarray(cut));
      }),
    );
  });

  it("is 0 over bytes that hold it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 1_500 }), (bytes) => {
        bytes.set([0, 0], 0);
        const checksum = internetChecksum(bytes);
        bytes.set([checksum >> 8, checksum & 0xff], 0);
        return internetChecksum(bytes) === 0;
      }),
    );
  });

  it("lays out the pseudo-headers of IPv4 and IPv6", () => {
    const v4 = {
      source: parseIp("10.1.0.3")!,
      destination: parseIp("224.0.0.18")!,
      protocol: 112,
      length: 16,
    };
    assert.equal(text(pseudoHeader(v4)), "0a010003e000001200700010");
    const v6 = { source: parseIp("fe80::a")!, destination: parseIp("ff02::12")!, protocol: 112, length: 40 };
    assert.equal(
      text(pseudoHeader(v6)),
      "fe80000000000000000000000000000aff0200000000000000000000000000120000002800000070",
    );
  });
});

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
