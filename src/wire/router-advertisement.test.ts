import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isDecodeError } from "../base/decode-error.ts";
import { parseNetwork, validIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { internetChecksum, pseudoHeader } from "./internet-checksum.ts";
import {
  decodeRouterSolicitationFrame,
  encodeRouterAdvertisementFrame,
  type RouterAdvertisement,
} from "./router-advertisement.ts";

// Captured with tcpdump -xx between two namespaces on Linux 6.18: the solicitation of the kernel when its device came up,
// that of rdisc6 1.0.5, and what radvd 2.19 answered to all nodes and to rdisc6.
const solicitation =
  hex(`3333 0000 0002 0200 0000 000b 86dd 6000 0000 0010 3aff fe80 0000 0000 0000 0000 00ff fe00 000b
  ff02 0000 0000 0000 0000 0000 0000 0002 8500 7b18 0000 0000 0101 0200 0000 000b`);
const solicitationOfRdisc6 =
  hex(`3333 0000 0002 0200 0000 000b 86dd 600a 4125 0008 3aff fe80 0000 0000 0000 0000 00ff
  fe00 000b ff02 0000 0000 0000 0000 0000 0000 0002 8500 7e2c 0000 0000`);
const advertisementToAll =
  hex(`3333 0000 0001 0200 0000 000a 86dd 600e 3c31 0088 3aff fe80 0000 0000 0000 0000 00ff fe00
  000a ff02 0000 0000 0000 0000 0000 0000 0001 8600 0d45 4040 0708 0000 0000 0000 0000 0304 40c0 0001 5180 0000 3840
  0000 0000 fd00 0001 0000 0000 0000 0000 0000 0000 0304 3880 0000 0258 0000 012c 0000 0000 fd00 0002 0000 0000 0000
  0000 0000 0000 1905 0000 0000 005a fd00 0001 0000 0000 0000 0000 0000 0053 fd00 0001 0000 0000 0000 0000 0000 0054
  0501 0000 0000 0578 0101 0200 0000 000a`);
const advertisementToOne =
  hex(`0200 0000 000b 0200 0000 000a 86dd 600b 6d30 0088 3aff fe80 0000 0000 0000 0000 00ff fe00
  000a fe80 0000 0000 0000 0000 00ff fe00 000b 8600 0ebd 4040 0708 0000 0000 0000 0000 0304 40c0 0001 5180 0000 3840
  0000 0000 fd00 0001 0000 0000 0000 0000 0000 0000 0304 3880 0000 0258 0000 012c 0000 0000 fd00 0002 0000 0000 0000
  0000 0000 0000 1905 0000 0000 005a fd00 0001 0000 0000 0000 0000 0000 0053 fd00 0001 0000 0000 0000 0000 0000 0054
  0501 0000 0000 0578 0101 0200 0000 000a`);

const host = { source: validIp("fe80::ff:fe00:b"), sourceMac: parseMac("02:00:00:00:00:0b")! };
const router = { mac: parseMac("02:00:00:00:00:0a")!, source: validIp("fe80::ff:fe00:a") };
const advertisement: RouterAdvertisement = {
  lifetimeSeconds: 1_800,
  managed: false,
  otherConfiguration: true,
  prefixes: [
    {
      network: parseNetwork("fd00:1::/64")!,
      onLink: true,
      autonomous: true,
      validSeconds: 86_400,
      preferredSeconds: 14_400,
    },
    {
      network: parseNetwork("fd00:2::/56")!,
      onLink: true,
      autonomous: false,
      validSeconds: 600,
      preferredSeconds: 300,
    },
  ],
  dnsServers: [validIp("fd00:1::53"), validIp("fd00:1::54")],
  dnsLifetimeSeconds: 90,
  mtu: 1_400,
};

describe("router advertisements", () => {
  it("are those of radvd, but for the flow label", () => {
    const toAll = encodeRouterAdvertisementFrame({ ...router, advertisement });
    assert.deepEqual(toAll, withoutFlowLabel(advertisementToAll));
    const to = { mac: host.sourceMac, address: host.source };
    const toOne = encodeRouterAdvertisementFrame({ ...router, to, advertisement });
    assert.deepEqual(toOne, withoutFlowLabel(advertisementToOne));
  });

  it("may have nothing but a lifetime", () => {
    const bare = { ...advertisement, prefixes: [], dnsServers: [], mtu: undefined, lifetimeSeconds: 0 };
    const frame = encodeRouterAdvertisementFrame({ ...router, advertisement: bare });
    assert.equal(frame.length, 54 + 16 + 8);
    assert.deepEqual(frame.subarray(60, 62), Uint8Array.of(0, 0));
    assert.deepEqual(frame.subarray(70), Uint8Array.of(1, 1, 2, 0, 0, 0, 0, 0xa));
    const managed = encodeRouterAdvertisementFrame({ ...router, advertisement: { ...bare, managed: true } });
    assert.equal(managed[59], 0xc0);
  });
});

describe("router solicitations", () => {
  it("of the kernel and of rdisc6 are understood", () => {
    assert.deepEqual(decodeRouterSolicitationFrame(solicitation), host);
    assert.deepEqual(decodeRouterSolicitationFrame(solicitationOfRdisc6), host);
  });

  it("are a typed error when cut at any byte", () => {
    for (let length = 0; length < solicitation.length; length++)
      assert.ok(
        isDecodeError(decodeRouterSolicitationFrame(solicitation.subarray(0, length))),
        `${length} bytes`,
      );
  });

  for (const [name, changes, expected] of [
    ["another EtherType", [[13, 0]], "ethernet-type"],
    ["a routed packet", [[21, 64]], "ipv6-hop-limit"],
    ["damage", [[60, 1]], "ndp-checksum"],
    ["another type", [[54, 134]], "ndp-type"],
    ["another code", [[55, 1]], "ndp-type"],
    ["an option of length 0", [[63, 0]], "ndp-options"],
    ["an option that is cut", [[63, 2]], "ndp-options"],
    ["a multicast source", [[22, 0xff]], "ndp-source"],
    ["an unspecified source that names itself", range(22, 38).map((at) => [at, 0]), "ndp-source"],
  ] as const) {
    it(`refuses ${name}: ${expected}`, () => {
      const damaged = solicitation.slice();
      for (const [at = 0, value = 0] of changes) damaged[at] = value;
      if (expected !== "ndp-checksum") fixChecksum(damaged);
      const result = decodeRouterSolicitationFrame(damaged);
      assert.ok(isDecodeError(result));
      assert.equal(result.reason, expected);
    });
  }

  it("may come from the unspecified address", () => {
    const frame = solicitationOfRdisc6.slice();
    frame.fill(0, 22, 38);
    fixChecksum(frame);
    const result = decodeRouterSolicitationFrame(frame);
    assert.deepEqual(result, { source: new Uint8Array(16), sourceMac: host.sourceMac });
  });

  it("are a value or a typed error, for any bytes behind a good header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (random, isBehindHeader) => {
        const frame = isBehindHeader ? Uint8Array.of(...solicitation.subarray(0, 62), ...random) : random;
        if (isBehindHeader) {
          frame[19] = frame.length - 54;
          fixChecksum(frame);
        }
        const result = decodeRouterSolicitationFrame(frame);
        return isDecodeError(result) || (result.source.length === 16 && result.sourceMac.length === 6);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** The kernel labels flows; a lone advertisement is none. */
function withoutFlowLabel(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy.set([0x60, 0, 0, 0], 14);
  return copy;
}

function fixChecksum(frame: Uint8Array): void {
  frame.set([0, 0], 56);
  const message = frame.subarray(54);
  const covered = pseudoHeader({
    source: frame.subarray(22, 38),
    destination: frame.subarray(38, 54),
    protocol: 58,
    length: message.length,
  });
  const checksum = internetChecksum(covered, message);
  frame.set([checksum >> 8, checksum & 0xff], 56);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}
