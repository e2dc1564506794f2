import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { run } from "../../tests/network/test-host.ts";
import { DecodeError } from "../base/decode-error.ts";
import { IPPROTO_TCP } from "../wire/conntrack-constants.ts";
import type { FlowFields } from "../wire/flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordWriter } from "../wire/flow-record.ts";
import { flowOf, flowText, goldenFlows } from "../wire/flows.test-data.ts";
import { ConntrackInjector, type InjectOptions } from "./conntrack-injector.ts";
import { ConntrackDump } from "./conntrack-reader.ts";

type Change = readonly ["upsert" | "delete", FlowFields];

const creating: InjectOptions = { first: "create", taken: "replace", timeoutSecondsMin: 0 };
const refreshing: InjectOptions = { first: "update", taken: "replace", timeoutSecondsMin: 0 };

describe("ConntrackInjector, in the kernel's table", () => {
  let injector: ConntrackInjector;

  before(() => run("ip", ["link", "set", "lo", "up"]));
  beforeEach(() => {
    run("conntrack", ["-F"]);
    injector?.close();
    injector = new ConntrackInjector();
  });
  after(() => injector.close());

  for (const [name, flow] of Object.entries(goldenFlows())) {
    it(`creates ${name}, translation and all, and takes it away again`, () => {
      assert.equal(inject([["upsert", flow]]), 1);
      assert.deepEqual(injector.counters, counted({ created: 1 }));
      const [entry, ...others] = table();
      assert.deepEqual(others, []);
      assert.deepEqual(stable(entry!), stable(flow));
      assertListed(flow);
      inject([["delete", flow]]);
      assert.deepEqual(injector.counters, counted({ created: 1, deleted: 1 }));
      assert.deepEqual(table(), []);
    });
  }

  it("updates a flow that is there, and leaves its translation", () => {
    const flow = goldenFlows()["tcp4-source"]!;
    inject([["upsert", flow]]);
    inject([["upsert", flowOf({ ...flowText(flow), timeoutSeconds: 9_000, tcpState: 5 })]], refreshing);
    assert.deepEqual(injector.counters, counted({ created: 1, updated: 1 }));
    const [entry] = table();
    assert.equal(entry?.tcpState, 5);
    assert.ok((entry?.timeoutSeconds ?? 0) > 8_990);
    assert.equal(flowText(entry!).reply, flowText(flow).reply);
  });

  it("creates what an update does not find", () => {
    inject(everyFlow("upsert"), refreshing);
    assert.deepEqual(injector.counters, counted({ created: 9 }));
    assert.equal(table().length, 9);
  });

  it("replaces a stale flow that has the same original tuple, or the same replies", () => {
    const fresh = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50001");
    const sameOriginal = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50009");
    const sameReply = flow("10.1.0.99 49999 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50001");
    inject([
      ["upsert", sameOriginal],
      ["upsert", sameReply],
    ]);
    assert.equal(table().length, 2);
    inject([["upsert", fresh]]);
    assert.deepEqual(injector.counters, counted({ created: 2, replaced: 1 }));
    assert.deepEqual(table().map(stable), [stable(fresh)]);
  });

  it("keeps what is there where it is told to", () => {
    const mine = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50001");
    const theirs = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50009");
    inject([["upsert", mine]]);
    inject([["upsert", theirs]], { ...creating, taken: "keep" });
    assert.deepEqual(injector.counters, counted({ created: 1, kept: 1 }));
    assert.deepEqual(table().map(stable), [stable(mine)]);
  });

  it("counts deletes of flows that are not there, as harmless", () => {
    inject(everyFlow("delete"));
    assert.deepEqual(injector.counters, counted({ absent: 9 }));
  });

  it("counts refusals by operation and error, and none of them stops the rest", () => {
    const flows = Object.values(goldenFlows());
    const good = flows[0]!;
    // What only a defect or an attack can send: a TCP state that does not exist, and an ICMP error as a flow.
    const noState = flowOf({ ...flowText(numbered(5_000)), tcpState: 15 });
    const noQuery = flowOf({
      ...flowText(flows[7]!),
      original: "10.1.0.10 > 192.0.2.80 1/3/0",
      reply: "192.0.2.80 > 10.1.0.10 1/3/0",
    });
    const gone = flow("10.1.0.77 1 > 192.0.2.80 2", "192.0.2.80 2 > 10.1.0.77 1");
    const many: Change[] = [];
    for (let i = 0; i < 300; i++) many.push(["upsert", numbered(i)]);
    inject([
      ["upsert", noState],
      ["upsert", good],
      ["delete", gone],
      ["upsert", noQuery],
      ["upsert", noState],
      ...many,
      ["delete", good],
    ]);
    assert.deepEqual(
      injector.counters,
      counted({ created: 301, deleted: 1, absent: 1, refused: { "create EINVAL": 1, "create ERANGE": 2 } }),
    );
    assert.equal(table().length, 300);
  });

  it("does not bring back a flow that ends later in the same batch", () => {
    const short = numbered(1);
    const reused = flowOf({ ...flowText(short), reply: "192.0.2.80 443 > 192.0.2.1 1023" });
    for (const options of [creating, refreshing]) {
      run("conntrack", ["-F"]);
      // A stale flow under the tuple makes the create fail first; a refresh finds no flow to update.
      if (options === creating) inject([["upsert", reused]]);
      inject(
        [
          ["upsert", short],
          ["delete", short],
          ["upsert", numbered(2)],
        ],
        options,
      );
      assert.deepEqual(table().map(stable), [stable(numbered(2))], options.first);
      // The tuple is used again, with another translation: the last word counts.
      inject(
        [
          ["upsert", short],
          ["delete", short],
          ["upsert", reused],
        ],
        options,
      );
      assert.deepEqual(
        new Set(table().map(stable)),
        new Set([stable(numbered(2)), stable(reused)]),
        options.first,
      );
    }
  });

  it("keeps the order of deletes and creates in one batch", () => {
    const first = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50001");
    const next = flow("10.1.0.10 41001 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 50002");
    inject([
      ["upsert", first],
      ["delete", first],
      ["upsert", next],
    ]);
    assert.deepEqual(table().map(stable), [stable(next)]);
    assert.deepEqual(injector.counters, counted({ created: 2, deleted: 1 }));
  });

  it("gives no flow less time than the least, and none more than the most", () => {
    const flows = [30, 600, 432_000].map((timeoutSeconds, i) =>
      flowOf({ ...flowText(numbered(i)), timeoutSeconds }),
    );
    inject(
      flows.map((one) => ["upsert", one]),
      { ...creating, timeoutSecondsMin: 150, timeoutSecondsMax: 1_000 },
    );
    const timers = table().map(({ timeoutSeconds }) => timeoutSeconds);
    const expected = [150, 600, 1_000];
    for (const [i, timer] of timers.sort((a, b) => a - b).entries()) {
      assert.ok(timer <= expected[i]! && timer >= expected[i]! - 3, String(timers));
    }
  });

  it("shows every upserted flow to whom it may concern, once", () => {
    const seen: string[] = [];
    const flows = everyFlow("upsert");
    const onUpsert = (fields: FlowFields) => seen.push(flowText(fields).original);
    inject([...flows, ["delete", numbered(1)]], { ...refreshing, onUpsert });
    assert.deepEqual(
      seen,
      flows.map(([, one]) => flowText(one).original),
    );
  });

  it("applies the records before a fault, and says what is wrong", () => {
    const good = records([["upsert", numbered(1)]]);
    const result = injector.inject(Uint8Array.from([...good, 0xff, 0, 0]), creating);
    assert.deepEqual(result, new DecodeError("record-short", good.length));
    assert.equal(table().length, 1);
  });

  it("deletes a single flow of the table", () => {
    const zoned = goldenFlows()["tcp4-both-zone"]!;
    inject([["upsert", zoned]]);
    injector.deleteFlow(flowOf({ ...flowText(zoned), zone: 8 }));
    assert.equal(table().length, 1);
    injector.deleteFlow(zoned);
    assert.equal(table().length, 0);
    assert.deepEqual(injector.counters, counted({ created: 1, absent: 1, deleted: 1 }));
  });

  it("deletes the very entry that was seen, not one that has taken its place meanwhile", () => {
    // The kernel likes to give a new entry the address of the last one, and with it its number: not always.
    for (let round = 0; round < 20; round++) {
      const seen = flow("10.1.0.10 5000 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 6000");
      const later = flow("10.1.0.10 5000 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 7000");
      const other = flow("10.1.0.11 5000 > 192.0.2.80 443", "192.0.2.80 443 > 192.0.2.1 6000");
      inject([["upsert", seen]]);
      seen.kernelId = table()[0]?.kernelId ?? 0;
      assert.notEqual(seen.kernelId, 0);
      for (const successor of [later, other]) {
        inject([["delete", successor === later ? seen : later]]);
        inject([["upsert", successor]]);
        injector.deleteFlow(seen);
        assert.deepEqual(table().map(stable), [stable(successor)]);
      }
      inject([["delete", other]]);
    }
    assert.equal(injector.counters.absent, 40);
  });

  function inject(changes: readonly Change[], options = creating): number | DecodeError {
    return injector.inject(records(changes), options);
  }
});

