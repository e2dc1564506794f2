import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { untilLinkCarries } from "../../tests/network/link-carries.ts";
import { runIp } from "../../tests/network/test-host.ts";
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { decodeAdvertisementFrame, encodeAdvertisementFrame } from "../wire/vrrp.ts";
import { DatagramBatch } from "./datagram-batch.ts";
import { KernelError } from "./kernel-error.ts";
import { PacketSocket } from "./packet-socket.ts";
import { PollSet } from "./poll.ts";
import { openVrrpSocket } from "./vrrp-socket.ts";

/** Reserved for local experiments (IEEE 802): nothing else in the namespace sends it. */
const ETHERTYPE_TEST = 0x88b5;

describe("PacketSocket", () => {
  const into = new Uint8Array(2_000);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
  /** Of the test frames that wait, in their order. */
  const numbersIn = (receiver: PacketSocket) => {
    const numbers: number[] = [];
    while (receiver.receive(into) > 0) numbers.push(((into[14] ?? 0) << 8) | (into[15] ?? 0));
    return numbers;
  };

  before(() => {
    runIp([
      "link add near address 02:00:00:00:00:01 type veth peer name far",
      "link set far address 02:00:00:00:00:02",
      "link set near up",
      "link set far up",
    ]);
    untilLinkCarries("near", "far");
  });

  it("sends and receives whole frames of one type", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const receiver = new PacketSocket({ device: "far", etherType: ETHERTYPE_TEST });
    assert.equal(receiver.receive(into), 0);
    const frame = testFrame(1);
    assert.ok(sender.send(testFrame(9, 0x88b6)));
    assert.ok(sender.send(frame));
    assert.equal(new PollSet([receiver.fd]).wait(1_000), 1);
    assert.equal(receiver.receive(into), frame.length);
    assert.deepEqual(into.slice(0, frame.length), frame);
    assert.equal(receiver.receive(into), 0);
    // What is sent is not heard by the sender, and a socket that only sends hears nothing.
    assert.equal(sender.receive(into), 0);
    sender.close();
    receiver.close();
  });

  it("sends many frames in order, more than fit into one system call", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const receiver = new PacketSocket({
      device: "far",
      etherType: ETHERTYPE_TEST,
      receiveBufferBytes: 4 << 20,
    });
    const frames = Array.from({ length: 600 }, (_, index) => testFrame(index));
    assert.equal(sender.sendMany(frames), 600);
    assert.equal(sender.sendMany([]), 0);
    assert.deepEqual(numbersIn(receiver), range(0, 600));
    sender.close();
    receiver.close();
  });

  it("sends what is laid out again and again, from any slot to any other, and more than the kernel takes at once", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const receiver = new PacketSocket({
      device: "far",
      etherType: ETHERTYPE_TEST,
      receiveBufferBytes: 4 << 20,
    });
    const batch = DatagramBatch.of(Array.from({ length: 1_100 }, (_, index) => testFrame(index)));
    const sent = (from: number, to: number) => {
      assert.equal(sender.sendBatch(batch, from, to), to - from);
      return numbersIn(receiver);
    };
    assert.deepEqual(sent(0, 1_100), range(0, 1_100));
    assert.deepEqual(sent(3, 5), [3, 4]);
    assert.deepEqual(sent(1_098, 1_100), [1_098, 1_099]);
    assert.deepEqual(sent(7, 7), []);
    assert.equal(sender.sendBatch(DatagramBatch.of([]), 0, 0), 0);
    sender.close();
    receiver.close();
  });

  it("hears only what its filter selects, from the first frame on", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const advertisement = encodeAdvertisementFrame({
      sourceMac: parseMac("02:00:00:00:00:01")!,
      source: parseIp("192.0.2.1")!,
      advertisement: {
        virtualRouterId: 51,
        priority: 100,
        intervalCs: 10,
        addresses: [parseIp("192.0.2.9")!],
      },
    });
    const other = advertisement.slice();
    other[14 + 9] = 17; // UDP instead of VRRP
    const receiver = openVrrpSocket("far", 4);
    const v6Receiver = openVrrpSocket("far", 6);
    for (let i = 0; i < 50; i++) sender.send(other);
    sender.send(advertisement);
    assert.equal(new PollSet([receiver.fd]).wait(1_000), 1);
    assert.equal(receiver.receive(into), advertisement.length);
    assert.deepEqual(
      decodeAdvertisementFrame(into.slice(0, advertisement.length)),
      decodeAdvertisementFrame(advertisement),
    );
    assert.equal(receiver.receive(into), 0);
    assert.equal(v6Receiver.receive(into), 0);
    for (const socket of [sender, receiver, v6Receiver]) socket.close();
  });

  it("keeps a thousand advertisements that come at once: those of peers are behind those of strangers", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const receiver = openVrrpSocket("far", 4);
    const frame = encodeAdvertisementFrame({
      sourceMac: parseMac("02:00:00:00:00:01")!,
      source: parseIp("192.0.2.1")!,
      advertisement: { virtualRouterId: 1, priority: 100, intervalCs: 1, addresses: [parseIp("192.0.2.9")!] },
    });
    try {
      assert.equal(sender.sendMany(Array.from({ length: 1_000 }, () => frame)), 1_000);
      let received = 0;
      const endMs = performance.now() + 2_000;
      do while (receiver.receive(into) > 0) received++;
      while (received < 1_000 && new PollSet([receiver.fd]).wait(endMs - performance.now()) > 0);
      assert.equal(received, 1_000);
    } finally {
      sender.close();
      receiver.close();
    }
  });

  it("says no when the device is down, without an exception", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    runIp(["link set near down"]);
    assert.equal(sender.send(testFrame(1)), false);
    assert.equal(sender.sendMany([testFrame(1), testFrame(2)]), 0);
    runIp(["link set near up"]);
    sender.close();
  });

  it("goes on after its device was down and up again", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    const receiver = new PacketSocket({ device: "far", etherType: ETHERTYPE_TEST });
    runIp(["link set far down"]);
    assert.equal(receiver.receive(into), 0);
    runIp(["link set far up"]);
    untilLinkCarries("near", "far");
    sender.send(testFrame(3));
    assert.equal(new PollSet([receiver.fd]).wait(1_000), 1);
    while (receiver.receive(into) > 0) assert.equal(into[15], 3);
    sender.close();
    receiver.close();
  });

  it("refuses a frame that is longer than its memory for one", () => {
    const sender = new PacketSocket({ device: "near", etherType: 0 });
    assert.throws(() => sender.sendMany([testFrame(1), new Uint8Array(1_600)]), RangeError);
    sender.close();
  });

  it("throws when there is no such device", () => {
    assert.throws(
      () => new PacketSocket({ device: "missing", etherType: 0 }),
      (error) => error instanceof KernelError && error.code === "ENODEV" && error.message.includes("missing"),
    );
  });
});

function testFrame(number: number, etherType = ETHERTYPE_TEST): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set(parseMac("02:00:00:00:00:02")!, 0);
  frame.set(parseMac("02:00:00:00:00:01")!, 6);
  frame.set([etherType >> 8, etherType & 0xff, number >> 8, number & 0xff], 12);
  return frame;
}
