import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../base/ip.ts";
import { PollSet } from "./poll.ts";
import { UdpSocket } from "./udp-socket.ts";

const loopback = validIp("127.0.0.1");

// Needs no root: sockets on the loopback address.
describe("PollSet", () => {
  it("says which descriptors are readable", () => {
    const [first, second] = [41_701, 41_702].map((port) => new UdpSocket({ address: loopback, port }));
    assert.ok(first && second);
    const poll = new PollSet([first.fd, second.fd]);
    assert.equal(poll.wait(0), 0);
    first.send(Uint8Array.of(1), loopback, 41_702);
    assert.equal(poll.wait(1_000), 1);
    assert.deepEqual([poll.readable(0), poll.readable(1)], [false, true]);
    second.receive(new Uint8Array(10));
    assert.equal(poll.wait(0), 0);
    assert.deepEqual([poll.readable(0), poll.readable(1)], [false, false]);
    second.send(Uint8Array.of(1), loopback, 41_701);
    assert.equal(poll.wait(Number.POSITIVE_INFINITY), 1);
    assert.ok(poll.readable(0));
    first.close();
    second.close();
  });

  it("waits for fractions of a millisecond, never too short", () => {
    const poll = new PollSet([]);
    const waits = Array.from({ length: 30 }, () => {
      const before = process.hrtime.bigint();
      poll.wait(0.25);
      return Number(process.hrtime.bigint() - before) / 1e6;
    });
    assert.ok(Math.min(...waits) >= 0.25, String(waits));
    // The shortest of many: a busy machine lengthens some waits, a wait rounded up to whole milliseconds all of them.
    assert.ok(Math.min(...waits) < 1, String(waits));
  });

  it("takes a time that has passed for no wait", () => {
    assert.equal(new PollSet([]).wait(-5), 0);
    assert.equal(new PollSet([]).wait(0), 0);
  });

  it("waits in the background", async () => {
    const [first, second] = [41_703, 41_704].map((port) => new UdpSocket({ address: loopback, port }));
    assert.ok(first && second);
    const poll = new PollSet([first.fd, second.fd]);
    const woken = new Promise<void>((resolve) => poll.waitInBackground(10_000, resolve));
    first.send(Uint8Array.of(1), loopback, 41_704);
    await woken;
    assert.deepEqual([poll.readable(0), poll.readable(1)], [false, true]);
    second.receive(new Uint8Array(1));
    await new Promise<void>((resolve) => poll.waitInBackground(1, resolve));
    assert.deepEqual([poll.readable(0), poll.readable(1)], [false, false]);
    first.close();
    second.close();
  });
});
