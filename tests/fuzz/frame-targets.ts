import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { validIp } from "../../src/base/ip.ts";
import { decodeGratuitousArp, encodeGratuitousArp } from "../../src/wire/arp.ts";
import { ALL_ROUTERS_MAC, encodeIcmpv6Frame } from "../../src/wire/icmpv6-frame.ts";
import { internetChecksum, pseudoHeader } from "../../src/wire/internet-checksum.ts";
import { decodeNeighborAdvertisement, encodeUnsolicitedNeighborAdvertisement } from "../../src/wire/ndp.ts";
import { decodeRouterSolicitationFrame, ROUTER_SOLICITATION } from "../../src/wire/router-advertisement.ts";
import { decodeAdvertisementFrame, encodeAdvertisementFrame, type VrrpVersion } from "../../src/wire/vrrp.ts";
import { ElectionUnderTest, VIRTUAL_ROUTER } from "./election-under-test.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

const mac = Uint8Array.of(2, 0, 0, 0, 1, 1);
const ETHERNET = 14;

const advertisements = [
  { source: "10.1.0.3", priority: 100, addresses: ["10.1.0.1"] },
  { source: "10.1.0.9", priority: 200, addresses: ["10.1.0.1", "10.1.0.7"] },
  { source: "10.1.0.9", priority: 0, addresses: Array.from({ length: 20 }, (_, i) => `10.1.0.${i + 1}`) },
  { source: "fe80::3", priority: 255, addresses: ["fe80::1", "fd00:1::1"] },
  { source: "fe80::9", priority: 1, addresses: ["fd00:1::1"] },
];

function advertisementFrames(version: VrrpVersion): Uint8Array[] {
  return advertisements.map(({ source, priority, addresses }, index) =>
    encodeAdvertisementFrame({
      sourceMac: mac,
      source: validIp(source),
      version: source.includes(":") ? 3 : version,
      advertisement: {
        virtualRouterId: index === 1 ? VIRTUAL_ROUTER + 1 : VIRTUAL_ROUTER,
        priority,
        intervalCs: version === 2 ? 100 : 10,
        addresses: addresses.map(validIp),
      },
    }),
  );
}

/** VRRP frames, and the election that hears them. */
export function vrrpTarget(version: VrrpVersion): FuzzTarget {
  const election = new ElectionUnderTest();
  return {
    corpus: advertisementFrames(version),
    repair: (frame) => repairFrame(frame, { checksumAt: 6, hasPseudoHeader: version === 3 }),
    run: (input) => {
      const packet = decodeAdvertisementFrame(input, version);
      if (packet instanceof DecodeError) {
        election.sawNothing();
        return packet.reason;
      }
      const { advertisement, source } = packet;
      assert.ok(advertisement.virtualRouterId >= 1 && advertisement.virtualRouterId <= 255);
      assert.ok(advertisement.intervalCs >= 1 && advertisement.intervalCs <= 25_500);
      assert.ok(advertisement.addresses.length >= 1);
      assert.ok(advertisement.addresses.every((address) => address.length === source.length));
      election.receive(
        (machine, nowMs) => machine.receiveAdvertisement(nowMs, "lan", source, advertisement),
        advertisement.virtualRouterId !== VIRTUAL_ROUTER,
      );
      return ACCEPTED;
    },
  };
}

export function arpTarget(): FuzzTarget {
  return {
    corpus: [encodeGratuitousArp({ mac, address: validIp("10.1.0.1") })],
    run: (input) => {
      const value = decodeGratuitousArp(input);
      if (value instanceof DecodeError) return value.reason;
      assert.equal(value.mac.length, 6);
      assert.equal(value.address.length, 4);
      return ACCEPTED;
    },
  };
}

export function ndpTarget(): FuzzTarget {
  return {
    corpus: [encodeUnsolicitedNeighborAdvertisement({ mac, address: validIp("fd00:1::1") })],
    repair: (frame) => repairFrame(frame, { checksumAt: 2 }),
    run: (input) => {
      const value = decodeNeighborAdvertisement(input);
      if (value instanceof DecodeError) return value.reason;
      assert.equal(value.mac.length, 6);
      assert.equal(value.address.length, 16);
      return ACCEPTED;
    },
  };
}

/** Router solicitations, with and without a source address. */
export function solicitationTarget(): FuzzTarget {
  return {
    corpus: [solicitation("fe80::9", true), solicitation("fe80::9", false), solicitation("::", false)],
    repair: (frame) => repairFrame(frame, { checksumAt: 2 }),
    run: (input) => {
      const value = decodeRouterSolicitationFrame(input);
      if (value instanceof DecodeError) return value.reason;
      assert.equal(value.sourceMac.length, 6);
      assert.equal(value.source.length, 16);
      assert.notEqual(value.source[0], 0xff, "an answer to it would go to a group");
      return ACCEPTED;
    },
  };
}

function solicitation(source: string, namesItself: boolean): Uint8Array {
  const option = namesItself ? Uint8Array.of(1, 1, ...mac) : new Uint8Array(0);
  return encodeIcmpv6Frame({
    destinationMac: ALL_ROUTERS_MAC,
    sourceMac: mac,
    source: source === "::" ? new Uint8Array(16) : validIp(source),
    destination: validIp("ff02::2"),
    message: Uint8Array.of(ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...option),
  });
}

/** Makes the checksums of a frame right, whatever else is wrong with it. */
function repairFrame(
  frame: Uint8Array,
  { checksumAt, hasPseudoHeader = true }: { readonly checksumAt: number; readonly hasPseudoHeader?: boolean },
): void {
  const isV4 = frame[12] === 8 && frame[13] === 0;
  const start = ETHERNET + (isV4 ? ((frame[ETHERNET] ?? 0) & 0xf) * 4 : 40);
  const end = isV4 ? Math.min(frame.length, ETHERNET + number16(frame, ETHERNET + 2)) : frame.length;
  if (end < start + checksumAt + 2 || start < ETHERNET + 20) return;
  if (isV4) {
    frame.set([0, 0], ETHERNET + 10);
    put16(frame, ETHERNET + 10, internetChecksum(frame.subarray(ETHERNET, start)));
  }
  const payload = frame.subarray(start, end);
  const covered = pseudoHeader({
    source: isV4 ? frame.subarray(26, 30) : frame.subarray(22, 38),
    destination: isV4 ? frame.subarray(30, 34) : frame.subarray(38, 54),
    protocol: (isV4 ? frame[23] : frame[20]) ?? 0,
    length: payload.length,
  });
  payload.set([0, 0], checksumAt);
  // IPv6 always has it.
  const isCovered = hasPseudoHeader || !isV4;
  put16(payload, checksumAt, isCovered ? internetChecksum(covered, payload) : internetChecksum(payload));
}

function number16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set([value >> 8, value & 0xff], at);
}
