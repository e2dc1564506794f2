import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMac } from "../../../src/base/mac.ts";
import { encodeTcpFrame, type TcpSegment } from "../../../src/lab/traffic/tcp-frame.ts";
import { internetChecksum } from "../../../src/wire/internet-checksum.ts";
import {
  AnswerStep,
  FRAME_BYTES,
  type FrameFlow,
  FrameTemplate,
  SLOT_BYTES,
  segmentAt,
  segments,
  swapSides,
} from "./generator-frame.ts";

const gateway = parseMac("02:00:00:00:01:01")!;
const client = parseMac("02:00:00:00:c1:01")!;
const flows: FrameFlow[] = [
  { source: 0x0a4d_0001, destination: 0xc612_0001, sourcePort: 16_384, destinationPort: 443 },
  { source: 0x0a4d_ffff, destination: 0xc612_fffe, sourcePort: 65_535, destinationPort: 443 },
  { source: 0xffff_ffff, destination: 0xffff_0000, sourcePort: 0xffff, destinationPort: 0xffff },
];

/** A frame in the middle of a batch, so that an offset that is forgotten shows. */
function place() {
  const area = new Uint8Array(3 * SLOT_BYTES);
  return { area, view: new DataView(area.buffer), frame: SLOT_BYTES };
}

function frameOf(area: Uint8Array): Uint8Array {
  return area.slice(SLOT_BYTES, SLOT_BYTES + FRAME_BYTES);
}

for (const [name, segment] of Object.entries(segments)) {
  for (const flow of flows) {
    test(`a ${name} from port ${flow.sourcePort} is the frame that the lab's own encoder writes`, () => {
      const { area, view, frame } = place();
      new FrameTemplate(gateway, client, segment).write(area, view, frame, flow);
      assert.deepEqual(frameOf(area), encodeTcpFrame(gateway, client, { ...flow, ...segment }));
      assert.equal(segmentAt(view, frame), name);
    });
  }
}

for (const [from, to] of [
  ["syn", "synAck"],
  ["synAck", "established"],
  ["fin", "finAnswer"],
  ["finAnswer", "closed"],
] as const) {
  for (const flow of flows) {
    test(`the answer to a ${from} from port ${flow.sourcePort} is a ${to} with right checksums`, () => {
      const { area, view, frame } = place();
      new FrameTemplate(gateway, client, segments[from]).write(area, view, frame, flow);
      new AnswerStep(segments[from], segments[to]).apply(area, view, frame);
      const back: TcpSegment = {
        source: flow.destination,
        sourcePort: flow.destinationPort,
        destination: flow.source,
        destinationPort: flow.sourcePort,
        ...segments[to],
      };
      assert.deepEqual(frameOf(area), encodeTcpFrame(client, gateway, back));
    });
  }
}

test("datagrams have right checksums, and still have when they are sent back", () => {
  const { area, view, frame } = place();
  for (const flow of flows) {
    new FrameTemplate(gateway, client).write(area, view, frame, flow);
    assert.equal(udpRemainder(area), 0);
    swapSides(area, view, frame);
    assert.equal(udpRemainder(area), 0);
    assert.deepEqual(area.slice(frame, frame + 6), client);
    assert.equal(view.getUint16(frame + 36), flow.sourcePort);
  }
});

/** 0 when both checksums of the UDP datagram are right. */
function udpRemainder(area: Uint8Array): number {
  const bytes = frameOf(area);
  const pseudoHeader = new Uint8Array(12);
  pseudoHeader.set(bytes.subarray(26, 34));
  pseudoHeader[9] = 17;
  pseudoHeader[11] = 20;
  return internetChecksum(bytes.subarray(14, 34)) | internetChecksum(pseudoHeader, bytes.subarray(34));
}
