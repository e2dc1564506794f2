import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { validIp } from "../../base/ip.ts";
import {
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPS_ASSURED,
  IPS_EXPECTED,
  IPS_HELPER,
  IPS_SEEN_REPLY,
} from "../../wire/conntrack-constants.ts";
import { expectationOf } from "../../wire/expectations.test-data.ts";
import { anyFlow, type FlowText, flowOf, flowText, goldenFlows } from "../../wire/flows.test-data.ts";
import { FlowFilter } from "./flow-filter.ts";

const own = ["10.1.0.2", "10.1.0.1", "192.0.2.2", "192.0.2.1", "fd00:1::2"].map(validIp);
const virtual = ["10.1.0.1", "192.0.2.1"].map(validIp);
const through: FlowText = {
  protocol: IPPROTO_TCP,
  original: "10.1.0.10 41001 > 198.51.100.5 443",
  reply: "198.51.100.5 443 > 192.0.2.1 41001",
  status: IPS_ASSURED | IPS_SEEN_REPLY,
  tcpState: 3,
};

describe("FlowFilter", () => {
  const filter = new FlowFilter(own, virtual);
  const accepts = (change: Partial<FlowText>) => filter.accepts(flowOf({ ...through, ...change }));

  it("mirrors established flows that pass through, translated to an own address or not", () => {
    assert.ok(accepts({}));
    assert.ok(accepts({ reply: "198.51.100.5 443 > 10.1.0.10 41001" }));
    assert.ok(accepts({ protocol: IPPROTO_UDP, tcpState: 0 }));
    const filterOfNone = new FlowFilter([], []);
    for (const name of ["tcp4-source", "tcp4-both-zone", "tcp6-source", "udp6"]) {
      assert.ok(filterOfNone.accepts(goldenFlows()[name]!), name);
    }
  });

  it("mirrors a port forward: it was sent to an own address, but ends behind this node", () => {
    const original = "198.51.100.5 50000 > 192.0.2.1 8080";
    assert.ok(accepts({ original, reply: "10.1.0.10 80 > 198.51.100.5 50000" }));
  });

  it("leaves out what begins or ends at this node", () => {
    assert.ok(
      !accepts({
        original: "192.0.2.2 50000 > 198.51.100.5 443",
        reply: "198.51.100.5 443 > 192.0.2.2 50000",
      }),
    );
    assert.ok(
      !accepts({ original: "10.1.0.10 50000 > 10.1.0.2 22", reply: "10.1.0.2 22 > 10.1.0.10 50000" }),
    );
    assert.ok(
      !accepts({ original: "fd00:1::9 50000 > fd00:1::2 22", reply: "fd00:1::2 22 > fd00:1::9 50000" }),
    );
  });

  it("leaves out what is translated to an address that never moves: masquerading", () => {
    assert.ok(!accepts({ reply: "198.51.100.5 443 > 192.0.2.2 41001" }));
  });

  it("leaves out what is not established, and other protocols", () => {
    assert.ok(!accepts({ status: IPS_SEEN_REPLY }));
    assert.ok(!accepts({ protocol: IPPROTO_UDP, status: IPS_SEEN_REPLY }));
    const original = "10.1.0.10 > 198.51.100.5 7/8/0";
    assert.ok(!accepts({ protocol: IPPROTO_ICMP, original, reply: "198.51.100.5 > 10.1.0.10 7/0/0" }));
    assert.ok(!accepts({ protocol: 50 }));
  });

  it("mirrors established flows of every transport, but no call whose key is translated", () => {
    for (const protocol of [33, 47, 132, 136]) {
      assert.ok(accepts({ protocol }), String(protocol));
      assert.ok(!accepts({ protocol, status: IPS_SEEN_REPLY }), String(protocol));
    }
    const reply = "198.51.100.5 443 > 192.0.2.1 41009";
    assert.deepEqual([accepts({ protocol: 132, reply }), accepts({ protocol: 47, reply })], [true, false]);
  });

  it("mirrors what a helper watches or expects, also unestablished, and knows its end by the status", () => {
    const udp = { protocol: IPPROTO_UDP, status: 0 };
    for (const change of [
      { helper: "tftp" },
      { master: "6 10.1.0.10 1 > 192.0.2.80 21" },
      { status: IPS_EXPECTED },
      { status: IPS_HELPER },
    ])
      assert.ok(accepts({ ...udp, ...change }), JSON.stringify(change));
    assert.ok(!accepts(udp));
    // The node's own are its own.
    assert.ok(!accepts({ status: IPS_HELPER, reply: "198.51.100.5 443 > 192.0.2.2 41001" }));
    const related = flowOf({ ...through, status: IPS_EXPECTED, tcpState: 0 });
    assert.ok(filter.accepts(related));
    assert.equal(related.tcpState, 1);
  });

  it("mirrors single exchanges only where it is told to", () => {
    const telling = new FlowFilter(own, virtual, { shortExchanges: true });
    const echo = { original: "10.1.0.10 > 198.51.100.5 7/8/0", reply: "198.51.100.5 > 10.1.0.10 7/0/0" };
    for (const [change, isBrief] of [
      [{ protocol: IPPROTO_ICMP, ...echo }, true],
      [{ protocol: IPPROTO_UDP }, true],
      [{ protocol: 136 }, true],
      [{ protocol: IPPROTO_TCP }, false],
      [{ protocol: 47 }, false],
    ] as const) {
      const flow = { ...through, ...change, status: 0 };
      assert.deepEqual([filter.accepts(flowOf(flow)), telling.accepts(flowOf(flow))], [false, isBrief]);
    }
  });

  it("mirrors labelled flows before they are established only where labels are followed", () => {
    const labelled = flowOf({ ...through, status: 0, labels: "08".padEnd(32, "0") });
    const following = new FlowFilter(own, virtual, { shortExchanges: false, marks: true });
    assert.deepEqual([filter.accepts(labelled), following.accepts(labelled)], [false, true]);
    assert.ok(!following.accepts(flowOf({ ...through, status: 0 })));
  });

  it("mirrors expectations but those of the node's own flows", () => {
    const accepted = (master: string) =>
      filter.acceptsExpectation(
        expectationOf({ tuple: "6 0.0.0.0 0 > 0.0.0.0 1", mask: "0.0.0.0 0", master }),
      );
    assert.ok(accepted("6 10.1.0.10 41020 > 198.51.100.5 21"));
    assert.ok(accepted("6 198.51.100.5 41020 > 192.0.2.1 21"), "a port forward");
    assert.ok(!accepted("6 192.0.2.2 41020 > 198.51.100.5 21"));
    assert.ok(!accepted("6 192.0.2.1 41020 > 198.51.100.5 21"));
    assert.ok(!accepted("6 198.51.100.5 41020 > 10.1.0.2 21"));
  });

  it("takes a TCP flow of an event without state for established", () => {
    const flow = flowOf({ ...through, tcpState: 0 });
    assert.ok(filter.accepts(flow));
    assert.equal(flow.tcpState, 3);
    const closing = flowOf({ ...through, tcpState: 7 });
    assert.ok(filter.accepts(closing));
    assert.equal(closing.tcpState, 7);
  });

  it("follows the addresses of this node", () => {
    const changing = new FlowFilter([], []);
    const flow = flowOf({ ...through, original: "203.0.113.7 1 > 198.51.100.5 443" });
    assert.ok(changing.accepts(flow));
    changing.setOwnAddresses([validIp("203.0.113.7")]);
    assert.ok(!changing.accepts(flow));
    changing.setOwnAddresses([]);
    assert.ok(changing.accepts(flow));
  });

  it("compares addresses of the same family only, and all of their bytes", () => {
    // The first four bytes of fd00:1::2 are those of 253.0.0.1.
    const original = "253.0.0.1 1 > 198.51.100.5 443";
    assert.ok(new FlowFilter([validIp("fd00:1::2")], []).accepts(flowOf({ ...through, original })));
    const v6 = flowOf({
      ...through,
      original: "fd00:1::3 1 > 2001:db8::1 2",
      reply: "2001:db8::1 2 > fd00:1::3 1",
    });
    assert.ok(filter.accepts(v6));
  });

  it("changes nothing but a missing TCP state", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        const before = flowText(flow);
        new FlowFilter([], []).accepts(flow);
        const tcpState = before.tcpState === 0 ? flow.tcpState : before.tcpState;
        assert.deepEqual(flowText(flow), { ...before, tcpState });
      }),
    );
  });
});
