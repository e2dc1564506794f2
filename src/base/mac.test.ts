import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { broadcastMac, formatMac, parseMac } from "./mac.ts";

describe("Ethernet addresses", () => {
  it("come back from their text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
        assert.deepEqual(parseMac(formatMac(mac)), mac);
      }),
    );
    assert.equal(formatMac(broadcastMac), "ff:ff:ff:ff:ff:ff");
    assert.deepEqual(parseMac("02:00:5E:00:00:0a"), Uint8Array.of(2, 0, 0x5e, 0, 0, 10));
  });

  it("have six pairs of digits", () => {
    for (const text of [
      "",
      "02:00:00:00:00",
      "02:00:00:00:00:00:00",
      "2:0:0:0:0:0",
      "02-00-00-00-00-00",
      "02:00:00:00:00:0g",
    ]) {
      assert.equal(parseMac(text), undefined, text);
    }
  });
});
