import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { goldenBytes, readGolden } from "../../tests/golden/golden-file.ts";
import { DecodeError } from "../base/decode-error.ts";
import {
  decodeAcknowledgement,
  decodeAttributes,
  decodeNetlinkMessages,
  type NetlinkMessage,
  NetlinkWriter,
  NLM_F_ACK,
  NLMSG_ERROR,
} from "./netlink.ts";

const golden = readGolden("netlink-acks");

describe("netlink messages", () => {
  it("cuts a datagram into its messages", () => {
    const first = goldenBytes(golden, "success");
    const second = goldenBytes(golden, "words-capped");
    const messages = decoded(Uint8Array.from([...first, ...second]));
    assert.deepEqual(
      messages.map(({ type, sequence, payload }) => [type, sequence, payload.length]),
      [
        [NLMSG_ERROR, 7, first.length - 16],
        [NLMSG_ERROR, 9, second.length - 16],
      ],
    );
  });

  it("gives a typed error for a datagram that is cut anywhere", () => {
    const bytes = goldenBytes(golden, "words-whole");
    for (let length = 1; length < bytes.length; length++) {
      const result = decodeNetlinkMessages(bytes.subarray(0, length));
      assert.ok(result instanceof DecodeError, `at ${length}`);
      assert.equal(result.reason, length < 16 ? "netlink-header-short" : "netlink-length");
    }
    assert.deepEqual(decodeNetlinkMessages(new Uint8Array(0)), []);
  });

  it("never throws, and never reads beyond the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const messages = decodeNetlinkMessages(bytes);
        if (messages instanceof DecodeError) return;
        for (const message of messages) decodeAcknowledgement(message);
        assert.ok(messages.every(({ payload }) => payload.length <= bytes.length - 16));
      }),
    );
  });
});

describe("netlink acknowledgements", () => {
  it("decodes success and refusals, with the request that they answer", () => {
    const create = { requestType: 0x100, requestSequence: 7, text: "" };
    const remove = { requestType: 0x102, requestSequence: 8, text: "" };
    assert.deepEqual(acknowledgement("success"), { errno: 0, ...create });
    assert.deepEqual(acknowledgement("exists"), { errno: 17, ...create });
    assert.deepEqual(acknowledgement("success-delete"), { errno: 0, ...remove });
    assert.deepEqual(acknowledgement("absent"), { errno: 2, ...remove });
  });

  it("finds the kernel's words behind the request's header, and behind a whole request", () => {
    const refused = { errno: 22, requestType: 20, requestSequence: 9, text: "ipv4: Invalid prefix length" };
    assert.deepEqual(acknowledgement("words-capped"), refused);
    assert.deepEqual(acknowledgement("words-whole"), refused);
  });

  it("is a typed error or has no words when the payload is cut anywhere", () => {
    for (const name of ["words-capped", "words-whole"]) {
      const [message] = decoded(goldenBytes(golden, name));
      assert.ok(message);
      for (let length = 0; length < message.payload.length; length++) {
        const result = decodeAcknowledgement({ ...message, payload: message.payload.subarray(0, length) });
        if (length < 20) assert.ok(result instanceof DecodeError, `at ${length}`);
        else assert.deepEqual(result instanceof DecodeError || [result.errno, result.text], [22, ""]);
      }
    }
  });

  it("never throws on any payload and flags", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(0xffff), (payload, flags) => {
        decodeAcknowledgement({ type: NLMSG_ERROR, flags, sequence: 0, portId: 0, payload });
      }),
    );
  });
});

describe("netlink attributes", () => {
  it("masks the flags of a type, keeps the last of repeated ones, and lets values be views", () => {
    const bytes = hex("0500 0180 07000000  0500 0100 08000000  0400 0200");
    const attributes = decodeAttributes(bytes);
    assert.ok(attributes instanceof Map);
    assert.deepEqual(
      [...attributes],
      [
        [1, Uint8Array.of(8)],
        [2, new Uint8Array(0)],
      ],
    );
    bytes[12] = 9;
    assert.deepEqual(attributes.get(1), Uint8Array.of(9));
  });

  it("gives a typed error for a length that does not fit", () => {
    assert.deepEqual(decodeAttributes(hex("0300 0100")), new DecodeError("attribute-length", 0));
    assert.deepEqual(
      decodeAttributes(hex("0400 0100 0900 0200 00000000")),
      new DecodeError("attribute-length", 4),
    );
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeAttributes(bytes)));
  });
});

describe("NetlinkWriter", () => {
  it("writes what the decoder reads", () => {
    const writer = new NetlinkWriter(256);
    writer.begin(0x1234, 1, 5);
    writer.raw(1, 2, 3, 4);
    const nested = writer.beginNested(9);
    writer.attributeU8(1, 0xaa);
    writer.attributeU16(2, 0x0102);
    writer.endNested(nested);
    writer.attributeU32(3, 0x01020304);
    writer.attributeHostU32(4, 0x01020304);
    writer.attributeBytes(5, Uint8Array.of(1, 2, 3, 4, 5), 1, 3);
    writer.end();
    writer.begin(0x4321, 1, 6);
    writer.end();
    writer.addFlagsToLast(NLM_F_ACK);
    const [first, second] = decoded(writer.written());
    assert.ok(first && second);
    assert.deepEqual([first.type, first.flags, first.sequence, first.portId], [0x1234, 1, 5, 0]);
    assert.deepEqual([second.type, second.flags, second.sequence], [0x4321, 1 | NLM_F_ACK, 6]);
    const attributes = decodeAttributes(first.payload.subarray(4));
    assert.ok(attributes instanceof Map);
    assert.deepEqual(attributes.get(9), hex("0500 0100 aa000000  0600 0200 01020000"));
    assert.deepEqual(attributes.get(3), hex("01020304"));
    assert.deepEqual(attributes.get(4), hex("04030201"));
    assert.deepEqual(attributes.get(5), hex("020304"));
  });

  it("clears padding that an earlier message filled", () => {
    const writer = new NetlinkWriter(64);
    writer.bytes.fill(0xff);
    writer.begin(1, 0, 0);
    writer.attributeU8(1, 1);
    writer.attributeU16(2, 1);
    writer.attributeBytes(3, Uint8Array.of(1));
    writer.end();
    assert.deepEqual(
      writer.written().subarray(16),
      hex("05000100 01000000 06000200 00010000 05000300 01000000"),
    );
  });

  it("throws instead of writing past its end", () => {
    for (const write of [
      (writer: NetlinkWriter) => writer.raw(1, 2, 3, 4, 5),
      (writer: NetlinkWriter) => writer.attributeU8(1, 1),
      (writer: NetlinkWriter) => writer.attributeU32(1, 1),
      (writer: NetlinkWriter) => writer.attributeBytes(1, new Uint8Array(3)),
    ]) {
      const writer = new NetlinkWriter(20);
      writer.begin(1, 0, 0);
      assert.throws(() => {
        write(writer);
        writer.end();
      }, RangeError);
    }
  });
});

function decoded(bytes: Uint8Array): NetlinkMessage[] {
  const messages = decodeNetlinkMessages(bytes);
  assert.ok(Array.isArray(messages));
  return messages;
}

function acknowledgement(name: string) {
  const [message] = decoded(goldenBytes(golden, name));
  assert.ok(message);
  return decodeAcknowledgement(message);
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}
