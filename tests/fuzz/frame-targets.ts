import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { validIp } from "../../src/base/ip.ts";
import { decodeGratuitousArp, encodeGratuitousArp } from "../../src/wire/arp.ts";
import { internetChecksum, pseudoHeader } from "../../src/wire/internet-checksum.ts";
import { decodeNeighborAdvertisement, encodeUnsolicitedNeighborAdvertisement } from "../../src/wire/ndp.ts";
import { decodeAdvertisementFrame, encodeAdvertisementFrame } from "../../src/wire/vrrp.ts";
import { ElectionUnderTest, VIRTUAL_ROUTER } from "./election-under-test.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

const mac = Uint8Array.of(2, 0, 0, 0, 1, 1);
const ETHERNET = 14;

const advertisementFrames = [
  { source: "10.1.0.3", priority: 100, addresses: ["10.1.0.1"] },
  { source: "10.1.0.9", priority: 200, addresses: ["10.1.0.1", "10.1.0.7"] },
  { source: "10.1.0.9", priority: 0, addresses: Array.from({ length: 20 }, (_, i) => `10.1.0.${i + 1}`) },
  { source: "fe80::3", priority: 255, addresses: ["fe80::1", "fd00:1::1"] },
  { source: "fe80::9", priority: 1, addresses: ["fd00:1::1"] },
].map(({ source, priority, addresses }, index) =>
  encodeAdvertisementFrame({
    sourceMac: mac,
    source: validIp(source),
    advertisement: {
      virtualRouterId: index === 1 ? VIRTUAL_ROUTER + 1 : VIRTUAL_ROUTER,
      priority,
      intervalCs: 10,
      addresses: addresses.map(validIp),
    },
  }),
);

/** VRRP frames, and the election that hears them. */
export function vrrpTarget(): FuzzTarget {
  const election = new ElectionUnderTest();
  return {
    corpus: advertisementFrames,
    repair: (frame) => repairFrame(frame, 6),
    run: (input) => {
      const packet = decodeAdvertisementFrame(input);
      if (packet instanceof DecodeError) {
        election.sawNothing();
        return packet.reason;
      }
      const { advertisement, source } = packet;
      assert.ok(advertisement.virtualRouterId >= 1 && advertisement.virtualRouterId <= 255);
      assert.ok(advertisement.intervalCs >= 1 && advertisement.intervalCs <= 4095);
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
    repair: (frame) => repairFrame(frame, 2),
    run: (input) => {
      const value = decodeNeighborAdvertisement(input);
      if (value instanceof DecodeError) return value.reason;
      assert.equal(value.mac.length, 6);
      assert.equal(value.address.length, 16);
      return ACCEPTED;
    },
  };
}

/** Makes the checksums of a frame right, whatever else is wrong with it. */
function repairFrame(frame: Uint8Array, checksumAt: number): void {
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
  put16(payload, checksumAt, internetChecksum(covered, payload));
}

function number16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set([value >> 8, value & 0xff], at);
}
