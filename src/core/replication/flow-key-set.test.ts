import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FlowFields } from "../../wire/flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordReader, FlowRecordWriter } from "../../wire/flow-record.ts";
import { anyFlow, flowOf, flowText, goldenFlows } from "../../wire/flows.test-data.ts";
import { FlowKeySet } from "./flow-key-set.ts";

describe("FlowKeySet", () => {
  it("has every flow that was added, and keeps count", () => {
    fc.assert(
      fc.property(fc.array(anyFlow, { maxLength: 50 }), (flows) => {
        const keys = new FlowKeySet();
        for (const flow of flows) keys.add(flow);
        for (const flow of flows) assert.ok(keys.has(flow));
        const before = keys.size;
        for (const flow of flows) keys.add(flow);
        assert.equal(keys.size, before);
        assert.ok(before <= flows.length);
        keys.clear();
        assert.equal(keys.size, 0);
        for (const flow of flows) assert.ok(!keys.has(flow));
      }),
    );
  });

  it("knows a flow that came as a record when the kernel's table shows it", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        const writer = new FlowRecordWriter(FLOW_RECORD_BYTES_MAX);
        writer.writeUpsert(flow);
        const fromRecord = new FlowFields();
        // What an earlier IPv6 flow left in the memory of the addresses must not matter.
        fromRecord.original.source.fill(0xee);
        fromRecord.reply.destination.fill(0xdd);
        new FlowRecordReader(writer.take()).next(fromRecord);
        const keys = new FlowKeySet();
        keys.add(fromRecord);
        // Timers, marks and states change; the flow stays the same.
        flow.timeoutSeconds = 1;
        flow.tcpState = 5;
        flow.status = 0;
        flow.mark = 99;
        assert.ok(keys.has(flow));
      }),
    );
  });

  it("takes flows with another translation, protocol, zone, port or address for other flows", () => {
    const flow = goldenFlows()["tcp4-source"]!;
    const keys = new FlowKeySet();
    keys.add(flow);
    const text = flowText(flow);
    const others = [
      { ...text, reply: "192.0.2.80 443 > 192.0.2.1 51003" },
      { ...text, reply: "192.0.2.80 443 > 192.0.2.2 51002" },
      { ...text, reply: "192.0.2.81 443 > 192.0.2.1 51002" },
      { ...text, reply: "192.0.2.80 444 > 192.0.2.1 51002" },
      { ...text, protocol: 17 },
      { ...text, zone: 1 },
      { ...text, zone: 1, zoneDirection: 2 },
      { ...text, original: "10.1.0.10 41003 > 192.0.2.80 443" },
      { ...text, original: "10.1.0.10 41002 > 192.0.2.80 444" },
      { ...text, original: "10.1.0.11 41002 > 192.0.2.80 443" },
      { ...text, original: "10.1.0.10 41002 > 192.0.3.80 443" },
    ];
    for (const other of others) assert.ok(!keys.has(flowOf(other)), JSON.stringify(other));
    for (const other of others) keys.add(flowOf(other));
    assert.equal(keys.size, 1 + others.length, "each is another flow than all others");
    assert.ok(keys.has(flowOf(text)));
  });

  it("never takes a changed flow for the one that it holds", () => {
    fc.assert(
      fc.property(anyFlow, anyFlow, (flow, other) => {
        const keys = new FlowKeySet();
        keys.add(flow);
        assert.equal(keys.has(other), identity(flow) === identity(other));
      }),
    );
  });

  it("tells 200,000 flows of one network apart, which differ in a few bits only", () => {
    const keys = new FlowKeySet();
    const flow = goldenFlows()["tcp4-source"]!;
    const { original, reply } = flow;
    const eachFlow = (visit: () => void) => {
      for (let host = 0; host < 40; host++) {
        for (let port = 0; port < 5_000; port++) {
          original.source[3] = host;
          original.sourcePort = 30_000 + port;
          reply.destinationPort = 1_024 + ((host * 5_000 + port) % 60_000);
          visit();
        }
      }
    };
    eachFlow(() => keys.add(flow));
    assert.equal(keys.size, 200_000);
    // None of as many flows that are not there is taken for one of them.
    let wrong = 0;
    original.destination[3] = 81;
    reply.source[3] = 81;
    eachFlow(() => {
      if (keys.has(flow)) wrong++;
    });
    assert.equal(wrong, 0);
  });
});

/** All that makes a flow this one; a flow that is not ICMP has no ICMP fields. */
function identity(flow: FlowFields): string {
  const { protocol, original, reply, zone, zoneDirection } = flowText(flow);
  return [flow.family, protocol, original, reply, zone, zone === 0 ? 0 : zoneDirection].join();
}
