import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, beforeEach, describe, it } from "node:test";
import { run } from "../../tests/network/test-host.ts";
import { IPPROTO_DCCP, IPS_EXPECTED } from "../wire/conntrack-constants.ts";
import type { ExpectationFields } from "../wire/expectation-fields.ts";
import { expectationOf, expectationText, goldenExpectations } from "../wire/expectations.test-data.ts";
import type { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordWriter } from "../wire/flow-record.ts";
import { flowOf, flowText, rareFlows } from "../wire/flows.test-data.ts";
import { ConntrackInjector } from "./conntrack-injector.ts";
import { flowKinds, missingFlowKinds } from "./conntrack-kinds.ts";
import { ConntrackDump, ConntrackEvents, visitExpectations } from "./conntrack-reader.ts";
import { FlowLookup } from "./flow-lookup.ts";
import { KnownZones } from "./known-zones.ts";

// Everything here goes from a record into the kernel and is read back from there, in whole.
const creating = { first: "create", taken: "replace", timeoutSecondsMin: 0 } as const;
const refreshing = { ...creating, first: "update" } as const;
const flows = rareFlows();
const control = flows["tcp4-helper-sequence"]!;
const related = flows["tcp4-related"]!;
const waiting = goldenExpectations()["expect-ftp-active"]!;

let injector: ConntrackInjector;

before(() => {
  run("ip", ["link", "set", "lo", "up"]);
  run("sysctl", ["-qw", "net.netfilter.nf_conntrack_events=1"]);
  // A rule that sets labels makes the kernel give flows room for them.
  const rule =
    "table inet kinds {\n chain one {\n type filter hook forward priority 0\n ct label set 1\n }\n}\n";
  run("nft", ["-f", "-"], rule);
});

beforeEach(() => {
  run("conntrack", ["-F"]);
  injector?.close();
  injector = new ConntrackInjector();
});

describe("missingFlowKinds", () => {
  it("misses what this kernel's configuration misses, and leaves nothing behind", () => {
    const missing = missingFlowKinds();
    const listed = run("sh", ["-c", "conntrack -L 2>/dev/null; conntrack -L expect 2>/dev/null; true"]);
    assert.equal(listed, "");
    // Linux has lost DCCP with 6.16. What else may be missing depends on how the kernel was made.
    for (const kind of missing) assert.ok(flowKinds.includes(kind));
    const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8").split(".").map(Number);
    if (major > 6 || (major === 6 && minor >= 16)) assert.ok(missing.includes("DCCP"));
  });
});

describe("missingFlowKinds, asked for some", () => {
  it("answers for these alone", () => {
    assert.deepEqual(missingFlowKinds([]), []);
    assert.deepEqual(missingFlowKinds(["marks", "IPv6"]), []);
  });
});

describe("rare kinds in the kernel's table", () => {
  for (const [name, flow] of Object.entries(flows)) {
    if (flow.protocol === IPPROTO_DCCP && missingFlowKinds().includes("DCCP")) {
      it(`takes ${name} for a flow without ports, as a kernel without DCCP does`, () => {
        inject((writer) => writer.writeUpsert(flow));
        assert.equal(flowText(table()[0]!).original, "10.1.0.10 0 > 192.0.2.80 0");
        inject((writer) => writer.writeDelete(flow));
        assert.deepEqual(table(), []);
      });
      continue;
    }
    it(`creates ${name}, refreshes it and takes it away again`, () => {
      inject((writer) => {
        for (const master of mastersOf(flow)) writer.writeUpsert(master);
        writer.writeUpsert(flow);
      });
      assert.deepEqual(injector.counters.refused, {});
      assert.deepEqual(stable(entryOf(flow)), stable(flow));
      inject((writer) => writer.writeUpsert(flow), refreshing);
      assert.deepEqual([injector.counters.updated, injector.counters.refused], [1, {}]);
      assert.deepEqual(stable(entryOf(flow)), stable(flow));
      inject((writer) => writer.writeDelete(flow));
      assert.deepEqual(
        table().map((one) => flowText(one).original),
        mastersOf(flow).map((master) => flowText(master).original),
      );
    });
  }

  it("waits for a master that comes later in the same batch", () => {
    inject((writer) => {
      writer.writeUpsert(related);
      writer.writeUpsert(control);
    });
    assert.deepEqual([injector.counters.created, injector.counters.refused], [2, {}]);
    assert.deepEqual(stable(entryOf(related)), stable(related));
  });

  it("creates a flow without the master that is not there, counts that, and updates it all the same", () => {
    inject((writer) => writer.writeUpsert(related));
    assert.deepEqual([injector.counters.created, injector.counters.refused], [1, { "master ENOENT": 1 }]);
    assert.equal(entryOf(related).status & IPS_EXPECTED, 0);
    const closing = flowOf({ ...flowText(related), tcpState: 7 });
    for (const options of [creating, refreshing]) {
      const before = injector.counters.updated;
      inject((writer) => writer.writeUpsert(closing), options);
      assert.equal(injector.counters.updated, before + 1);
      assert.equal(entryOf(related).tcpState, 7);
    }
    assert.deepEqual(injector.counters.refused, { "master ENOENT": 1 });
  });

  it("creates a flow without a helper that no kernel has, and counts that", () => {
    inject((writer) => writer.writeUpsert(flowOf({ ...flowText(control), helper: "no-such" })));
    assert.deepEqual([injector.counters.created, injector.counters.refused], [1, { "helper EOPNOTSUPP": 1 }]);
    assert.equal(flowText(entryOf(control)).helper, "");
  });

  it("clears a mark with the update that has none", () => {
    inject((writer) => writer.writeUpsert(flowOf({ ...flowText(control), mark: 5 })));
    assert.equal(entryOf(control).mark, 5);
    inject((writer) => writer.writeUpsert(control), refreshing);
    assert.equal(entryOf(control).mark, 0);
  });
});

