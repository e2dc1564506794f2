import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { formatIp } from "../../src/base/ip.ts";
import type { MacAddress } from "../../src/base/mac.ts";
import { decodeGratuitousArp } from "../../src/wire/arp.ts";
import { decodeNeighborAdvertisement } from "../../src/wire/ndp.ts";

const BROADCAST_PREFIX = "ffffffffffff";
const ALL_NODES_PREFIX = "333300000001";

/** The address of which a frame tells all hosts that it is here, unsolicited and whatever the family; undefined: not a frame of that kind. */
export function announcedBy(frame: Uint8Array, mac: MacAddress): string | undefined {
  const arp = decodeGratuitousArp(frame);
  const found = arp instanceof DecodeError ? decodeNeighborAdvertisement(frame) : arp;
  if (found instanceof DecodeError || !Buffer.from(mac).equals(found.mac)) return undefined;
  const hex = Buffer.from(frame).toString("hex");
  const isRight = hex.startsWith(arp instanceof DecodeError ? ALL_NODES_PREFIX : BROADCAST_PREFIX);
  // Router and Override, and not Solicited (RFC 4861 4.4).
  assert.ok(isRight && (found === arp || frame[58] === 0xa0), hex);
  return formatIp(found.address);
}
