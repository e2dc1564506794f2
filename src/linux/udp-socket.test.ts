import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { runIp } from "../../tests/network/test-host.ts";
import { formatIp, validIp } from "../base/ip.ts";
import { KernelError } from "./kernel-error.ts";
import { errno } from "./libc.ts";
import { PollSet } from "./poll.ts";
import { UdpSocket } from "./udp-socket.ts";

const into = new Uint8Array(2_000);

describe("UdpSocket", () => {
  before(() => {
    runIp([
      ...["link set lo up", "link add near type veth peer name far", "link set near up", "link set far up"],
      ...["addr add 192.0.2.1/24 dev near", "addr add 2001:db8::1/64 dev near nodad"],
    ]);
  });

  for (const address of ["127.0.0.1", "::1"]) {
    it(`sends and receives on ${address}, and knows who sent`, () => {
      const local = validIp(address);
      const [server, client] = [7_001, 7_002].map((port) => new UdpSocket({ address: local, port }));
      assert.ok(server && client);
      const poll = new PollSet([server.fd, client.fd]);
      assert.equal(client.send(Uint8Array.of(1, 2, 3), local, 7_001), 0);
      assert.equal(poll.wait(1_000), 1);
      const request = server.receive(into);
      assert.ok(request);
      assert.deepEqual([request.length, formatIp(request.address), request.port], [3, address, 7_002]);
      assert.deepEqual([...into.subarray(0, 3)], [1, 2, 3]);
      // An empty datagram is one.
      server.send(new Uint8Array(0), request.address, request.port);
      poll.wait(1_000);
      assert.equal(client.receive(into)?.length, 0);
      assert.equal(client.receive(into), undefined);
      server.close();
      client.close();
    });
  }

  it("keeps the sender's address when the next datagram comes", () => {
    const address = validIp("127.0.0.1");
    const [server, first, second] = [7_003, 7_004, 7_005].map((port) => new UdpSocket({ address, port }));
    assert.ok(server && first && second);
    first.send(Uint8Array.of(1), address, 7_003);
    second.send(Uint8Array.of(2), address, 7_003);
    const received = [server.receive(into), server.receive(into)];
    assert.deepEqual(
      received.map((datagram) => datagram?.port),
      [7_004, 7_005],
    );
    for (const socket of [server, first, second]) socket.close();
  });

  it("cuts a datagram that is longer than the memory given", () => {
    const address = validIp("127.0.0.1");
    const socket = new UdpSocket({ address, port: 7_006 });
    socket.send(new Uint8Array(100).fill(7), address, 7_006);
    assert.equal(socket.receive(new Uint8Array(10))?.length, 10);
    assert.equal(socket.receive(into), undefined);
    socket.close();
  });

  it("binds an address that comes later, in both families", () => {
    for (const text of ["192.0.2.77", "2001:db8::77"]) {
      const address = validIp(text);
      const socket = new UdpSocket({ address, port: 7_007 });
      runIp([`addr add ${text}/${text.includes(":") ? "64 nodad" : "24"} dev near`]);
      // The kernel takes a new IPv6 address into use from a work queue: until then, a datagram to it is lost.
      let datagram = received(socket);
      for (let attempt = 0; attempt < 100 && datagram === undefined; attempt++) {
        socket.send(Uint8Array.of(9), address, 7_007);
        datagram = received(socket);
      }
      assert.equal(formatIp(datagram?.address ?? new Uint8Array(4)), text);
      socket.close();
    }
  });

  it("hears only its own device", () => {
    const address = validIp("192.0.2.1");
    const near = new UdpSocket({ address, port: 7_008, device: "near" });
    const far = new UdpSocket({ address, port: 7_009, device: "far" });
    const sender = new UdpSocket({ address, port: 7_010 });
    // What a host sends to its own address counts as arriving on the device that has it.
    sender.send(Uint8Array.of(1), address, 7_008);
    sender.send(Uint8Array.of(2), address, 7_009);
    assert.equal(received(near)?.length, 1);
    assert.equal(far.receive(into), undefined);
    for (const socket of [near, far, sender]) socket.close();
  });

  it("says why it cannot send, and throws when it cannot be made", () => {
    const socket = new UdpSocket({ address: validIp("127.0.0.1"), port: 7_011 });
    assert.equal(socket.send(new Uint8Array(70_000), validIp("127.0.0.1"), 1), -errno.EMSGSIZE);
    socket.close();
    assert.throws(
      () => new UdpSocket({ address: validIp("127.0.0.1"), port: 7_012, device: "missing" }),
      (error) => error instanceof KernelError && error.code === "ENODEV",
    );
  });
});

/** On a busy machine even what a host sends to itself may take a moment: softirqs wait for their thread. */
function received(socket: UdpSocket) {
  new PollSet([socket.fd]).wait(20);
  return socket.receive(into);
}
