import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DecodeError } from "../base/decode-error.ts";
import { decodeNetlinkMessages, NetlinkWriter } from "./netlink.ts";
import { decodeGeneration, writeGenerationQuestion } from "./nftables-generation.ts";

/** Type NFT_MSG_NEWGEN; the generation is 0x1234. */
const answer = Uint8Array.of(
  ...[0x1c, 0, 0, 0, 0x0f, 0x0a, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
  ...[0, 0, 0x12, 0x34, 8, 0, 1, 0, 0, 0, 0x12, 0x34],
);

describe("the generation of the rules", () => {
  it("is asked for", () => {
    const writer = new NetlinkWriter(64);
    writeGenerationQuestion(writer);
    assert.deepEqual(
      [...writer.written()],
      [20, 0, 0, 0, 0x10, 0x0a, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
  });

  it("is read, and nothing else, and never throws", () => {
    const messages = decodeNetlinkMessages(answer);
    assert.ok(!(messages instanceof DecodeError));
    const [message] = messages;
    assert.ok(message);
    assert.equal(decodeGeneration(message), 0x1234);
    const { payload, ...rest } = message;
    for (let length = 0; length < payload.length; length++)
      assert.ok(decodeGeneration({ ...rest, payload: payload.subarray(0, length) }) instanceof DecodeError);
    assert.equal(decodeGeneration({ ...rest, payload, type: 0x0a00 }), undefined);
  });
});
