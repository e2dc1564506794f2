import assert from "node:assert/strict";
import { it } from "node:test";
import { DecodeError } from "../base/decode-error.ts";
import { decodeEchoReply, encodeEchoRequest } from "./icmp-echo.ts";
import { internetChecksum } from "./internet-checksum.ts";

/** An IPv4 header in front of a message. */
function inIpv4(message: Uint8Array, headerBytes = 20): Uint8Array {
  const packet = new Uint8Array(headerBytes + message.length);
  packet[0] = 0x40 | (headerBytes / 4);
  packet.set(message, headerBytes);
  return packet;
}

/** What the target makes of a request: the same with the type of a reply. */
function replyTo(request: Uint8Array, family: 4 | 6): Uint8Array {
  const reply = request.slice();
  reply[0] = family === 4 ? 0 : 129;
  reply.set([0, 0], 2);
  const checksum = internetChecksum(reply);
  reply.set([checksum >> 8, checksum & 0xff], 2);
  return reply;
}

const echo = { identifier: 0xabcd, sequence: 0x0102 };

it("encodes echo requests (RFC 792, RFC 4443 4.1)", () => {
  const request = encodeEchoRequest(4, echo);
  assert.deepEqual([...request.subarray(0, 2), ...request.subarray(4, 8)], [8, 0, 0xab, 0xcd, 1, 2]);
  assert.equal(internetChecksum(request), 0);
  assert.deepEqual([...encodeEchoRequest(6, echo).subarray(0, 4)], [128, 0, 0, 0]);
});

it("decodes replies, with whatever IPv4 options in front", () => {
  const reply = replyTo(encodeEchoRequest(4, echo), 4);
  assert.deepEqual(decodeEchoReply(4, inIpv4(reply)), echo);
  assert.deepEqual(decodeEchoReply(4, inIpv4(reply, 28)), echo);
  assert.deepEqual(decodeEchoReply(6, replyTo(encodeEchoRequest(6, echo), 6)), echo);
});

it("refuses everything else", () => {
  const reason = (family: 4 | 6, bytes: Uint8Array) => {
    const decoded = decodeEchoReply(family, bytes);
    return decoded instanceof DecodeError ? decoded.reason : "none";
  };
  const reply = inIpv4(replyTo(encodeEchoRequest(4, echo), 4));
  assert.equal(reason(4, inIpv4(encodeEchoRequest(4, echo))), "icmp-type");
  assert.equal(reason(6, encodeEchoRequest(6, echo)), "icmp-type");
  assert.equal(reason(4, Uint8Array.of(0x41, 0, 0, 0)), "ipv4-header");
  const damaged = reply.slice();
  damaged[30] = 1;
  assert.equal(reason(4, damaged), "icmp-checksum");
  for (let length = 0; length < 28; length++) assert.notEqual(reason(4, reply.subarray(0, length)), "none");
});
