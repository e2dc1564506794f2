import assert from "node:assert/strict";
import { PacketSocket } from "../../src/linux/packet-socket.ts";
import { PollSet } from "../../src/linux/poll.ts";

/** Reserved for local experiments (IEEE 802), as 0x88b5, which the tests use. */
const ETHERTYPE_TRY = 0x88b6;
const TRIES = 100;
const WAIT_MS = 50;

/** Waits until frames pass between two ends that were just set up: the kernel starts their queues in its own time, and drops frames until then. */
export function untilLinkCarries(from: string, to: string): void {
  const sender = new PacketSocket({ device: from, etherType: 0 });
  const receiver = new PacketSocket({ device: to, etherType: ETHERTYPE_TRY });
  const frame = new Uint8Array(60);
  frame.fill(0xff, 0, 6);
  frame[6] = 0x02; // A bridge drops what comes from nobody.
  frame.set([ETHERTYPE_TRY >> 8, ETHERTYPE_TRY & 0xff], 12);
  const pollSet = new PollSet([receiver.fd]);
  let heard = 0;
  for (let tries = 0; tries < TRIES && heard === 0; tries++) {
    sender.send(frame);
    heard = pollSet.wait(WAIT_MS);
  }
  sender.close();
  receiver.close();
  assert.equal(heard, 1, `nothing passes from ${from} to ${to}`);
}
