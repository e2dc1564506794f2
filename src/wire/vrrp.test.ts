import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError, isDecodeError } from "../base/decode-error.ts";
import { formatIp, type IpAddress, parseIp } from "../base/ip.ts";
import { formatMac, parseMac } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";
import {
  decodeAdvertisementFrame,
  encodeAdvertisement,
  encodeAdvertisementFrame,
  type VrrpPacket,
  type VrrpVersion,
  virtualRouterMac,
} from "./vrrp.ts";

// Sent by keepalived 2.2.7 (Debian 12) with vrrp_version 3, virtual_router_id 51, priority 120, advert_int 0.1,
// captured with tcpdump -xx at the other end of a veth pair. Checksums over pseudo-header and message.
const keepalivedV4 = hex(`
  0100 5e00 0012 0200 0000 000a 0800                 Ethernet: 224.0.0.18's group, source, IPv4
  45c0 0024 0001 0000 ff70 d092 0a01 0003 e000 0012  IPv4: 36 bytes, TTL 255, protocol 112, 10.1.0.3 > 224.0.0.18
  3133 7802 000a 581d                                VRRP 3, type 1, id 51, priority 120, 2 addresses, 10 cs
  0a01 0001 0a01 0009`);
const keepalivedV6 = hex(`
  3333 0000 0012 0200 0000 000a 86dd                 Ethernet: ff02::12's group, source, IPv6
  6c0c 2b08 0028 70ff                                IPv6: 40 bytes of payload, next header 112, hop limit 255
  fe80 0000 0000 0000 0000 00ff fe00 000a  ff02 0000 0000 0000 0000 0000 0000 0012
  3133 7802 000a 5e03
  fe80 0000 0000 0000 0000 0000 0000 0001  fd00 0001 0000 0000 0000 0000 0000 0001`);

// The same with version 2 and advert_int 1: type of authentication 0, one second, and 8 bytes of authentication data.
const keepalivedV2 = hex(`
  0100 5e00 0012 0200 0000 000a 0800 45c0 002c 0001 0000 ff70 d08a 0a01 0003 e000 0012
  2133 7802 0001 52bd                                VRRP 2, type 1, id 51, priority 120, 2 addresses, no authentication, 1 s
  0a01 0001 0a01 0009 0000 0000 0000 0000`);

