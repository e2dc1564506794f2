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

/** What the kernel would do with a program of the few instructions that are used here: how many bytes it takes. */
function filtered(program: Uint8Array, frame: Uint8Array): number {
  const code = new DataView(program.buffer);
  const packet = new DataView(frame.buffer);
  let accumulator = 0;
  for (let at = 0; ; at += 8) {
    const operand = code.getUint32(at + 4, true);
    switch (code.getUint16(at, true)) {
      case 0x20:
        accumulator = packet.getUint32(operand);
        break;
      case 0x28:
        accumulator = packet.getUint16(operand);
        break;
      case 0x54:
        accumulator = (accumulator & operand) >>> 0;
        break;
      case 0x15:
        at += 8 * code.getUint8(at + (accumulator === operand ? 2 : 3));
        break;
      case 0x06:
        return operand;
      default:
        throw new Error("an instruction that is not known here");
    }
  }
}

test("a filter takes what goes to its network, and has the ports that it asks for", () => {
  const takes = (filter: Uint8Array, changes: Partial<typeof segment> = {}) =>
    filtered(filter, encodeTcpFrame(to, from, { ...segment, ...changes })) > 0;
  const wide = destinationFilter(0xc6120000);
  assert.equal(takes(wide), true);
  assert.equal(takes(wide, { destination: 0xc613_0001 }), false);
  const half = destinationFilter(0xc6120000, { mask: 0xffff_8000 });
  assert.equal(takes(half, { destination: 0xc612_7fff }), true);
  assert.equal(takes(half, { destination: 0xc612_8000 }), false);
  const toPort = destinationFilter(0xc6120000, { destinationPort: 80 });
  assert.equal(takes(toPort), true);
  assert.equal(takes(toPort, { destinationPort: 443 }), false);
  assert.equal(takes(toPort, { destination: 0xc613_0001 }), false);
  const both = destinationFilter(0xc6120000, { sourcePort: 10_000, destinationPort: 80 });
  assert.equal(takes(both), true);
  assert.equal(takes(both, { sourcePort: 80 }), false);
  assert.equal(takes(both, { destinationPort: 10_000 }), false);
});

test("a flow's number is found again from a packet to its subscriber", () => {
  for (const index of [0, 1, 65_535, 65_536, 99_999, 1_000_000]) {
    const flow = backgroundFlow(index);
    assert.equal(backgroundFlowIndex(flow.service, flow.subscriberPort), index);
  }
  assert.equal(backgroundFlowIndex(0xc6120000, 80), -1);
});