describe("expectations in the kernel's table", () => {
  for (const [name, expectation] of Object.entries(goldenExpectations())) {
    it(`creates ${name} after its master, with its timer, and takes it away again`, () => {
      inject((writer) => {
        writer.writeExpect(expectation);
        writer.writeUpsert(masterOf(expectation));
      });
      assert.deepEqual([injector.counters.expected, injector.counters.refused], [1, {}]);
      const [entry, ...others] = expectations();
      assert.deepEqual(others, []);
      const { timeoutSeconds, ...text } = expectationText(expectation);
      const { timeoutSeconds: left = 0, ...found } = entry!;
      // The kernel takes a zone (the master is found in no other one), but does not tell it.
      assert.deepEqual(found, { ...text, zone: 0 });
      assert.ok(left <= timeoutSeconds && left >= timeoutSeconds - 2, `${left} s`);
      inject((writer) => writer.writeUnexpect(expectation));
      assert.deepEqual(expectations(), []);
    });
  }

  it("waits some batches for the master, and then gives up and says so", () => {
    inject((writer) => writer.writeExpect(waiting));
    assert.deepEqual([injector.counters.expected, injector.counters.refused], [0, {}]);
    for (let batch = 0; batch < 3; batch++) inject((writer) => writer.writeDelete(related));
    inject((writer) => writer.writeUpsert(control));
    assert.deepEqual([injector.counters.expected, injector.counters.refused], [1, {}]);
    run("conntrack", ["-F"]);
    inject((writer) => writer.writeExpect(waiting));
    for (let batch = 0; batch < 10; batch++) inject((writer) => writer.writeDelete(related));
    assert.deepEqual(injector.counters.refused, { "expect ENOENT": 1 });
  });

  it("does not bring back an expectation that has ended meanwhile, in this batch or in a later one", () => {
    inject((writer) => {
      writer.writeExpect(waiting);
      writer.writeUnexpect(waiting);
      writer.writeUpsert(control);
    });
    assert.deepEqual(expectations(), []);
    run("conntrack", ["-F"]);
    inject((writer) => writer.writeExpect(waiting));
    inject((writer) => writer.writeUnexpect(waiting));
    inject((writer) => writer.writeUpsert(control));
    assert.deepEqual(expectations(), []);
  });

  it("holds a bounded number of them", () => {
    for (let port = 1; port <= 70; port++) {
      inject((writer) => {
        waiting.tuple.destinationPort = port;
        writer.writeExpect(waiting);
      });
    }
    const { refused } = injector.counters;
    assert.deepEqual(refused, { "expect ENOENT": 70 - 8 + 1 });
  });

  it("reports those that come and go, in order, to whom it may concern", () => {
    const events = new ConntrackEvents({ receiveBufferBytes: 1 << 20, births: true });
    events.subscribe(true);
    const expectation = goldenExpectations()["expect-ftp-passive"]!;
    inject((writer) => {
      writer.writeUpsert(control);
      writer.writeExpect(expectation);
      writer.writeUnexpect(expectation);
      writer.writeDelete(control);
    });
    const seen: string[] = [];
    const read = (ignore: number) =>
      events.readBatch(
        (flow, destroyed) => seen.push(`flow ${flowText(flow).helper} ${destroyed}`),
        ignore,
        (one, ended) => seen.push(`expectation ${expectationText(one).tuple} ${ended}`),
      );
    while (Number(read(0)) > 0);
    const { tuple } = expectationText(expectation);
    const told = [`expectation ${tuple} false`, `expectation ${tuple} true`];
    assert.deepEqual(seen, ["flow ftp false", ...told, "flow  true"]);
    assert.deepEqual(events.counters.malformed, 0);
    events.close();
  });

  it("finds the master of one, with the shift of its sequence numbers", () => {
    const lookup = new FlowLookup(new KnownZones());
    assert.equal(lookup.masterOf(waiting, false), undefined);
    inject((writer) => writer.writeUpsert(control));
    const found = lookup.masterOf(waiting, false);
    assert.ok(found);
    assert.deepEqual(stable(found), stable(control));
    lookup.close();
  });

  it("finds the zone of one, which the kernel does not tell, also where the same flow is in several", () => {
    const zones = new KnownZones();
    const lookup = new FlowLookup(zones);
    const expectation = goldenExpectations()["expect-sip-signalling-zone"]!;
    const { zone } = expectation;
    const found = (ended: boolean) => {
      // As an event or a dump has it.
      const told = expectationOf({ ...expectationText(expectation), zone: 0 });
      const master = lookup.masterOf(told, ended);
      return master === undefined ? undefined : [told.zone, master.zone];
    };
    const masterIn = (other: number) => flowOf({ ...flowText(masterOf(expectation)), zone: other });
    inject((writer) => {
      writer.writeUpsert(masterOf(expectation));
      writer.writeExpect(expectation);
    });
    assert.equal(found(false), undefined, "nobody has seen a flow of that zone");
    for (const one of table()) zones.add(one.zone);
    assert.deepEqual(found(false), [zone, zone]);
    inject((writer) => {
      for (const other of [0, zone + 1]) writer.writeUpsert(masterIn(other));
    });
    for (const one of table()) zones.add(one.zone);
    assert.deepEqual(found(false), [zone, zone], "the one with the expectation");
    inject((writer) => {
      for (const other of [0, zone + 1])
        writer.writeExpect(expectationOf({ ...expectationText(expectation), zone: other }));
      writer.writeUnexpect(expectation);
    });
    assert.equal(expectations().length, 2);
    assert.deepEqual(found(true), [zone, zone], "the one without");
    lookup.close();
  });
});