describe("VRRP advertisement frames", () => {
  it("decodes what keepalived sends over IPv4", () => {
    assert.deepEqual(readable(decodeAdvertisementFrame(keepalivedV4)), {
      source: "10.1.0.3",
      destination: "224.0.0.18",
      virtualRouterId: 51,
      priority: 120,
      intervalCs: 10,
      addresses: ["10.1.0.1", "10.1.0.9"],
    });
  });

  it("decodes what keepalived sends over IPv6", () => {
    assert.deepEqual(readable(decodeAdvertisementFrame(keepalivedV6)), {
      source: "fe80::ff:fe00:a",
      destination: "ff02::12",
      virtualRouterId: 51,
      priority: 120,
      intervalCs: 10,
      addresses: ["fe80::1", "fd00:1::1"],
    });
  });

  it("encodes the same VRRP message as keepalived, checksum included", () => {
    for (const [frame, vrrpOffset] of [
      [keepalivedV4, 34],
      [keepalivedV6, 54],
    ] as const) {
      const { source, advertisement } = decoded(frame);
      const own = encodeAdvertisementFrame({
        sourceMac: parseMac("02:00:00:00:00:0a")!,
        source,
        advertisement,
      });
      assert.deepEqual(own.subarray(0, 14), frame.subarray(0, 14));
      assert.deepEqual(own.subarray(vrrpOffset), frame.subarray(vrrpOffset));
      assert.equal(own.length, frame.length);
    }
  });

  it("writes an IPv4 header that differs from keepalived's only in identification and don't-fragment", () => {
    const { source, advertisement } = decoded(keepalivedV4);
    const own = encodeAdvertisementFrame({
      sourceMac: parseMac("02:00:00:00:00:0a")!,
      source,
      advertisement,
    });
    assert.deepEqual(own.subarray(14, 34), hex("45c0 0024 0000 4000 ff70 9093 0a01 0003 e000 0012"));
  });

  it("sends to a single router when told to", () => {
    const address = parseIp("10.1.0.4")!;
    const frame = encodeAdvertisementFrame({
      sourceMac: parseMac("02:00:00:00:00:0a")!,
      source: parseIp("10.1.0.3")!,
      destination: { mac: parseMac("02:00:00:00:00:0b")!, address },
      advertisement: decoded(keepalivedV4).advertisement,
    });
    assert.deepEqual(decoded(frame).destination, address);
    assert.deepEqual(frame.subarray(0, 6), hex("0200 0000 000b"));
  });

  it("accepts over IPv4 the checksum of RFC 9568, which leaves the pseudo-header out", () => {
    const frame = keepalivedV4.slice();
    frame.set([0, 0], 40);
    const checksum = internetChecksum(frame.subarray(34));
    frame.set([checksum >> 8, checksum & 0xff], 40);
    assert.equal(decoded(frame).advertisement.priority, 120);
  });

  it("requires the pseudo-header over IPv6", () => {
    const frame = keepalivedV6.slice();
    frame.set([0, 0], 60);
    const checksum = internetChecksum(frame.subarray(54));
    frame.set([checksum >> 8, checksum & 0xff], 60);
    assert.equal(reason(frame), "vrrp-checksum");
  });

  it("ignores Ethernet padding and skips IPv4 options", () => {
    const padded = new Uint8Array(60);
    padded.set(keepalivedV4);
    assert.equal(decoded(padded).advertisement.priority, 120);
    const withOptions = new Uint8Array(keepalivedV4.length + 4);
    withOptions.set(keepalivedV4.subarray(0, 34));
    withOptions.set([0x94, 4, 0, 0], 34); // Router alert (RFC 2113).
    withOptions.set(keepalivedV4.subarray(34), 38);
    withOptions[14] = 0x46;
    withOptions[17] = 40;
    fixIpv4Checksum(withOptions, 24);
    assert.equal(decoded(withOptions).advertisement.priority, 120);
  });

  it("is a typed error when cut at any byte", () => {
    for (const frame of [keepalivedV4, keepalivedV6]) {
      for (let length = 0; length < frame.length; length++) {
        const result = decodeAdvertisementFrame(frame.subarray(0, length));
        assert.ok(isDecodeError(result), `${length} bytes`);
        assert.ok(result.offset <= frame.length);
      }
    }
  });

  const damages: readonly [name: string, frame: Uint8Array, offset: number, value: number, reason: string][] =
    [
      ["another EtherType", keepalivedV4, 13, 6, "ethernet-type"],
      ["a routed IPv4 packet", keepalivedV4, 22, 254, "ipv4-ttl"],
      ["another IPv4 protocol", keepalivedV4, 23, 17, "ipv4-protocol"],
      ["a fragment", keepalivedV4, 20, 0x20, "ipv4-fragment"],
      ["a damaged IPv4 header", keepalivedV4, 29, 9, "ipv4-checksum"],
      ["an IPv4 header that is too short", keepalivedV4, 14, 0x44, "ipv4-header"],
      ["an IPv4 length beyond the frame", keepalivedV4, 17, 0x25, "ipv4-length"],
      ["a routed IPv6 packet", keepalivedV6, 21, 254, "ipv6-hop-limit"],
      ["another IPv6 next header", keepalivedV6, 20, 58, "ipv6-next-header"],
      ["an IPv6 length beyond the frame", keepalivedV6, 19, 0x29, "ipv6-length"],
      ["VRRP version 2", keepalivedV4, 34, 0x21, "vrrp-version"],
      ["another VRRP type", keepalivedV4, 34, 0x32, "vrrp-type"],
      ["router id 0", keepalivedV4, 35, 0, "vrrp-virtual-router-id"],
      ["a changed priority", keepalivedV4, 36, 255, "vrrp-checksum"],
      ["no address", keepalivedV4, 37, 0, "vrrp-address-count"],
      ["more addresses than bytes", keepalivedV4, 37, 3, "vrrp-length"],
      ["fewer addresses than bytes", keepalivedV6, 57, 1, "vrrp-length"],
      ["an interval of 0", keepalivedV4, 39, 0, "vrrp-interval"],
    ];
  for (const [name, frame, offset, value, expected] of damages) {
    it(`refuses ${name}: ${expected}`, () => {
      const damaged = frame.slice();
      damaged[offset] = value;
      // A header that says it is right, so that the check behind it is reached.
      if (frame === keepalivedV4 && expected !== "ipv4-checksum") fixIpv4Checksum(damaged, 20);
      assert.equal(reason(damaged), expected);
    });
  }

  it("decodes what it encodes", () => {
    fc.assert(
      fc.property(anyPacket(), ({ source, advertisement }) => {
        const frame = encodeAdvertisementFrame({ sourceMac: new Uint8Array(6), source, advertisement });
        const result = decoded(frame);
        assert.deepEqual(result.advertisement, advertisement);
        assert.deepEqual(result.source, source);
      }),
    );
  });

  describe("of version 2", () => {
    it("are those of keepalived, both ways", () => {
      const packet = decodeAdvertisementFrame(keepalivedV2, 2);
      assert.deepEqual(readable(packet), {
        source: "10.1.0.3",
        destination: "224.0.0.18",
        virtualRouterId: 51,
        priority: 120,
        intervalCs: 100,
        addresses: ["10.1.0.1", "10.1.0.9"],
      });
      assert.ok(!isDecodeError(packet));
      const sourceMac = parseMac("02:00:00:00:00:0a")!;
      const own = encodeAdvertisementFrame({
        ...{ sourceMac, source: packet.source, advertisement: packet.advertisement, version: 2 },
      });
      assert.deepEqual(own.subarray(34), keepalivedV2.subarray(34));
    });

    it("are refused where version 3 is spoken, and the other way round; over IPv6 there is no version 2", () => {
      assert.equal(reason(keepalivedV2), "vrrp-version");
      assert.equal(reason(keepalivedV4, 2), "vrrp-version");
      assert.equal(reason(keepalivedV6, 2), "none");
    });

    for (const [name, offset, value, expected] of [
      ["an authentication type", 38, 1, "vrrp-authentication"],
      ["an interval of 0", 39, 0, "vrrp-interval"],
      ["too many addresses", 37, 3, "vrrp-length"],
      ["damage", 45, 9, "vrrp-checksum"],
    ] as const) {
      it(`are refused with ${name}: ${expected}`, () => {
        const damaged = keepalivedV2.slice();
        damaged[offset] = value;
        assert.equal(reason(damaged, 2), expected);
      });
    }

    it("have a checksum without pseudo-header, and nothing else", () => {
      const damaged = keepalivedV2.slice();
      damaged.set([0, 0], 40);
      const message = damaged.subarray(34);
      const covered = { source: damaged.subarray(26, 30), destination: damaged.subarray(30, 34) };
      const pseudo = pseudoHeader({ ...covered, protocol: 112, length: message.length });
      const checksum = internetChecksum(pseudo, message);
      damaged.set([checksum >> 8, checksum & 0xff], 40);
      assert.equal(reason(damaged, 2), "vrrp-checksum");
    });

    it("are a typed error when cut at any byte", () => {
      for (let length = 0; length < keepalivedV2.length; length++)
        assert.ok(
          isDecodeError(decodeAdvertisementFrame(keepalivedV2.subarray(0, length), 2)),
          `${length} bytes`,
        );
    });

    it("count in whole seconds, one at least", () => {
      for (const [intervalCs, seconds] of [
        [1, 1],
        [149, 1],
        [300, 3],
        [99_999, 255],
      ] as const) {
        const advertisement = {
          virtualRouterId: 1,
          priority: 1,
          intervalCs,
          addresses: [parseIp("10.1.0.1")!],
        };
        const source = parseIp("10.1.0.3")!;
        assert.equal(
          encodeAdvertisement({ advertisement, source, destination: source, version: 2 })[5],
          seconds,
        );
      }
    });
  });

  it("the virtual router has a hardware address for each family", () => {
    assert.equal(formatMac(virtualRouterMac(51, 4)), "00:00:5e:00:01:33");
    assert.equal(formatMac(virtualRouterMac(255, 6)), "00:00:5e:00:02:ff");
  });

  it("returns a value or a typed error for any bytes, and for any damage of a good frame", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isTotal(bytes)));
    fc.assert(
      fc.property(
        fc.constantFrom(keepalivedV4, keepalivedV6),
        fc.array(fc.tuple(fc.nat(93), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (frame, changes) => {
          const damaged = frame.slice();
          for (const [offset, value] of changes) if (offset < damaged.length) damaged[offset] = value;
          return isTotal(damaged);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

function isTotal(bytes: Uint8Array): boolean {
  const result = decodeAdvertisementFrame(bytes);
  return result instanceof DecodeError ? result.reason !== "" : result.advertisement.addresses.length > 0;
}

function anyPacket() {
  return fc.constantFrom(4, 16).chain((length) => {
    const address = fc.uint8Array({ minLength: length, maxLength: length });
    return fc.record({
      source: address,
      advertisement: fc.record(
        {
          virtualRouterId: fc.integer({ min: 1, max: 255 }),
          priority: fc.integer({ min: 0, max: 255 }),
          intervalCs: fc.integer({ min: 1, max: 4095 }),
          addresses: fc.array(address, { minLength: 1, maxLength: 20 }),
        },
        { noNullPrototype: true },
      ),
    });
  });
}

function decoded(frame: Uint8Array): VrrpPacket {
  const packet = decodeAdvertisementFrame(frame);
  assert.ok(!isDecodeError(packet), isDecodeError(packet) ? packet.reason : "");
  return packet;
}

function reason(frame: Uint8Array, version: VrrpVersion = 3): string {
  const result = decodeAdvertisementFrame(frame, version);
  return isDecodeError(result) ? result.reason : "none";
}

function readable(packet: VrrpPacket | DecodeError) {
  assert.ok(!isDecodeError(packet));
  const text = (address: IpAddress) => formatIp(address);
  return {
    source: text(packet.source),
    destination: text(packet.destination),
    ...packet.advertisement,
    addresses: packet.advertisement.addresses.map(text),
  };
}

function fixIpv4Checksum(frame: Uint8Array, headerLength: number): void {
  frame.set([0, 0], 24);
  const checksum = internetChecksum(frame.subarray(14, 14 + headerLength));
  frame.set([checksum >> 8, checksum & 0xff], 24);
}

/** Bytes in hexadecimal, in groups of two or four digits; two spaces and a word begin a remark. */
function hex(text: string): Uint8Array {
  const digits = text
    .split("\n")
    .map((line) => line.replace(/ {2}[A-Z].*$/, ""))
    .join("")
    .replaceAll(/\s/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
