import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "./conntrack-constants.ts";
import { FlowFields } from "./flow-fields.ts";
import { anyFlow, flowOf, flowText, goldenFlows } from "./flows.test-data.ts";

describe("FlowFields", () => {
  it("sees which end is translated from the two directions", () => {
    const translated = Object.entries(goldenFlows()).map(([name, flow]) => [
      name,
      flow.sourceTranslated,
      flow.destinationTranslated,
    ]);
    assert.deepEqual(translated, [
      ["tcp4", false, false],
      ["tcp4-source", true, false],
      ["tcp4-destination-mark", false, true],
      ["tcp4-both-zone", true, true],
      ["tcp6-source", true, false],
      ["udp4-source", true, false],
      ["udp6", false, false],
      ["icmp4-source", true, false],
      ["icmp6", false, false],
    ]);
  });

  it("sees a translation of the port alone", () => {
    const original = "10.1.0.10 41001 > 192.0.2.80 443";
    const source = flowOf({ protocol: IPPROTO_UDP, original, reply: "192.0.2.80 443 > 10.1.0.10 41009" });
    const destination = flowOf({
      protocol: IPPROTO_UDP,
      original,
      reply: "192.0.2.80 8443 > 10.1.0.10 41001",
    });
    assert.deepEqual([source.sourceTranslated, source.destinationTranslated], [true, false]);
    assert.deepEqual([destination.sourceTranslated, destination.destinationTranslated], [false, true]);
  });

  it("inverts the original direction, ICMP's type included", () => {
    const answers = [
      [IPPROTO_ICMP, 8, 0],
      [IPPROTO_ICMP, 13, 14],
      [IPPROTO_ICMP, 3, 3],
      [IPPROTO_ICMPV6, 128, 129],
      [IPPROTO_ICMPV6, 129, 128],
      [IPPROTO_ICMPV6, 1, 1],
    ] as const;
    for (const [protocol, type, answer] of answers) {
      const flow = flowOf({
        protocol,
        original: `10.1.0.10 > 192.0.2.80 7/${type}/0`,
        reply: "0.0.0.0 > 0.0.0.0 0/0/0",
      });
      flow.invertOriginal();
      assert.equal(flowText(flow).reply, `192.0.2.80 > 10.1.0.10 7/${answer}/0`);
    }
  });

  it("has no translation after inverting, whatever the flow", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        flow.invertOriginal();
        assert.deepEqual([flow.sourceTranslated, flow.destinationTranslated], [false, false]);
      }),
    );
  });

  it("keeps nothing of an earlier flow but the addresses, which are always written anew", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        flow.clear();
        flow.original.source.fill(0);
        flow.original.destination.fill(0);
        flow.reply.source.fill(0);
        flow.reply.destination.fill(0);
        const empty = new FlowFields();
        empty.family = flow.family;
        assert.deepEqual(flowText(flow), flowText(empty));
        assert.equal(flow.extras, 0);
      }),
    );
  });

  it("compares the first four bytes of IPv4 addresses only", () => {
    const flow = flowOf({
      protocol: IPPROTO_TCP,
      original: "10.1.0.10 1 > 192.0.2.80 2",
      reply: "192.0.2.80 2 > 10.1.0.10 1",
    });
    flow.reply.source.fill(0xee, 4);
    flow.original.source.fill(0xdd, 4);
    assert.deepEqual([flow.sourceTranslated, flow.destinationTranslated], [false, false]);
  });
});
