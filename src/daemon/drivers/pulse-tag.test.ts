import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PULSE_TAG_BYTES } from "../../wire/pulse.ts";
import { PulseTag } from "./pulse-tag.ts";

describe("PulseTag", () => {
  it("is HMAC-SHA256, whatever came before", () => {
    const key = Buffer.from("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "hex");
    const tag = new PulseTag(key);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 900 }), (body) => {
        const expected = createHmac("sha256", key).update(body).digest().subarray(0, PULSE_TAG_BYTES);
        assert.deepEqual(Buffer.from(tag.of(body)), expected);
        assert.ok(tag.fits(expected, body));
      }),
    );
  });

  it("takes keys of every length up to a block", () => {
    for (const length of [0, 1, 20, 63, 64]) {
      const key = Buffer.alloc(length, 0xa7);
      const expected = createHmac("sha256", key).update("pulse").digest().subarray(0, PULSE_TAG_BYTES);
      assert.ok(new PulseTag(key).fits(expected, Buffer.from("pulse")), `${length} bytes`);
    }
    assert.throws(() => new PulseTag(Buffer.alloc(65)), RangeError);
  });

  it("refuses what is changed, cut or too long", () => {
    const tag = new PulseTag(Buffer.alloc(32, 1), 100);
    const body = Buffer.alloc(100, 2);
    const right = Buffer.from(tag.of(body));
    assert.ok(tag.fits(right, body));
    for (let bit = 0; bit < 8 * right.length; bit++) {
      const wrong = Buffer.from(right);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(!tag.fits(wrong, body));
    }
    assert.ok(!tag.fits(right.subarray(0, 15), body));
    assert.ok(!tag.fits(right, Buffer.alloc(101, 2)));
    assert.ok(!tag.fits(right, Buffer.alloc(99, 2)));
  });
});
