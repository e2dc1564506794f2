import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { untilLinkCarries } from "../../../tests/network/link-carries.ts";
import { run, runIp } from "../../../tests/network/test-host.ts";
import { DecodeError } from "../../base/decode-error.ts";
import { formatIp, type IpFamily, validIp } from "../../base/ip.ts";
import type { PacketSocket } from "../../linux/packet-socket.ts";
import { PollSet } from "../../linux/poll.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import { openVrrpSocket } from "../../linux/vrrp-socket.ts";
import { decodeAdvertisementFrame } from "../../wire/vrrp.ts";
import { Face } from "./face.ts";

const WARM_UP_ROUNDS = 5_000;
const WINDOWS_MAX = 20;
const CHUNKS = 41;
const ROUNDS_IN_CHUNK = 50;
/** About 3, for both families. Encoded anew each time they took 4,400. */
const BYTES_MAX = 200;

const settings = {
  name: "lan",
  device: "near",
  addresses: ["10.1.0.2"],
  virtualAddresses: [
    { address: "10.1.0.1", prefixLength: 24, device: "near" },
    { address: "fd00:1::1", prefixLength: 64, device: "near" },
    { address: "fe80::51:1", prefixLength: 64, device: "near" },
  ],
  virtualLinkLocals: ["fe80::51:1"],
  unicastPeers: ["10.1.0.3", "fe80::3"],
  routerAdvertisement: undefined,
};

function openFace(addresses: readonly string[]): Face {
  const router = { virtualRouterId: 51, intervalMs: 10, version: 3, virtualMac: false } as const;
  const face = new Face({ ...settings, addresses }, { ...router, announceRate: undefined });
  const route = new RouteSocket();
  const link = route.links().find(({ name }) => name === "near");
  route.close();
  assert.ok(link);
  face.setLink(link);
  const linkLocal = { deviceIndex: link.index, address: validIp("fe80::2"), prefixLength: 64 };
  assert.ok(face.addressChanged(linkLocal, false));
  return face;
}

describe("advertisements to single routers", () => {
  before(() => {
    run("sysctl", ["-qw", "net.ipv6.conf.default.accept_dad=0"]);
    runIp([
      "link add near type veth peer name far address 02:00:00:00:00:03",
      ...["near", "far"].map((device) => `link set ${device} up`),
      ...["10.1.0.2/24", "10.1.0.22/24", "fe80::2/64"].map((address) => `addr add ${address} dev near`),
      ...["10.1.0.3", "fe80::3"].map(
        (peer) => `neigh replace ${peer} lladdr 02:00:00:00:00:03 dev near nud permanent`,
      ),
    ]);
    untilLinkCarries("near", "far");
  });

  const into = new Uint8Array(2_000);
  /** What reaches the peer next. */
  function heard(ear: PacketSocket) {
    assert.equal(new PollSet([ear.fd]).wait(1_000), 1);
    const packet = decodeAdvertisementFrame(into.subarray(0, ear.receive(into)));
    assert.ok(!(packet instanceof DecodeError));
    const { source, advertisement } = packet;
    return {
      source: formatIp(source),
      priority: advertisement.priority,
      addresses: advertisement.addresses.map(formatIp),
    };
  }

  it("say what is so now: another priority, other addresses", () => {
    const ears: Readonly<Record<IpFamily, PacketSocket>> = {
      4: openVrrpSocket("far", 4),
      6: openVrrpSocket("far", 6),
    };
    const face = openFace(["10.1.0.2"]);
    const addresses = { 4: ["10.1.0.1"], 6: ["fe80::51:1", "fd00:1::1"] } as const;
    for (const priority of [100, 100, 0, 100, 90])
      for (const [family, source] of [
        [4, "10.1.0.2"],
        [6, "fe80::2"],
      ] as const) {
        assert.ok(face.sendAdvertisement(family, priority));
        assert.deepEqual(heard(ears[family]), { source, priority, addresses: addresses[family] });
      }
    face.unicastPeers.open([validIp("10.1.0.22")]);
    assert.ok(face.sendAdvertisement(4, 90));
    assert.deepEqual(heard(ears[4]), { source: "10.1.0.22", priority: 90, addresses: addresses[4] });
    assert.equal(face.sendAdvertisement(6, 90), false, "no address to send from");
    face.close();
    for (const ear of Object.values(ears)) ear.close();
  });

  it("do not make switches hand on what goes to the multicast group", () => {
    const face = openFace(["10.1.0.2"]);
    const groups = run("ip", ["maddr", "show", "dev", "near"]);
    assert.ok(!/inet +224\.0\.0\.18|inet6 +ff02::12/.test(groups), groups);
    face.close();
  });

  it("take little memory, however long it goes on", () => {
    const face = openFace(["10.1.0.2"]);
    const round = () => {
      face.sendAdvertisement(4, 100);
      face.sendAdvertisement(6, 100);
    };
    for (let i = 0; i < WARM_UP_ROUNDS; i++) round();
    const bytesOfRound = () => {
      const used = Array.from({ length: CHUNKS }, () => {
        const from = process.memoryUsage().heapUsed;
        for (let i = 0; i < ROUNDS_IN_CHUNK; i++) round();
        return process.memoryUsage().heapUsed - from;
      });
      // A collection in a few of them does not change the one in the middle.
      return (used.toSorted((a, b) => a - b)[CHUNKS >> 1] ?? 0) / ROUNDS_IN_CHUNK;
    };
    const windows: number[] = [];
    do windows.push(Math.round(bytesOfRound()));
    while (windows.length < WINDOWS_MAX && (windows.at(-1) ?? 0) > BYTES_MAX);
    assert.ok((windows.at(-1) ?? 0) <= BYTES_MAX, `${windows} bytes for an advertisement of each family`);
    face.close();
  });
});
