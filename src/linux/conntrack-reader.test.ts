import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { run } from "../../tests/network/test-host.ts";
import { IPPROTO_TCP } from "../wire/conntrack-constants.ts";
import type { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordWriter } from "../wire/flow-record.ts";
import { flowOf, flowText, goldenFlows } from "../wire/flows.test-data.ts";
import { ConntrackInjector } from "./conntrack-injector.ts";
import { ConntrackDump, ConntrackEvents, type FlowVisitor } from "./conntrack-reader.ts";
import { PollSet } from "./poll.ts";

const NOBODY = 0;

describe("conntrack reports", () => {
  let injector: ConntrackInjector;

  before(() => {
    run("ip", ["link", "set", "lo", "up"]);
    // With 2, the default, flows that began without a listener never report.
    run("sysctl", ["-qw", "net.netfilter.nf_conntrack_events=1"]);
    injector = new ConntrackInjector();
  });
  beforeEach(() => run("conntrack", ["-F"]));
  after(() => injector.close());

  describe("ConntrackEvents", () => {
    it("tells of flows that come and go", () => {
      const events = subscribed();
      const flows = Object.values(goldenFlows());
      inject("upsert", flows);
      assert.deepEqual(
        read(events).map(([flow, destroyed]) => [flow.original, flow.reply, destroyed]),
        flows.map(flowText).map(({ original, reply }) => [original, reply, false]),
      );
      inject("delete", flows);
      assert.deepEqual(
        read(events).map(([flow, destroyed]) => [flow.original, destroyed]),
        flows.map((flow) => [flowText(flow).original, true]),
      );
      assert.deepEqual(events.counters, { messages: 2 * flows.length, malformed: 0, overruns: 0 });
      events.close();
    });

    it("skips what its own injector did, and hears what others did", () => {
      const events = subscribed();
      inject("upsert", [numbered(1)]);
      run("conntrack", ["-D", "-p", "tcp"]);
      assert.deepEqual(
        read(events, injector.portId).map(([flow, destroyed]) => [flow.original, destroyed]),
        [[flowText(numbered(1)).original, true]],
      );
      events.close();
    });

    it("hears nothing before it subscribes, nor after", () => {
      const events = new ConntrackEvents({ receiveBufferBytes: 1 << 20, births: true });
      inject("upsert", [numbered(1)]);
      assert.deepEqual(read(events), []);
      events.subscribe(true);
      events.subscribe(true);
      inject("upsert", [numbered(2)]);
      assert.equal(read(events).length, 1);
      events.subscribe(false);
      inject("upsert", [numbered(3)]);
      assert.deepEqual(read(events), []);
      events.close();
    });

    it("wakes a poll, and is silent when all was read", () => {
      const events = subscribed();
      const poll = new PollSet([events.fd]);
      assert.equal(poll.wait(0), 0);
      inject("upsert", [numbered(1)]);
      assert.equal(poll.wait(0), 1);
      assert.ok(poll.readable(0));
      read(events);
      assert.equal(poll.wait(0), 0);
      events.close();
    });

    it("says that the kernel lost events, and goes on", () => {
      const events = subscribed(4_096);
      inject("upsert", numberedUpTo(500));
      const heard: unknown[] = [];
      const results: (number | "overrun")[] = [];
      for (let tries = 0; tries < 100; tries++) {
        const result = events.readBatch((fields) => heard.push(flowText(fields)), NOBODY);
        if (result === 0) break;
        results.push(result);
      }
      assert.ok(results.includes("overrun"), String(results));
      assert.equal(events.counters.overruns, results.filter((result) => result === "overrun").length);
      assert.ok(heard.length < 500);
      // The loss is told of once; what comes later is heard again.
      inject("upsert", [numbered(1_000)]);
      assert.deepEqual(
        read(events).map(([flow]) => flow.original),
        [flowText(numbered(1_000)).original],
      );
      events.close();
    });
  });

  describe("ConntrackDump", () => {
    it("passes over every flow of both families once", () => {
      const flows = [...numberedUpTo(2_000), ...Object.values(goldenFlows())];
      inject("upsert", flows);
      const seen: string[] = [];
      const dump = new ConntrackDump();
      let parts = 1;
      while (dump.step((fields) => seen.push(flowText(fields).original)) === "more") parts++;
      // Some hundred flows a part: the memory does not grow with the table.
      assert.ok(parts > 4, `${parts} parts`);
      assert.deepEqual(seen.sort(), flows.map((flow) => flowText(flow).original).sort());
      assert.deepEqual(dump.counters, { messages: flows.length, malformed: 0, overruns: 0 });
    });

    it("ends at once for an empty table", () => {
      assert.equal(
        new ConntrackDump().step(() => assert.fail()),
        "done",
      );
    });

    it("can be ended early", () => {
      inject("upsert", numberedUpTo(2_000));
      const dump = new ConntrackDump();
      assert.equal(
        dump.step(() => undefined),
        "more",
      );
      dump.close();
    });
  });

  function inject(kind: "upsert" | "delete", flows: readonly FlowFields[]): void {
    const writer = new FlowRecordWriter(flows.length * 100);
    for (const flow of flows) {
      if (kind === "upsert") writer.writeUpsert(flow);
      else writer.writeDelete(flow);
    }
    injector.inject(writer.take(), { first: "create", taken: "replace", timeoutSecondsMin: 60 });
    assert.deepEqual(injector.counters.refused, {});
  }
});

function subscribed(receiveBufferBytes = 4 << 20): ConntrackEvents {
  const events = new ConntrackEvents({ receiveBufferBytes, births: true });
  events.subscribe(true);
  return events;
}

function read(events: ConntrackEvents, ignorePortId = NOBODY) {
  const heard: [ReturnType<typeof flowText>, boolean][] = [];
  const visit: FlowVisitor = (fields, destroyed) => heard.push([flowText(fields), destroyed]);
  for (let tries = 0; tries < 100; tries++) {
    const result = events.readBatch(visit, ignorePortId);
    assert.notEqual(result, "overrun");
    if (result === 0) break;
  }
  return heard;
}

function numbered(index: number): FlowFields {
  const port = 10_000 + index;
  return flowOf({
    ...{ protocol: IPPROTO_TCP, status: 0x0e, tcpState: 3, timeoutSeconds: 600 },
    original: `10.1.0.10 ${port} > 192.0.2.80 443`,
    reply: `192.0.2.80 443 > 192.0.2.1 ${port}`,
  });
}

function numberedUpTo(count: number): FlowFields[] {
  return Array.from({ length: count }, (_, index) => numbered(index));
}
