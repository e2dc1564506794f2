import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, describe, it } from "node:test";
import { run } from "../../tests/network/test-host.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "../wire/conntrack-constants.ts";
import type { FlowFields } from "../wire/flow-fields.ts";
import { FlowRecordWriter } from "../wire/flow-record.ts";
import { flowOf, flowText, goldenFlows, rareFlows } from "../wire/flows.test-data.ts";
import { ConntrackInjector } from "./conntrack-injector.ts";
import { ConntrackListing, openConntrackTable } from "./conntrack-listing.ts";
import { ConntrackDump, type ConntrackTable } from "./conntrack-reader.ts";

describe("ConntrackListing", () => {
  let injector: ConntrackInjector;

  before(() => {
    run("ip", ["link", "set", "lo", "up"]);
    injector = new ConntrackInjector();
    // A rule that sets labels makes the kernel give flows room for them.
    const rule =
      "table inet kinds {\n chain one {\n type filter hook forward priority 0\n ct label set 1\n }\n}\n";
    run("nft", ["-f", "-"], rule);
  });
  beforeEach(() => run("conntrack", ["-F"]));
  after(() => injector.close());

  it("tells of every kind of flow what a dump tells", () => {
    const flows = [...Object.values(goldenFlows()), ...Object.values(rareFlows())];
    inject("upsert", flows);
    const dumped = read(new ConntrackDump());
    assert.ok(dumped.length >= flows.length - 2, `${dumped.length} of ${flows.length}`);
    assert.deepEqual(read(listing()), dumped);
  });

  it("tells of each flow once, over many pages, and of none in an empty table", () => {
    assert.deepEqual(read(listing()), []);
    inject("upsert", numbered(IPPROTO_TCP, 0, 1_000));
    assert.deepEqual(read(listing()), read(new ConntrackDump()));
  });

  it("leaves out none while others come and go", () => {
    const stays = numbered(IPPROTO_TCP, 0, 300);
    inject("upsert", stays);
    const expected = stays.map((flow) => flowText(flow).original).sort();
    let going: FlowFields[] = [];
    for (let round = 0; round < 100; round++) {
      const coming = numbered(IPPROTO_UDP, round * 200, 200);
      const seen: string[] = [];
      const table = listing();
      for (let part = 0, result = "more"; result === "more"; part++) {
        result = table.step((fields) => {
          if (fields.protocol === IPPROTO_TCP) seen.push(flowText(fields).original);
        });
        assert.notEqual(result, "failed");
        inject("upsert", coming.slice(part * 10, part * 10 + 10));
        inject("delete", going.slice(part * 10, part * 10 + 10));
      }
      assert.deepEqual(seen.sort(), expected, `round ${round}`);
      going = coming;
    }
  });

  it("is what a table with few flows is read by, and no other", () => {
    const few = openConntrackTable();
    assert.ok(few instanceof ConntrackListing);
    few.close();
    const buckets = Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_buckets", "latin1"));
    inject("upsert", numbered(IPPROTO_TCP, 0, Math.ceil(buckets / 128)));
    const many = openConntrackTable();
    assert.ok(many instanceof ConntrackDump);
    many.close();
  });

  it("leaves out what has ended since it was listed", () => {
    inject("upsert", numbered(IPPROTO_TCP, 0, 200));
    const table = listing();
    inject("delete", numbered(IPPROTO_TCP, 0, 50));
    assert.deepEqual(read(table), read(new ConntrackDump()));
  });

  it("is not believed any more where most of what it lists is not there", () => {
    inject("upsert", numbered(IPPROTO_TCP, 0, 200));
    const table = listing();
    run("conntrack", ["-F"]);
    let result = "more";
    while (result === "more") result = table.step(() => assert.fail());
    assert.equal(result, "failed");
    const next = openConntrackTable();
    assert.ok(next instanceof ConntrackDump);
    next.close();
  });

  function inject(kind: "upsert" | "delete", flows: readonly FlowFields[]): void {
    const writer = new FlowRecordWriter(Math.max(1, flows.length) * 200);
    for (const flow of flows) {
      if (kind === "upsert") writer.writeUpsert(flow);
      else writer.writeDelete(flow);
    }
    injector.inject(writer.take(), { first: "create", taken: "replace", timeoutSecondsMin: 600 });
  }
});

function listing(): ConntrackListing {
  const opened = ConntrackListing.open();
  assert.ok(opened, "/proc/net/nf_conntrack is there");
  return opened;
}

/** Timers run on. */
function read(table: ConntrackTable) {
  const seen: string[] = [];
  let result = "more";
  while (result === "more")
    result = table.step((fields) =>
      seen.push(JSON.stringify({ ...flowText(fields), timeoutSeconds: 0, kernelId: fields.kernelId })),
    );
  assert.equal(result, "done");
  assert.equal(table.counters.malformed, 0);
  return seen.sort();
}

function numbered(protocol: number, first: number, count: number): FlowFields[] {
  return Array.from({ length: count }, (_, index) => {
    const port = 1 + ((first + index) % 60_000);
    return flowOf({
      ...{ protocol, status: 0x0e, timeoutSeconds: 600 },
      ...(protocol === IPPROTO_TCP ? { tcpState: 3 } : {}),
      original: `10.1.0.10 ${port} > 192.0.2.80 443`,
      reply: `192.0.2.80 443 > 192.0.2.1 ${port}`,
    });
  });
}
