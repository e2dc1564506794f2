import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { untilLinkCarries } from "../../tests/network/link-carries.ts";
import { run, runIp } from "../../tests/network/test-host.ts";
import { hasVlanDevices } from "../../tests/network/vlan-devices.ts";
import { type IpFamily, validIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { encodeUnsolicitedNeighborAdvertisement } from "../wire/ndp.ts";
import { encodeAdvertisementFrame } from "../wire/vrrp.ts";
import { openNeighbourSocket } from "./neighbour-socket.ts";
import { PacketSocket } from "./packet-socket.ts";
import { PollSet } from "./poll.ts";
import { openSolicitationSocket } from "./solicitation-socket.ts";
import { openVrrpSocket } from "./vrrp-socket.ts";

const nearMac = parseMac("02:00:00:00:00:01")!;
const farMac = parseMac("02:00:00:00:00:02")!;
/** Frames pass a veth pair at once; those to several devices above wait for a work queue. */
const HEARD_WITHIN_MS = 200;
const families: readonly IpFamily[] = [4, 6];

function advertisement(family: IpFamily): Uint8Array {
  const addresses = [validIp(family === 4 ? "192.0.2.9" : "fe80::51:1")];
  return encodeAdvertisementFrame({
    sourceMac: nearMac,
    source: validIp(family === 4 ? "192.0.2.1" : "fe80::1"),
    advertisement: { virtualRouterId: 51, priority: 200, intervalCs: 10, addresses },
  });
}

/** An answer to an ARP request (RFC 826), as it comes from the wire: padded. */
function arpReply(): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([...farMac, ...nearMac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, ...nearMac, 192, 0, 2, 1]);
  frame.set([...farMac, 192, 0, 2, 2], 32);
  return frame;
}

function routerSolicitation(): Uint8Array {
  const frame = new Uint8Array(62);
  frame.set([0x33, 0x33, 0, 0, 0, 2, ...nearMac, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255]);
  frame.set([...validIp("fe80::1"), ...validIp("ff02::2"), 133], 22);
  return frame;
}

/** The frame with a tag of IEEE 802.1Q. */
function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.of(...frame.subarray(0, 12), 0x81, 0x00, vlan >> 8, vlan & 0xff, ...frame.subarray(12));
}

const neighbourAdvertisement = encodeUnsolicitedNeighborAdvertisement({
  ...{ mac: nearMac, address: validIp("fd00::1") },
});

const kinds: readonly {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly open: (device: string) => PacketSocket;
}[] = [
  ...families.map((family) => ({
    name: `advertisements over IPv${family}`,
    frame: advertisement(family),
    open: (device: string) => openVrrpSocket(device, family),
  })),
  { name: "ARP replies", frame: arpReply(), open: (device) => openNeighbourSocket(device, 4) },
  {
    name: "neighbour advertisements",
    frame: neighbourAdvertisement,
    open: (device) => openNeighbourSocket(device, 6),
  },
  { name: "router solicitations", frame: routerSolicitation(), open: openSolicitationSocket },
];

/** Whether a frame is heard on a device when it is sent on another. */
function isHeard(
  { frame, open }: (typeof kinds)[number],
  { from, as = frame, on }: { readonly from: string; readonly as?: Uint8Array; readonly on: string },
): boolean {
  const sender = new PacketSocket({ device: from, etherType: 0 });
  const receiver = open(on);
  const into = new Uint8Array(2_000);
  try {
    assert.ok(sender.send(as));
    const isReadable = new PollSet([receiver.fd]).wait(HEARD_WITHIN_MS) > 0;
    if (isReadable) assert.equal(receiver.receive(into), frame.length);
    return isReadable;
  } finally {
    for (const socket of [sender, receiver]) socket.close();
  }
}

describe("frames of other networks on the same cable", () => {
  before(() => {
    // The kernel itself shall not solicit routers here.
    run("sysctl", ["-qw", "net.ipv6.conf.default.disable_ipv6=1"]);
    runIp([
      "link add near address 02:00:00:00:00:01 type veth peer name far",
      "link set far address 02:00:00:00:00:02",
      "link add link far name above address 02:00:00:00:00:0a type macvlan mode bridge",
      "link add bridge type bridge",
      "link add bridged address 02:00:00:00:00:03 type veth peer name port",
      "link set port master bridge",
      "link set bridge address 02:00:00:00:00:02",
      ...["near", "far", "above", "bridge", "bridged", "port"].map((device) => `link set ${device} up`),
    ]);
    for (const [from, to] of [
      ["near", "far"],
      ["near", "above"],
      ["bridged", "bridge"],
    ] as const)
      untilLinkCarries(from, to);
  });

  for (const kind of kinds) {
    it(`${kind.name} without a tag are heard, and no others`, () => {
      const heard = (as: Uint8Array) => isHeard(kind, { from: "near", as, on: "far" });
      assert.ok(heard(kind.frame));
      // IEEE 802.1Q 6.9: it belongs to the same network.
      assert.ok(heard(tagged(kind.frame, 0)), "a tag that is only a priority");
      assert.equal(heard(tagged(kind.frame, 30)), false, "a tag that nobody has configured");
    });

    it(`${kind.name} for a device above are that one's`, () => {
      const toAbove = kind.frame.slice();
      toAbove.set(parseMac("02:00:00:00:00:0a")!);
      assert.ok(isHeard(kind, { from: "near", as: toAbove, on: "above" }));
      assert.equal(isHeard(kind, { from: "near", as: toAbove, on: "far" }), false);
    });

    it(`${kind.name} are heard on a bridge`, () => {
      assert.ok(isHeard(kind, { from: "bridged", on: "bridge" }));
    });
  }

  if (hasVlanDevices())
    it("tags that have a device are heard there, and only there", () => {
      runIp([
        "link add link near name near.20 type vlan id 20",
        "link add link far name far.20 type vlan id 20",
        "link set near.20 up",
        "link set far.20 up",
      ]);
      untilLinkCarries("near.20", "far.20");
      for (const kind of kinds) {
        assert.ok(isHeard(kind, { from: "near.20", on: "far.20" }), kind.name);
        assert.equal(isHeard(kind, { from: "near.20", on: "far" }), false, kind.name);
        assert.equal(isHeard(kind, { from: "near", on: "far.20" }), false, kind.name);
      }
    });
});