function inject(
  write: (writer: FlowRecordWriter) => void,
  options: Parameters<ConntrackInjector["inject"]>[1] = creating,
): void {
  const writer = new FlowRecordWriter(1 << 16);
  write(writer);
  const { count } = writer;
  assert.equal(injector.inject(writer.take(), options), count);
}

/** The flow that must be there first. */
function mastersOf(flow: FlowFields): FlowFields[] {
  const { master } = flowText(flow);
  return Object.values(flows).filter(
    (one) => flowText(one).master === "" && `${one.protocol} ${flowText(one).original}` === master,
  );
}

function masterOf(expectation: ExpectationFields): FlowFields {
  const { master, zone } = expectationText(expectation);
  for (const flow of Object.values(flows)) {
    if (`${flow.protocol} ${flowText(flow).original}` === master) return flow;
  }
  const [, source = "", destination = ""] = master.match(/^17 (.*) > (.*)$/) ?? [];
  const [original, reply] = [`${source} > ${destination}`, `${destination} > ${source}`];
  return flowOf({ protocol: 17, original, reply, zone, helper: expectation.helper.text });
}

function expectations(): ReturnType<typeof expectationText>[] {
  const all: ReturnType<typeof expectationText>[] = [];
  visitExpectations((fields) => all.push(expectationText(fields)));
  return all;
}

function table(): FlowFields[] {
  const entries: FlowFields[] = [];
  const dump = new ConntrackDump();
  while (dump.step((fields) => entries.push(flowOf(flowText(fields)))) === "more");
  return entries;
}

function entryOf(flow: FlowFields): FlowFields {
  const found = table().find((one) => one.sameTuples(flow));
  assert.ok(found, "the flow is in the table");
  return found;
}

/** What of an entry does not change by itself; the kernel adds status bits of its own. */
function stable(fields: FlowFields) {
  return { ...flowText(fields), timeoutSeconds: 0, status: fields.status & 0x0f };
}
