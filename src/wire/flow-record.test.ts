import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../base/decode-error.ts";
import { FlowFields } from "./flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordReader, FlowRecordWriter } from "./flow-record.ts";
import { anyFlow, flowText, goldenFlows } from "./flows.test-data.ts";

/** The format in bytes, as docs/protocol/flow-sync.md tells it: other nodes of this version depend on it. */
const samples: Readonly<Record<string, { upsert: string; delete: string }>> = {
  tcp4: {
    upsert: "00 06 0a01000a c0000250 a029 01bb  000e 00000258 03",
    delete: "01 06 0a01000a c0000250 a029 01bb",
  },
  "tcp4-source": {
    upsert: "04 06 0a01000a c0000250 a02a 01bb  000e 00000258 03  c0000201 c73a",
    delete: "01 06 0a01000a c0000250 a02a 01bb",
  },
  "tcp4-destination-mark": {
    upsert: "18 06 c0000250 c0000201 a02b 1f90  000e 00000258 03  0a01000a 0050  0000002a",
    delete: "01 06 c0000250 c0000201 a02b 1f90",
  },
  "tcp4-both-zone": {
    upsert: "2c 06 0a01000a 0a010001 a02c 1f91  000e 00000258 03  c0000201 a02c  c0000250 0050  0007",
    delete: "21 06 0a01000a 0a010001 a02c 1f91  0007",
  },
  "tcp6-source": {
    upsert: `06 06 fd000001000000000000000000000010 20010db8000000000000000000000080 a02d 01bb
             000e 00000258 03  20010db8000000000000000000000001 a02d`,
    delete: "03 06 fd000001000000000000000000000010 20010db8000000000000000000000080 a02d 01bb",
  },
  "udp4-source": {
    upsert: "04 11 0a01000a c0000250 a02e 0035  000e 0000012c  c0000201 a02e",
    delete: "01 11 0a01000a c0000250 a02e 0035",
  },
  "icmp4-source": {
    upsert: "04 01 0a01000a c0000250 1234 08 00  000a 0000012c  c0000201 0011",
    delete: "01 01 0a01000a c0000250 1234 08 00",
  },
};

describe("flow records", () => {
  for (const [name, sample] of Object.entries(samples)) {
    it(`writes ${name} in these bytes`, () => {
      const flow = goldenFlows()[name]!;
      assert.deepEqual(record(flow, "upsert"), hex(sample.upsert));
      assert.deepEqual(record(flow, "delete"), hex(sample.delete));
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
        assert.deepEqual([again.status, again.timeoutSeconds, again.mark], [0, 0, 0]);
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
    for (const sample of Object.values(samples)) {
      for (const text of [sample.upsert, sample.delete]) {
        const bytes = hex(text);
        for (let length = 0; length < bytes.length; length++) {
          const result = new FlowRecordReader(bytes.subarray(0, length)).next(new FlowFields());
          assert.deepEqual(result, new DecodeError("record-short", 0), `${text} at ${length}`);
        }
      }
    }
  });

  it("refuses shapes that it does not know, and says where", () => {
    const known = record(goldenFlows()["tcp4"]!, "upsert");
    for (const shape of [0x40, 0x80, 0xff]) {
      const bytes = Uint8Array.from([...known, shape, ...known.subarray(1)]);
      const reader = new FlowRecordReader(bytes);
      assert.equal(reader.next(new FlowFields()), "upsert");
      assert.deepEqual(reader.next(new FlowFields()), new DecodeError("record-shape", known.length));
    }
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
    assert.equal(written, Math.floor(FLOW_RECORD_BYTES_MAX / 21) + 1);
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

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}
