import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { expectText, readRecords, recordText, sampleBytes } from "../../tests/golden/record-samples.ts";
import { DecodeError } from "../base/decode-error.ts";
import { anyExpectation, expectationText, goldenExpectations } from "./expectations.test-data.ts";
import { FlowFields } from "./flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordReader, FlowRecordWriter } from "./flow-record.ts";
import { anyFlow, flowText, goldenFlows, rareFlows } from "./flows.test-data.ts";

/** The format in bytes, as docs/protocol/flow-sync.md tells it: other nodes of this version depend on it. */
const samples = readRecords();

describe("flow records", () => {
  it("has a sample of every kind", () => {
    const names = [...Object.keys(goldenFlows()), ...Object.keys(rareFlows())];
    assert.deepEqual(
      samples.map(({ name }) => name),
      [...names, ...names.map((name) => `${name} delete`), ...Object.keys(goldenExpectations())].flatMap(
        (name) => (name in goldenExpectations() ? [name, `${name} end`] : [name]),
      ),
    );
  });

  for (const { name, kind, fields, bytes } of samples) {
    it(`writes ${name} in these bytes, and reads them`, () => {
      const reader = new FlowRecordReader(bytes);
      const flow = new FlowFields();
      assert.equal(reader.next(flow), kind);
      assert.ok(reader.atEnd);
      const read = kind === "upsert" || kind === "delete" ? recordText(kind, flow) : expectText(kind, reader);
      assert.deepEqual(JSON.parse(JSON.stringify(read)), fields);
      assert.deepEqual(sampleBytes(name), bytes);
    });
  }

  it("brings every flow back as it was", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        const bytes = record(flow, "upsert");
        assert.ok(bytes.length <= FLOW_RECORD_BYTES_MAX);
        const [again] = readAll(bytes);
        assert.deepEqual(again, { kind: "upsert", ...flowText(flow) });
      }),
      { numRuns: 1_000 },
    );
  });

  it("brings the original tuple and the zone of a deleted flow back, untranslated", () => {
    fc.assert(
      fc.property(anyFlow, (flow) => {
        const [again] = readAll(record(flow, "delete"));
        const expected = flowText(flow).original;
        assert.ok(again);
        assert.deepEqual([again.kind, again.original, again.zone], ["delete", expected, flow.zone]);
        assert.deepEqual([again.status, again.timeoutSeconds, again.mark, again.helper], [0, 0, 0, ""]);
      }),
    );
  });

  it("reads records of mixed shapes one after another, keeping nothing of the last one", () => {
    const change = fc.tuple(anyFlow, fc.constantFrom("upsert" as const, "delete" as const));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const writer = new FlowRecordWriter(20 * FLOW_RECORD_BYTES_MAX);
        for (const [flow, kind] of changes) write(writer, flow, kind);
        assert.equal(writer.count, changes.length);
        const read = readAll(writer.take());
        assert.deepEqual(
          read.map(({ kind, original }) => [kind, original]),
          changes.map(([flow, kind]) => [kind, flowText(flow).original]),
        );
        assert.deepEqual([writer.count, writer.offset], [0, 0]);
      }),
    );
  });

  it("knows records about the same flow, whatever else they say", () => {
    fc.assert(
      fc.property(anyFlow, anyFlow, (flow, other) => {
        const writer = new FlowRecordWriter(4 * FLOW_RECORD_BYTES_MAX);
        const places = [];
        for (const kind of ["upsert", "delete"] as const) {
          places.push(writer.offset);
          write(writer, flow, kind);
        }
        // Other flows that differ in one thing: the port, the zone.
        const { original, zone } = flow;
        original.sourcePort ^= 1;
        original.icmpId ^= 1;
        const otherPort = writer.offset;
        writer.writeDelete(flow);
        original.sourcePort ^= 1;
        original.icmpId ^= 1;
        flow.zone = zone === 9 ? other.zone & 7 : 9;
        const otherZone = writer.offset;
        writer.writeDelete(flow);
        const reader = new FlowRecordReader(writer.take());
        const [upsert = 0, remove = 0] = places;
        assert.ok(reader.sameFlow(upsert, remove));
        assert.ok(reader.sameFlow(remove, upsert));
        assert.ok(!reader.sameFlow(upsert, otherPort));
        assert.ok(!reader.sameFlow(upsert, otherZone));
      }),
    );
  });

  it("gives a typed error for a record that is cut anywhere", () => {
    for (const { name, bytes } of samples) {
      for (let length = 0; length < bytes.length; length++) {
        const result = new FlowRecordReader(bytes.subarray(0, length)).next(new FlowFields());
        assert.deepEqual(result, new DecodeError("record-short", 0), `${name} at ${length}`);
      }
    }
  });

  it("skips extensions that it does not know", () => {
    const known = record(rareFlows()["tcp4-helper-sequence"]!, "upsert");
    const block = 14 + 6 + 4;
    const more = Uint8Array.of(0xfe, 3, 1, 2, 3, 0xff, 0);
    const bytes = Uint8Array.from([...known.subarray(0, block), (known[block] ?? 0) + more.length, ...more]);
    const whole = Uint8Array.from([...bytes, ...known.subarray(block + 1)]);
    assert.deepEqual(readAll(whole), readAll(known));
  });

  it("refuses extensions that do not fit, and says where the record begins", () => {
    const first = record(goldenFlows()["tcp4"]!, "upsert");
    const flow = rareFlows()["tcp4-helper-sequence"]!;
    const block = 14 + 6 + 4;
    const broken: ((bytes: Uint8Array) => void)[] = [
      // A length beyond the block, an empty name, a row of numbers that is too short, a tag alone.
      (bytes) => (bytes[block + 2] = 200),
      (bytes) => (bytes[block + 2] = 0),
      (bytes) => (bytes[block + 2] = 3 + 2 + 12 + 2 + 11),
      (bytes) => (bytes[block] = 1),
    ];
    for (const [index, change] of broken.entries()) {
      const bytes = record(flow, "upsert");
      change(bytes);
      const reader = new FlowRecordReader(Uint8Array.from([...first, ...bytes]));
      assert.equal(reader.next(new FlowFields()), "upsert");
      const fault = new DecodeError("record-extension", first.length);
      assert.deepEqual(reader.next(new FlowFields()), fault, String(index));
      assert.equal(reader.offset, first.length);
    }
  });

  it("refuses zones of no direction, and expectations with a translation or a mark of a flow", () => {
    const zoned = record(goldenFlows()["tcp4-both-zone"]!, "delete");
    for (const direction of [0, 4, 255]) {
      zoned[16] = direction;
      assert.deepEqual(new FlowRecordReader(zoned).next(new FlowFields()), new DecodeError("record-zone", 0));
    }
    for (const shape of [0x84, 0x88, 0x90]) {
      const bytes = new Uint8Array(100).fill(shape, 0, 1);
      assert.deepEqual(
        new FlowRecordReader(bytes).next(new FlowFields()),
        new DecodeError("record-shape", 0),
      );
    }
  });

  it("brings every expectation back as it was", () => {
    fc.assert(
      fc.property(anyExpectation, (expectation) => {
        const writer = new FlowRecordWriter(2 * FLOW_RECORD_BYTES_MAX);
        writer.writeExpect(expectation);
        const second = writer.offset;
        writer.writeUnexpect(expectation);
        const reader = new FlowRecordReader(writer.take());
        assert.equal(reader.next(new FlowFields()), "expect");
        assert.deepEqual(expectationText(reader.expectation), expectationText(expectation));
        assert.equal(reader.next(new FlowFields()), "unexpect");
        assert.equal(expectationText(reader.expectation).tuple, expectationText(expectation).tuple);
        assert.ok(reader.sameFlow(0, second));
      }),
    );
  });

  it("never throws on random bytes, and always comes to an end", () => {
    const fields = new FlowFields();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const reader = new FlowRecordReader();
        reader.reset(bytes);
        for (let records = 0; !reader.atEnd; records++) {
          assert.ok(records < 40, "a record is at least 14 bytes");
          if (reader.next(fields) instanceof DecodeError) return;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("says when there is no more room for a record of any shape", () => {
    const writer = new FlowRecordWriter(2 * FLOW_RECORD_BYTES_MAX);
    const flow = goldenFlows()["tcp4"]!;
    let written = 0;
    for (; writer.hasRoom; written++) writer.writeUpsert(flow);
    assert.equal(written, Math.floor(FLOW_RECORD_BYTES_MAX / 20) + 1);
    assert.ok(writer.offset <= writer.bytes.length);
  });
});

function write(writer: FlowRecordWriter, flow: FlowFields, kind: "upsert" | "delete"): void {
  if (kind === "upsert") writer.writeUpsert(flow);
  else writer.writeDelete(flow);
}

function record(flow: FlowFields, kind: "upsert" | "delete"): Uint8Array {
  const writer = new FlowRecordWriter(FLOW_RECORD_BYTES_MAX);
  write(writer, flow, kind);
  return writer.take();
}

function readAll(bytes: Uint8Array) {
  const reader = new FlowRecordReader(bytes);
  const fields = new FlowFields();
  const all: ({ kind: string } & ReturnType<typeof flowText>)[] = [];
  while (!reader.atEnd) {
    const kind = reader.next(fields);
    assert.ok(!(kind instanceof DecodeError));
    all.push({ kind, ...flowText(fields) });
  }
  return all;
}