function records(changes: readonly Change[]): Uint8Array {
  const writer = new FlowRecordWriter(Math.max(1, changes.length) * FLOW_RECORD_BYTES_MAX);
  for (const [kind, one] of changes) {
    if (kind === "upsert") writer.writeUpsert(one);
    else writer.writeDelete(one);
  }
  return writer.take();
}

function everyFlow(kind: Change[0]): Change[] {
  return Object.values(goldenFlows()).map((one) => [kind, one]);
}

function flow(original: string, reply: string): FlowFields {
  return flowOf({ protocol: IPPROTO_TCP, original, reply, status: 0x0e, tcpState: 3, timeoutSeconds: 600 });
}

function numbered(index: number): FlowFields {
  const port = 10_000 + index;
  return flow(`10.1.0.10 ${port} > 192.0.2.80 443`, `192.0.2.80 443 > 192.0.2.1 ${port}`);
}

function counted(some: Partial<ConntrackInjector["counters"]>) {
  const none = { created: 0, updated: 0, deleted: 0, kept: 0, replaced: 0, absent: 0, expected: 0 };
  return { ...none, refused: {}, ...some };
}

function table(): FlowFields[] {
  const entries: FlowFields[] = [];
  const dump = new ConntrackDump();
  for (let part = 0; part < 1_000; part++) {
    const result = dump.step((fields) => {
      const copy = flowOf(flowText(fields));
      copy.kernelId = fields.kernelId;
      entries.push(copy);
    });
    if (result === "done") return entries;
    assert.equal(result, "more");
  }
  return assert.fail("the dump does not end");
}

/** What of an entry does not change by itself; the kernel adds status bits of its own (translation set up, and such). */
function stable(fields: FlowFields): string {
  return JSON.stringify({ ...flowText(fields), timeoutSeconds: 0, status: fields.status & 0x0e });
}

/** Another program, conntrack -L, sees the same flow. */
function assertListed(fields: FlowFields): void {
  const family = fields.family === 6 ? "ipv6" : "ipv4";
  const line = run("conntrack", ["-L", "-f", family]).trim();
  const { original, reply, mark, zone } = flowText(fields);
  for (const [index, tuple] of [original, reply].entries()) {
    const [source, sourcePort, destination, destinationPort] = tuple.replace(" > ", " ").split(" ");
    const found = [...line.matchAll(/src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+))?/g)][index];
    assert.ok(found, line);
    if (fields.isIcmp) assert.ok(line.includes(`src=${source} dst=${sourcePort} `), line);
    else assert.deepEqual(found.slice(1), [source, destination, sourcePort, destinationPort]);
  }
  assert.equal(line.includes(`mark=${mark} `), true, line);
  assert.equal(line.includes("zone="), zone !== 0, line);
  assert.equal(line.includes("[ASSURED]"), !fields.isIcmp, line);
}
