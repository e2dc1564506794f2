import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isDecodeError } from "../base/decode-error.ts";
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";
import {
  decodeNeighborAdvertisement,
  encodeNeighborSolicitation,
  encodeUnsolicitedNeighborAdvertisement,
} from "./ndp.ts";

const mac = parseMac("02:00:00:00:00:0a")!;
const address = parseIp("fe80::1")!;
// Sent by keepalived 2.2.7 (Debian 12) when it became master, captured with tcpdump -xx.
const fromKeepalived = bytes(
  `333300000001 02000000000a 86dd 60000000 0020 3aff
   fe80 0000 0000 0000 0000 0000 0000 0001 ff02 0000 0000 0000 0000 0000 0000 0001
   8800 5792 20000000 fe80 0000 0000 0000 0000 0000 0000 0001 0201 02000000000a`,
);

it("a neighbour solicitation goes to the solicited-node group, with the sender's hardware address (RFC 4861 4.3)", () => {
  const frame = encodeNeighborSolicitation({ mac, sender: address, target: parseIp("fd00:1::1:2:3")! });
  const expected = bytes(
    `3333ff020003 02000000000a 86dd 60000000 0020 3aff
     fe80 0000 0000 0000 0000 0000 0000 0001 ff02 0000 0000 0000 0000 0001 ff02 0003
     8700 0000 00000000 fd00 0001 0000 0000 0000 0001 0002 0003 0101 02000000000a`,
  );
  const sum = internetChecksum(
    pseudoHeader({ source: address, destination: frame.subarray(38, 54), protocol: 58, length: 32 }),
    frame.subarray(54),
  );
  assert.equal(sum, 0);
  frame.set([0, 0], 56);
  assert.deepEqual(frame, expected);
});

describe("unsolicited neighbour advertisement", () => {
  it("differs from keepalived's only in the Router flag, and so in the checksum", () => {
    const expected = fromKeepalived.slice();
    expected.set([0xd7, 0x91], 56); // 0x5792 + 0x8000 less for the flag, in one's complement.
    expected[58] = 0xa0;
    assert.deepEqual(encodeUnsolicitedNeighborAdvertisement({ mac, address }), expected);
  });

  it("decodes its own and keepalived's", () => {
    assert.deepEqual(decodeNeighborAdvertisement(fromKeepalived), { mac, address });
    const own = encodeUnsolicitedNeighborAdvertisement({ mac, address });
    assert.deepEqual(decodeNeighborAdvertisement(own), { mac, address });
  });

  it("is a typed error when cut at any byte", () => {
    for (let length = 0; length < fromKeepalived.length; length++) {
      assert.ok(
        isDecodeError(decodeNeighborAdvertisement(fromKeepalived.subarray(0, length))),
        `${length} bytes`,
      );
    }
  });

  for (const [name, offset, value, reason] of [
    ["another EtherType", 13, 0, "ethernet-type"],
    ["another IP version", 14, 0x40, "ipv6-header"],
    ["another next header", 20, 17, "ipv6-next-header"],
    ["a routed packet", 21, 64, "ipv6-hop-limit"],
    ["a length beyond the frame", 19, 99, "ndp-length"],
    ["a damaged target", 77, 9, "ndp-checksum"],
    ["another ICMPv6 type", 54, 135, "ndp-type"],
    ["an option of length 0", 79, 0, "ndp-options"],
    ["an option that is cut", 79, 2, "ndp-options"],
    ["no target link-layer address", 78, 1, "ndp-options"],
  ] as const) {
    it(`refuses ${name}: ${reason}`, () => {
      const damaged = fromKeepalived.slice();
      damaged[offset] = value;
      if (reason !== "ndp-checksum") fixChecksum(damaged);
      const result = decodeNeighborAdvertisement(damaged);
      assert.ok(isDecodeError(result));
      assert.equal(result.reason, reason);
    });
  }

  it("skips options that it does not know", () => {
    const longer = new Uint8Array(fromKeepalived.length + 16);
    longer.set(fromKeepalived.subarray(0, 78));
    longer.set([14, 2], 78); // A nonce (RFC 3971 5.3.2), 16 bytes.
    longer.set(fromKeepalived.subarray(78), 94);
    longer[19] = 48;
    fixChecksum(longer);
    assert.deepEqual(decodeNeighborAdvertisement(longer), { mac, address });
  });

  it("returns a value or a typed error for any bytes behind a good header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (random, isBehindHeader) => {
        const frame = isBehindHeader ? Uint8Array.of(...fromKeepalived.subarray(0, 78), ...random) : random;
        if (isBehindHeader) {
          frame[19] = frame.length - 54;
          fixChecksum(frame);
        }
        const result = decodeNeighborAdvertisement(frame);
        return isDecodeError(result) || result.mac.length === 6;
      }),
      { numRuns: 1_000 },
    );
  });
});

function fixChecksum(frame: Uint8Array): void {
  frame.set([0, 0], 56);
  const pseudo = new Uint8Array(40);
  pseudo.set(frame.subarray(22, 54));
  pseudo[35] = frame.length - 54;
  pseudo[39] = 58;
  const checksum = internetChecksum(pseudo, frame.subarray(54));
  frame.set([checksum >> 8, checksum & 0xff], 56);
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}
