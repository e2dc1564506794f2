import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseNetwork, validIp } from "../../base/ip.ts";
import { FlowFields } from "../../wire/flow-fields.ts";
import { FlowOwner } from "./flow-owner.ts";

const networks = (...texts: string[]) => ({
  virtualAddresses: texts.flatMap((text) => parseNetwork(text) ?? []),
});
const network = (text: string) => parseNetwork(text) ?? assert.fail(text);
const campus = networks("10.1.0.1/24", "192.0.2.1/24", "fd00:1::1/64", "fe80::1/64");
const guests = networks("10.2.0.1/22", "192.0.2.2/24", "fd00:2::1/64");
const owner = new FlowOwner([campus, guests]);
const CAMPUS = 1;
const GUESTS = 2;
// States as conntrack numbers them.
const ESTABLISHED = 3;
const TIME_WAIT = 7;

function flow(
  source: string,
  destination: string,
  translated: { source?: string; destination?: string } = {},
) {
  const fields = new FlowFields();
  const from = validIp(source);
  fields.family = from.length === 4 ? 4 : 6;
  fields.protocol = 6;
  fields.original.source.set(from);
  fields.original.destination.set(validIp(destination));
  fields.invertOriginal();
  if (translated.source !== undefined) fields.reply.destination.set(validIp(translated.source));
  if (translated.destination !== undefined) fields.reply.source.set(validIp(translated.destination));
  return fields;
}

describe("FlowOwner", () => {
  it("gives a translated flow to the group of the address that it is translated to, wherever it comes from", () => {
    assert.equal(owner.groupOf(flow("10.1.0.7", "198.51.100.1", { source: "192.0.2.1" })), CAMPUS);
    assert.equal(owner.groupOf(flow("10.1.0.7", "198.51.100.1", { source: "192.0.2.2" })), GUESTS);
    assert.equal(owner.groupOf(flow("172.16.0.9", "198.51.100.1", { source: "192.0.2.2" })), GUESTS);
  });

  it("gives a port forward to the group of the address that it was sent to", () => {
    const forward = flow("198.51.100.1", "192.0.2.2", { destination: "10.1.0.80" });
    assert.equal(owner.groupOf(forward), GUESTS);
  });

  it("gives a flow to the group that its outside address is routed to", () => {
    const routing = new FlowOwner([campus, { ...guests, routedNetworks: [network("203.0.113.64/26")] }]);
    const group = (one: FlowFields) => routing.groupOf(one);
    assert.equal(group(flow("10.1.0.7", "198.51.100.1", { source: "203.0.113.127" })), GUESTS);
    assert.equal(group(flow("198.51.100.1", "203.0.113.64", { destination: "10.1.0.80" })), GUESTS);
    assert.equal(group(flow("10.1.0.7", "198.51.100.1", { source: "203.0.113.128" })), CAMPUS);
    assert.equal(owner.groupOf(flow("198.51.100.1", "203.0.113.64", { destination: "10.1.0.80" })), 0);
  });

  it("gives an untranslated flow to the group of its source's network, else of its destination's", () => {
    assert.equal(owner.groupOf(flow("10.2.3.255", "198.51.100.1")), GUESTS);
    assert.equal(owner.groupOf(flow("10.2.4.0", "198.51.100.1")), 0);
    assert.equal(owner.groupOf(flow("10.1.0.7", "10.2.0.9")), CAMPUS);
    assert.equal(owner.groupOf(flow("2001:db8::9", "fd00:2::5")), GUESTS);
  });

  it("gives to nobody what lies in no network, or in one that groups share", () => {
    assert.equal(owner.groupOf(flow("198.51.100.1", "203.0.113.1")), 0);
    assert.equal(owner.groupOf(flow("192.0.2.77", "203.0.113.1")), 0);
    // Link-local networks are the same on every link.
    assert.equal(owner.groupOf(flow("fe80::9", "2001:db8::1")), 0);
  });

  it("lets the active node alone tell of a group's flows and of their ends", () => {
    const ofCampus = flow("10.1.0.7", "198.51.100.1", { source: "192.0.2.1" });
    for (const ended of [false, true]) {
      assert.equal(owner.tells(CAMPUS, ofCampus, ended), true);
      assert.equal(owner.tells(GUESTS, ofCampus, ended), false);
    }
    assert.deepEqual([owner.isCopied(CAMPUS, ofCampus), owner.isCopied(GUESTS, ofCampus)], [true, false]);
  });

  it("lets every node tell of a flow of no group, but of its end only where its packets closed it", () => {
    const ofNone = flow("198.51.100.1", "203.0.113.1");
    ofNone.tcpState = ESTABLISHED;
    assert.equal(owner.tells(GUESTS, ofNone, false), true);
    assert.equal(owner.tells(GUESTS, ofNone, true), false);
    ofNone.tcpState = TIME_WAIT;
    assert.equal(owner.tells(GUESTS, ofNone, true), true);
    ofNone.protocol = 17;
    assert.equal(owner.tells(GUESTS, ofNone, true), false);
    assert.equal(owner.isCopied(GUESTS, ofNone), true);
    assert.equal(owner.isOneOf(owner.all, ofNone), false);
  });

  it("gives everything to the only group", () => {
    const only = new FlowOwner([campus]);
    assert.equal(only.all, 1);
    assert.equal(only.groupOf(flow("198.51.100.1", "203.0.113.1")), CAMPUS);
    assert.equal(only.isOneOf(0, flow("10.1.0.7", "198.51.100.1")), false);
  });
});
