import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isDecodeError } from "../base/decode-error.ts";
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { decodeGratuitousArp, encodeGratuitousArp } from "./arp.ts";

const mac = parseMac("02:00:00:00:00:0a")!;
const address = parseIp("10.1.0.1")!;
// Sent by keepalived 2.2.7 (Debian 12) when it became master, captured with tcpdump -xx. It fills the target MAC with
// ones; RFC 5227 2.3 leaves it zero, as we do.
const fromKeepalived = bytes(
  "ffffffffffff 02000000000a 0806 0001 0800 0604 0001 02000000000a 0a010001 ffffffffffff 0a010001",
);
const ours = bytes(
  "ffffffffffff 02000000000a 0806 0001 0800 0604 0001 02000000000a 0a010001 000000000000 0a010001",
);

describe("gratuitous ARP", () => {
  it("encodes an announcement", () => {
    assert.deepEqual(encodeGratuitousArp({ mac, address }), ours);
  });

  it("decodes its own, keepalived's and a padded one", () => {
    const padded = new Uint8Array(60);
    padded.set(ours);
    for (const frame of [ours, fromKeepalived, padded]) {
      assert.deepEqual(decodeGratuitousArp(frame), { mac, address });
    }
  });

  it("is a typed error when cut at any byte", () => {
    for (let length = 0; length < ours.length; length++) {
      assert.ok(isDecodeError(decodeGratuitousArp(ours.subarray(0, length))), `${length} bytes`);
    }
  });

  for (const [name, offset, reason] of [
    ["another EtherType", 13, "ethernet-type"],
    ["another hardware", 15, "arp-kind"],
    ["another protocol", 17, "arp-kind"],
    ["other address lengths", 19, "arp-kind"],
    ["an unknown operation", 21, "arp-operation"],
    ["an ordinary request", 41, "arp-not-gratuitous"],
  ] as const) {
    it(`refuses ${name}: ${reason}`, () => {
      const damaged = ours.slice();
      damaged[offset] = 99;
      const result = decodeGratuitousArp(damaged);
      assert.ok(isDecodeError(result));
      assert.equal(result.reason, reason);
    });
  }

  it("returns a value or a typed error for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (random) => {
        const result = decodeGratuitousArp(random);
        return isDecodeError(result) || result.address.length === 4;
      }),
    );
  });
});

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}
