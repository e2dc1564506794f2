import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { untilLinkCarries } from "../../tests/network/link-carries.ts";
import { runIp } from "../../tests/network/test-host.ts";
import { hasVlanDevices } from "../../tests/network/vlan-devices.ts";
import { type IpAddress, validIp } from "../base/ip.ts";
import { FirstPacketSocket } from "./first-packet-socket.ts";
import { ipFrame } from "./ip-frame.test-data.ts";
import { PacketSocket } from "./packet-socket.ts";

const ICMP = 1;
const ICMPV6 = 58;

describe("FirstPacketSocket", () => {
  let sender: PacketSocket;
  let far: PacketSocket;
  const addresses = (...texts: string[]): IpAddress[] => texts.map(validIp);
  const local = addresses("10.1.0.2", "10.1.0.1", "fd00:1::2", "fd00:1::1");
  const translated = addresses("192.0.2.1", "2001:db8::1");

  before(() => {
    runIp([
      "link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02",
      "link set near up",
      "link set far up",
    ]);
    untilLinkCarries("near", "far");
    sender = new PacketSocket({ device: "near", etherType: 0 });
    far = new PacketSocket({ device: "far", etherType: 0 });
  });

  /** Whether the socket sees a frame that leaves by its device. */
  function sees(socket: FirstPacketSocket, bytes: Uint8Array): boolean {
    assert.ok(sender.send(bytes));
    const seen = socket.next() !== undefined;
    assert.equal(socket.next(), undefined);
    return seen;
  }

  it("sees what others sent leave, and nothing of the node's own", () => {
    const socket = new FirstPacketSocket("near", { local, translated });
    const cases: readonly [boolean, string, string, number?][] = [
      [true, "203.0.113.9", "10.1.0.10"],
      [true, "203.0.113.9", "10.1.0.10", ICMP],
      [true, "192.0.2.1", "203.0.113.9"],
      [false, "192.0.2.1", "203.0.113.9", ICMP],
      [false, "10.1.0.2", "10.1.0.10"],
      [false, "10.1.0.1", "10.1.0.10"],
      [false, "203.0.113.9", "224.0.0.18"],
      [false, "203.0.113.9", "255.255.255.255"],
      [true, "2001:db8:9::9", "fd00:1::10"],
      [true, "2001:db8::1", "2001:db8:9::9"],
      [false, "2001:db8::1", "2001:db8:9::9", ICMPV6],
      [false, "fd00:1::2", "fd00:1::10"],
      [true, "fd00:1::3", "fd00:1::10"],
      [false, "fe80::1", "fd00:1::10"],
      [false, "2001:db8:9::9", "ff02::1"],
    ];
    for (const [expected, from, to, protocol] of cases)
      assert.equal(
        sees(socket, ipFrame(from, to, protocol)),
        expected,
        `${from} to ${to}, ${protocol ?? "UDP"}`,
      );
    const arp = ipFrame("203.0.113.9", "10.1.0.10");
    arp.set([0x08, 0x06], 12);
    assert.equal(sees(socket, arp), false);
    socket.close();
  });

  it("sees nothing that comes in", () => {
    const socket = new FirstPacketSocket("near", { local, translated });
    assert.ok(far.send(ipFrame("203.0.113.9", "10.1.0.10")));
    assert.equal(socket.next(), undefined);
    socket.close();
  });

  if (hasVlanDevices())
    it("sees nothing that leaves by a VLAN on the device", () => {
      runIp(["link add link near name near.20 type vlan id 20", "link set near.20 up"]);
      const socket = new FirstPacketSocket("near", { local, translated });
      const onVlan = new FirstPacketSocket("near.20", { local, translated });
      const tagging = new PacketSocket({ device: "near.20", etherType: 0 });
      assert.ok(tagging.send(ipFrame("203.0.113.9", "10.1.0.10")));
      assert.notEqual(onVlan.next(), undefined);
      assert.equal(socket.next(), undefined);
      for (const one of [socket, onVlan, tagging]) one.close();
    });

  it("sees only what belongs to a group, where there are several", () => {
    const destinations = [
      { address: validIp("10.1.0.0"), prefixLength: 22 },
      { address: validIp("fd00:1::"), prefixLength: 63 },
    ];
    const routed = [{ address: validIp("198.51.100.64"), prefixLength: 26 }];
    const socket = new FirstPacketSocket("near", { local, translated, destinations, routed });
    const cases: readonly [boolean, string, string][] = [
      [true, "203.0.113.9", "10.1.3.255"],
      [false, "203.0.113.9", "10.1.4.0"],
      [true, "192.0.2.1", "203.0.113.9"],
      [true, "2001:db8:9::9", "fd00:1:0:1::1"],
      [true, "198.51.100.127", "203.0.113.9"],
      [false, "198.51.100.128", "203.0.113.9"],
      [false, "2001:db8:9::9", "fd00:1:0:2::1"],
      [false, "10.1.0.1", "10.1.0.10"],
    ];
    for (const [expected, from, to] of cases)
      assert.equal(sees(socket, ipFrame(from, to)), expected, `${from} to ${to}`);
    socket.close();
  });

  it("takes 256 addresses, and keeps the first packets with their time", async () => {
    const many = Array.from({ length: 256 }, (_, index) =>
      validIp(`2001:db8:1::${(index + 1).toString(16)}`),
    );
    const socket = new FirstPacketSocket("near", { local: [...local, ...many], translated });
    assert.equal(sees(socket, ipFrame("2001:db8:1::100", "fd00:1::10")), false);
    // The kernel begins to keep times by a work queue, a moment after the first socket has asked for them.
    await sleep(50);
    assert.ok(sender.send(ipFrame("203.0.113.9", "10.1.0.10")));
    await sleep(50);
    for (let i = 0; i < 1_000; i++) sender.send(ipFrame("203.0.113.9", "10.1.0.10"));
    const first = socket.next();
    const second = socket.next();
    // Not how fast it is, but in which order: the first one left before the pause.
    assert.ok(first !== undefined && second !== undefined && first - second >= 45, `${first} ${second}`);
    socket.close();
  });
});
