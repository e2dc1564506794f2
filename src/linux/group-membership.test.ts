import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { waitFor } from "../../tests/netns/namespace-waiting.ts";
import { untilLinkCarries } from "../../tests/network/link-carries.ts";
import { run, runIp } from "../../tests/network/test-host.ts";
import { validIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { encodeAdvertisementFrame } from "../wire/vrrp.ts";
import { PacketSocket } from "./packet-socket.ts";
import { PollSet } from "./poll.ts";
import { openVrrpSocket } from "./vrrp-socket.ts";

const GROUP_V4 = "224.0.0.18";
const GROUP_V6 = "ff02::12";

const frame = encodeAdvertisementFrame({
  sourceMac: parseMac("02:00:00:00:00:02")!,
  source: validIp("fe80::2"),
  advertisement: { virtualRouterId: 51, priority: 200, intervalCs: 10, addresses: [validIp("fe80::51:1")] },
});

/** A switch that hands multicast on only to who has asked for it, with the node and a foreign router on it. */
function makeSwitch(): void {
  run("sysctl", ["-qw", "net.ipv6.conf.default.accept_dad=0"]);
  runIp([
    // It asks who is there, and withholds once the time for answers is over: 0.1 s.
    "link add switch type bridge mcast_snooping 1 mcast_query_response_interval 10",
    "link set switch type bridge mcast_querier 1",
    "link add node type veth peer name port1",
    "link add router address 02:00:00:00:00:02 type veth peer name port2",
    "link set port1 master switch",
    "link set port2 master switch",
    ...["switch", "port1", "port2", "node", "router"].map((device) => `link set ${device} up`),
  ]);
  untilLinkCarries("router", "node");
}

/** Ports that have asked the switch for a group. */
function portsOf(group: string): string[] {
  const text = run("bridge", ["-json", "mdb", "show", "dev", "switch"]);
  const [{ mdb }] = JSON.parse(text) as [{ mdb: readonly { readonly grp: string; readonly port: string }[] }];
  return mdb.filter(({ grp }) => grp === group).map(({ port }) => port);
}

function groupsOf(device: string): string[] {
  const text = run("ip", ["-json", "maddr", "show", "dev", device]);
  const [{ maddr }] = JSON.parse(text) as [{ maddr: readonly { readonly address?: string }[] }];
  return maddr.flatMap(({ address }) => address ?? []);
}

/** Whether what the router sends reaches a device. */
function passes(device: string): boolean {
  const sender = new PacketSocket({ device: "router", etherType: 0 });
  const receiver = openVrrpSocket(device, 6, { joins: false });
  assert.ok(sender.send(frame));
  const isHeard = new PollSet([receiver.fd]).wait(200) > 0;
  sender.close();
  receiver.close();
  return isHeard;
}

describe("membership in VRRP's groups", () => {
  before(makeSwitch);

  it("is told to the switch, which withholds advertisements before", async () => {
    await waitFor("the switch to withhold what nobody has asked for", () => !passes("node"));
    const socket = openVrrpSocket("node", 6);
    await waitFor("the switch to know who has asked", () => portsOf(GROUP_V6).includes("port1"));
    const sender = new PacketSocket({ device: "router", etherType: 0 });
    assert.ok(sender.send(frame));
    assert.equal(new PollSet([socket.fd]).wait(1_000), 1);
    sender.close();
    socket.close();
  });

  it("ends with the socket, and is had again on a device that was made anew", () => {
    const joined = () => [GROUP_V4, GROUP_V6].filter((group) => groupsOf("again").includes(group));
    const make = () =>
      runIp(["link add again type veth peer name peer", "link set again up", "link set peer up"]);
    const open = () => [openVrrpSocket("again", 4), openVrrpSocket("again", 6)];
    make();
    const sockets = open();
    assert.deepEqual(joined(), [GROUP_V4, GROUP_V6]);
    runIp(["link del again"]);
    for (const socket of sockets) socket.close();
    make();
    assert.deepEqual(joined(), []);
    const [v4, v6] = open();
    assert.deepEqual(joined(), [GROUP_V4, GROUP_V6]);
    v4?.close();
    assert.deepEqual(joined(), [GROUP_V6]);
    v6?.close();
    assert.deepEqual(joined(), []);
    runIp(["link del again"]);
  });

  it("is not had where advertisements go to single routers", () => {
    const socket = openVrrpSocket("node", 4, { joins: false });
    assert.ok(!groupsOf("node").includes(GROUP_V4));
    socket.close();
  });

  it("is left out where the device has no IPv6: the socket is there all the same", () => {
    runIp([
      "link add short type veth peer name end",
      "link set short mtu 1200",
      "link set short up",
      "link set end up",
    ]);
    const socket = openVrrpSocket("short", 6);
    untilLinkCarries("end", "short");
    const sender = new PacketSocket({ device: "end", etherType: 0 });
    assert.ok(sender.send(frame));
    assert.equal(new PollSet([socket.fd]).wait(1_000), 1);
    sender.close();
    socket.close();
    runIp(["link del short"]);
  });
});
