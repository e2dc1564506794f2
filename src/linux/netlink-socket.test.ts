import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { run } from "../../tests/network/test-host.ts";
import { validIp } from "../base/ip.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { decodeLink, writeAddAddress, writeLinkDump, writeSetLink } from "../wire/route-message.ts";
import { DatagramBatch } from "./datagram-batch.ts";
import { KernelError } from "./kernel-error.ts";
import { errno } from "./libc.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";

const RTNLGRP_LINK = 1;

describe("NetlinkSocket", () => {
  it("has a name of its own, by which the kernel tells its events from others'", () => {
    const [first, second] = [
      new NetlinkSocket({ protocol: NETLINK_ROUTE }),
      new NetlinkSocket({ protocol: NETLINK_ROUTE }),
    ];
    assert.notEqual(first.portId, 0);
    assert.notEqual(first.portId, second.portId);
    first.subscribe(RTNLGRP_LINK);
    const writer = new NetlinkWriter(64);
    writeSetLink(writer, 1, true, 1);
    second.request("link up", acknowledged(writer));
    assert.equal(first.receive() === "overrun", false);
    first.close();
    second.close();
  });

  it("gathers the refusals of a batch by sequence, and throws the first as an error on request", () => {
    const socket = new NetlinkSocket({ protocol: NETLINK_ROUTE });
    const writer = new NetlinkWriter(1_024);
    writeSetLink(writer, 1, true, 10);
    writeSetLink(writer, 9_999, true, 11);
    const wrong = { deviceIndex: 1, address: validIp("192.0.2.9"), prefixLength: 77, validSeconds: 2 };
    writeAddAddress(writer, wrong, 12);
    writeSetLink(writer, 1, true, 13);
    const refusals = socket.transact(acknowledged(writer));
    assert.deepEqual(
      refusals.map(({ sequence, errno }) => [sequence, errno]),
      [
        [11, errno.ENODEV],
        [12, errno.EINVAL],
      ],
    );
    assert.equal(refusals[1]?.text, "ipv4: Invalid prefix length");
    assert.throws(
      () => socket.request("trying", writer.written()),
      (error) => error instanceof KernelError && error.operation === "trying" && error.code === "ENODEV",
    );
    // Nothing of an earlier batch is left over for the next one.
    writer.reset();
    writeSetLink(writer, 1, true, 14);
    assert.deepEqual(socket.transact(acknowledged(writer)), []);
    socket.close();
  });

  it("gives the whole of a dump, as copies", () => {
    const socket = new NetlinkSocket({ protocol: NETLINK_ROUTE });
    for (let i = 0; i < 40; i++) run("ip", ["link", "add", `bridge${i}`, "type", "bridge"]);
    const writer = new NetlinkWriter(64);
    writeLinkDump(writer);
    const messages = socket.dump(writer.written());
    socket.dump(writer.written());
    const names = messages.map((message) => {
      const link = decodeLink(message);
      return "name" in link ? link.name : link.reason;
    });
    assert.deepEqual(names, ["lo", ...Array.from({ length: 40 }, (_, index) => `bridge${index}`)]);
    socket.close();
  });

  it("reads waiting datagrams in one system call, and knows those that did not fit", () => {
    const events = new NetlinkSocket({ protocol: NETLINK_ROUTE });
    events.subscribe(RTNLGRP_LINK);
    run("ip", ["link", "add", "one", "type", "bridge"]);
    run("ip", ["link", "del", "one"]);
    const batch = new DatagramBatch(8, 64);
    const count = events.receiveBatch(batch);
    assert.ok(count >= 2, `${count} datagrams`);
    for (let slot = 0; slot < count; slot++)
      assert.deepEqual([batch.length(slot), batch.truncated(slot)], [64, true]);
    assert.equal(events.receiveBatch(batch), 0);
    run("ip", ["link", "add", "two", "type", "bridge"]);
    const roomy = new DatagramBatch(2, 8_192);
    assert.ok(events.receiveBatch(roomy) >= 1);
    assert.equal(roomy.truncated(0), false);
    assert.equal(roomy.view.getUint32(0, true), roomy.length(0));
    events.close();
  });

  it("says that events were lost, once", () => {
    const events = new NetlinkSocket({ protocol: NETLINK_ROUTE, receiveBufferBytes: 2_048 });
    events.subscribe(RTNLGRP_LINK);
    for (let i = 0; i < 8; i++) run("ip", ["link", "add", `flood${i}`, "type", "bridge"]);
    const heard = Array.from({ length: 20 }, () => events.receive()).filter((one) => one.length > 0);
    assert.equal(heard.filter((one) => one === "overrun").length, 1);
    events.close();
  });
});

function acknowledged(writer: NetlinkWriter): Uint8Array {
  writer.addFlagsToLast(NLM_F_ACK);
  return writer.written();
}
