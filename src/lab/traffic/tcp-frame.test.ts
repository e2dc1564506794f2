import assert from "node:assert/strict";
import { test } from "node:test";
import { internetChecksum, pseudoHeader } from "../../wire/internet-checksum.ts";
import { backgroundFlow, backgroundFlowIndex } from "./background-plan.ts";
import { decodeTcpFrame, destinationFilter, encodeTcpFrame, TCP_SYN } from "./tcp-frame.ts";

const segment = {
  source: 0x0a4d0001,
  sourcePort: 10_000,
  destination: 0xc6120001,
  destinationPort: 80,
  sequence: 0xfffffff0,
  acknowledgment: 0,
  flags: TCP_SYN,
};
const to = Uint8Array.of(2, 0, 0, 0, 1, 1);
const from = Uint8Array.of(2, 0, 0, 0, 0xc1, 1);

test("a frame is read back as it was written, and cut ones are refused", () => {
  const frame = encodeTcpFrame(to, from, segment);
  const view = new DataView(frame.buffer);
  assert.deepEqual(decodeTcpFrame(view, frame.length), segment);
  for (let length = 0; length < frame.length; length++) assert.equal(decodeTcpFrame(view, length), undefined);
});

test("both checksums are right", () => {
  const frame = encodeTcpFrame(to, from, segment);
  assert.equal(internetChecksum(frame.subarray(14, 34)), 0);
  const pseudo = pseudoHeader({
    source: Uint8Array.of(10, 77, 0, 1),
    destination: Uint8Array.of(198, 18, 0, 1),
    protocol: 6,
    length: 20,
  });
  assert.equal(internetChecksum(pseudo, frame.subarray(34)), 0);
});

test("a filter is five instructions of eight bytes", () => {
  assert.equal(destinationFilter(0x0a4d0000).length, 40);
});

test("a flow's number is found again from a packet to its subscriber", () => {
  for (const index of [0, 1, 65_535, 65_536, 99_999, 1_000_000]) {
    const flow = backgroundFlow(index);
    assert.equal(backgroundFlowIndex(flow.service, flow.subscriberPort), index);
  }
  assert.equal(backgroundFlowIndex(0xc6120000, 80), -1);
});
