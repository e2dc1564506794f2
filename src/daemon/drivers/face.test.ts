import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { untilLinkCarries } from "../../../tests/network/link-carries.ts";
import { run, runIp } from "../../../tests/network/test-host.ts";
import { DecodeError } from "../../base/decode-error.ts";
import { formatIp, validIp } from "../../base/ip.ts";
import { PollSet } from "../../linux/poll.ts";
import { RouteSocket } from "../../linux/route-socket.ts";
import { openVrrpSocket } from "../../linux/vrrp-socket.ts";
import type { AddressState, LinkState } from "../../wire/route-message.ts";
import { decodeAdvertisementFrame } from "../../wire/vrrp.ts";
import { Face } from "./face.ts";

const router = { virtualRouterId: 51, intervalMs: 100, version: 3, virtualMac: false } as const;
/** One a burst: whoever begins anew with each change never comes to the last one. */
const SLOW_RATE = 10;

const settings = {
  name: "lan",
  device: "near",
  addresses: ["fd00:1::2"],
  virtualAddresses: [1, 3, 4].map((host) => ({
    ...{ address: `fd00:1::${host}`, prefixLength: 64, device: "near" },
  })),
  virtualLinkLocals: ["fe80::52:1"],
  unicastPeers: [],
  routerAdvertisement: undefined,
};

describe("a face", () => {
  let link: LinkState;

  before(() => {
    run("sysctl", ["-qw", "net.ipv6.conf.default.accept_dad=0"]);
    runIp([
      "link add near type veth peer name far",
      ...["near", "far"].map((device) => `link set ${device} up`),
    ]);
    untilLinkCarries("near", "far");
    const route = new RouteSocket();
    const found = route.links().find(({ name }) => name === "near");
    route.close();
    assert.ok(found);
    link = found;
  });

  function at(address: string): AddressState {
    return { deviceIndex: link.index, address: validIp(address), prefixLength: 64 };
  }

  /** With fe80::2 as its own link-local address. */
  function openFace(announceRate?: number): Face {
    const face = new Face(settings, { ...router, announceRate });
    face.setLink(link);
    assert.equal(face.readAddresses([at("fe80::52:1"), at("fe80::2")]), true);
    return face;
  }

  function textsOf({ addresses }: Face): string[] {
    return addresses.map(formatIp);
  }

  it("advertises from its own link-local address, and from another one when that goes", () => {
    const face = openFace();
    const ear = openVrrpSocket("far", 6);
    const into = new Uint8Array(2_000);
    const source = () => {
      if (!face.sendAdvertisement(6, 100)) return undefined;
      assert.equal(new PollSet([ear.fd]).wait(1_000), 1);
      const packet = decodeAdvertisementFrame(into.subarray(0, ear.receive(into)));
      assert.ok(!(packet instanceof DecodeError));
      return formatIp(packet.source);
    };
    assert.equal(source(), "fe80::2");
    assert.equal(face.addressChanged(at("fe80::5"), false), false);
    assert.equal(source(), "fe80::2");
    assert.equal(face.addressChanged(at("fe80::5"), true), false);
    assert.equal(source(), "fe80::2");
    face.addressChanged(at("fe80::6"), false);
    assert.equal(face.addressChanged(at("fe80::2"), true), true);
    assert.equal(source(), "fe80::6");
    assert.deepEqual(textsOf(face), ["fd00:1::2", "fe80::6"]);
    assert.equal(face.addressChanged(at("fe80::6"), true), true);
    assert.equal(source(), undefined, "no address to send from");
    face.close();
    ear.close();
  });

  it("goes on with what it announces while another group renews its addresses, and while its own source changes", () => {
    const face = openFace(SLOW_RATE);
    let nowMs = 0;
    assert.ok(face.announce(nowMs));
    const changes = [
      { address: "fe80::52:1", removed: false },
      { address: "fe80::5", removed: false },
      { address: "fe80::2", removed: true },
    ];
    let bursts = 1;
    for (; face.announceDueMs !== Number.POSITIVE_INFINITY; bursts++) {
      for (const { address, removed } of changes) face.addressChanged(at(address), removed);
      nowMs = face.announceDueMs;
      assert.ok(face.announceMore(nowMs));
    }
    assert.equal(bursts, settings.virtualAddresses.length);
    assert.deepEqual(textsOf(face), ["fd00:1::2", "fe80::5"]);
    face.close();
  });

  it("has its source again when its device was out of use for a moment", () => {
    const face = openFace();
    face.setLink(undefined);
    assert.equal(face.sendAdvertisement(6, 100), false);
    face.setLink(link);
    assert.equal(face.sendAdvertisement(6, 100), true);
    face.close();
  });
});
