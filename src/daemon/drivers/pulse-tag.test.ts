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
        const sealed = withTag(tag, body);
        assert.deepEqual(sealed.subarray(0, body.length), Buffer.from(body));
        assert.deepEqual(sealed.subarray(body.length), hmac(key, body));
        assert.ok(tag.fits(sealed, sealed.length));
      }),
    );
  });

  it("takes keys of every length up to a block", () => {
    for (const length of [0, 1, 20, 63, 64]) {
      const key = Buffer.alloc(length, 0xa7);
      const body = Buffer.from("pulse");
      const datagram = Buffer.concat([body, hmac(key, body)]);
      assert.ok(new PulseTag(key).fits(datagram, datagram.length), `${length} bytes`);
    }
    assert.throws(() => new PulseTag(Buffer.alloc(65)), RangeError);
  });

  it("refuses what is changed, cut or too long", () => {
    const tag = new PulseTag(Buffer.alloc(32, 1), 100);
    const right = withTag(tag, Buffer.alloc(100, 2));
    assert.ok(tag.fits(right, right.length));
    for (let bit = 0; bit < 8 * right.length; bit++) {
      const wrong = Buffer.from(right);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(!tag.fits(wrong, wrong.length), `bit ${bit}`);
    }
    for (let length = 0; length < right.length; length++)
      assert.ok(!tag.fits(right, length), `${length} bytes`);
    assert.ok(!tag.fits(right, right.length + 1), "more than there is");
    assert.ok(!tag.fits(Buffer.alloc(117), 117), "more than a body has");
  });
});

function withTag(tag: PulseTag, body: Uint8Array): Buffer {
  const datagram = Buffer.alloc(body.length + PULSE_TAG_BYTES);
  datagram.set(body);
  tag.seal(datagram, body.length);
  return datagram;
}

function hmac(key: Uint8Array, body: Uint8Array): Buffer {
  return createHmac("sha256", key).update(body).digest().subarray(0, PULSE_TAG_BYTES);
}
