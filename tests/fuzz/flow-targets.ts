import assert from "node:assert/strict";
import { DecodeError } from "../../src/base/decode-error.ts";
import { groupNamesHash } from "../../src/core/replication/hello.ts";
import { SinkStream } from "../../src/core/replication/sink-stream.ts";
import { TableDigest } from "../../src/core/replication/table-digest.ts";
import { UnmergedGroups } from "../../src/core/replication/unmerged-groups.ts";
import { flowParse, parseFlow } from "../../src/wire/conntrack-message.ts";
import {
  FLOW_MESSAGE_BYTES_MAX,
  writeCreate,
  writeDelete,
  writeUpdate,
} from "../../src/wire/conntrack-request.ts";
import { ExpectationFields } from "../../src/wire/expectation-fields.ts";
import { parseExpectation } from "../../src/wire/expectation-message.ts";
import { writeExpect, writeUnexpect } from "../../src/wire/expectation-request.ts";
import { goldenExpectations } from "../../src/wire/expectations.test-data.ts";
import { FlowFields } from "../../src/wire/flow-fields.ts";
import { FLOW_RECORD_BYTES_MAX, FlowRecordReader, FlowRecordWriter } from "../../src/wire/flow-record.ts";
import {
  encodeSyncFrame,
  FLOW_SYNC_VERSION,
  type SyncFrame,
  SyncFrameSplitter,
} from "../../src/wire/flow-sync.ts";
import { goldenFlows, rareFlows } from "../../src/wire/flows.test-data.ts";
import { NetlinkWriter, NLMSG_HEADER_BYTES } from "../../src/wire/netlink.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";
import { below, type Random } from "./mutate.ts";

/** Flows of all kinds: families, protocols, translations, marks, zones, and what only some flows have. */
const flows: readonly FlowFields[] = Object.values({ ...goldenFlows(), ...rareFlows() });
const expectations: readonly ExpectationFields[] = Object.values(goldenExpectations());

function records(): Uint8Array {
  const writer = new FlowRecordWriter(64 * FLOW_RECORD_BYTES_MAX);
  for (const fields of flows) writer.writeUpsert(fields);
  for (const fields of flows) writer.writeDelete(fields);
  for (const fields of expectations) writer.writeExpect(fields);
  for (const fields of expectations) writer.writeUnexpect(fields);
  return writer.take();
}

/** Records as they stand inside a frame. */
export function flowRecordTarget(): FuzzTarget {
  const reader = new FlowRecordReader();
  const fields = new FlowFields();
  const writer = new FlowRecordWriter(FLOW_RECORD_BYTES_MAX);
  const single = [
    ...flows.map((flow) => {
      writer.writeUpsert(flow);
      return writer.take();
    }),
    ...expectations.map((expectation) => {
      writer.writeExpect(expectation);
      return writer.take();
    }),
  ];
  return {
    corpus: [records(), ...single],
    run: (input) => {
      reader.reset(input);
      while (!reader.atEnd) {
        const { offset } = reader;
        const change = reader.next(fields);
        if (change instanceof DecodeError) return change.reason;
        assert.ok(reader.offset > offset && reader.offset <= input.length, "a record ends behind the input");
        if (change === "upsert" || change === "delete") assertWritable(fields);
        else assertExpectationWritable(reader.expectation);
      }
      return ACCEPTED;
    },
  };
}

/** ctnetlink messages of the kernel, without their netlink header. */
export function conntrackTarget(): FuzzTarget {
  const fields = new FlowFields();
  const names = new Map<number, string>(Object.entries(flowParse).map(([name, number]) => [number, name]));
  const corpus = flows.flatMap((flow) =>
    [writeCreate, writeUpdate].map((write) => {
      const writer = new NetlinkWriter(FLOW_MESSAGE_BYTES_MAX);
      write(writer, flow, 1);
      return writer.written().slice(NLMSG_HEADER_BYTES);
    }),
  );
  return {
    corpus,
    run: (input) => {
      const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
      const result = parseFlow(view, 0, input.length, fields);
      const name = names.get(result);
      assert.notEqual(name, undefined, `parseFlow returned ${result}`);
      if (result !== flowParse.ok) return `flow-${name}`;
      assertWritable(fields);
      return ACCEPTED;
    },
  };
}

/** Expectations of the kernel, without their netlink header. */
export function expectationTarget(): FuzzTarget {
  const fields = new ExpectationFields();
  const names = new Map<number, string>(Object.entries(flowParse).map(([name, number]) => [number, name]));
  const corpus = expectations.map((expectation) => {
    const writer = new NetlinkWriter(FLOW_MESSAGE_BYTES_MAX);
    writeExpect(writer, expectation, 1);
    return writer.written().slice(NLMSG_HEADER_BYTES);
  });
  return {
    corpus,
    run: (input) => {
      const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
      const result = parseExpectation(view, 0, input.length, fields);
      const name = names.get(result);
      assert.notEqual(name, undefined, `parseExpectation returned ${result}`);
      if (result !== flowParse.ok) return `expectation-${name}`;
      assertExpectationWritable(fields);
      return ACCEPTED;
    },
  };
}

const message = new NetlinkWriter(FLOW_MESSAGE_BYTES_MAX);
const record = new FlowRecordWriter(FLOW_RECORD_BYTES_MAX);

/** What was read can be passed on: to the kernel and to another node, in the room that there is for it. */
function assertWritable(fields: FlowFields): void {
  for (const write of [writeCreate, writeUpdate, writeDelete]) {
    message.reset();
    write(message, fields, 1);
    assert.ok(message.offset <= FLOW_MESSAGE_BYTES_MAX);
  }
  record.take();
  record.writeUpsert(fields);
  assert.ok(record.offset <= FLOW_RECORD_BYTES_MAX);
}

function assertExpectationWritable(expectation: ExpectationFields): void {
  for (const write of [writeExpect, writeUnexpect]) {
    message.reset();
    write(message, expectation, 1);
    assert.ok(message.offset <= FLOW_MESSAGE_BYTES_MAX);
  }
  record.take();
  record.writeExpect(expectation);
  assert.ok(record.offset <= FLOW_RECORD_BYTES_MAX);
}

const CLUSTER = "campus";
const SOURCE = "gw1";

function syncStreams(): Uint8Array[] {
  const hello: SyncFrame = {
    ...({ type: "hello", version: FLOW_SYNC_VERSION, cluster: CLUSTER, node: SOURCE } as const),
    ...{ oldestVersion: FLOW_SYNC_VERSION, flows: 5, groupNames: groupNamesHash(["gateway"]) },
  };
  const active = { type: "heartbeat" as const, groups: 1, sweepSeconds: 60 };
  const some: SyncFrame = {
    type: "records",
    sequence: 12,
    position: 12,
    sentAtMs: 1_234.5,
    records: records(),
  };
  const log: SyncFrame = {
    type: "log",
    place: { session: 77, position: 3 },
    head: 12,
    resumed: false,
    unbroken: false,
  };
  const compare: SyncFrame = { type: "compare", groups: 1, sweep: 1, seed: 5, bits: 8, paced: false };
  const copy: SyncFrame[] = [
    { type: "copy-begin", copy: 1, groups: 1, refresh: false, whole: true },
    some,
    { type: "copy-end", copy: 1 },
  ];
  const buckets = { bits: 8, seed: 5, set: new Uint8Array(32).fill(0x11) };
  const streams: SyncFrame[][] = [
    [hello, active, ...copy, { type: "mark", token: 9 }],
    [
      hello,
      active,
      log,
      compare,
      { type: "copy-begin", copy: 1, groups: 1, refresh: true, whole: true, buckets },
      some,
    ],
    [hello, active, { ...log, resumed: true, unbroken: false }, some, { ...active, groups: 0 }],
    [some],
    [{ ...hello, cluster: "other" }],
    [hello, { type: "acknowledge", sequence: 3, sentAtMs: 1 }],
    [
      { type: "refuse", reason: "because" },
      { type: "marked", token: 1 },
      { type: "complete", copy: 1, purged: 0, refreshed: 0, busyMs: 0 },
      { type: "digest", sweep: 1, first: 0, last: true, sums: new Uint8Array(64) },
    ],
  ];
  return streams.map((frames) => new Uint8Array(Buffer.concat(frames.map(encodeSyncFrame))));
}

/** A whole stream from its first byte, cut into pieces anywhere, and the sink that hears it. */
export function flowSyncTarget(): FuzzTarget {
  return {
    corpus: syncStreams(),
    run: (input, random) => {
      const whole = receive([input]);
      const pieces = receive(cut(input, random));
      assert.equal(pieces.heard, whole.heard, "the pieces change what is understood");
      assert.equal(pieces.reason, whole.reason);
      return whole.reason;
    },
  };
}

function receive(chunks: readonly Uint8Array[]): { heard: string; reason: string } {
  const splitter = new SyncFrameSplitter();
  const sink = new SinkStream(
    {
      ...{ cluster: CLUSTER, node: "gw2", peer: SOURCE, groups: ["gateway"] },
      ...{ flows: 0, resume: undefined, unmerged: new UnmergedGroups() },
    },
    0,
  );
  const frames: SyncFrame[] = [];
  for (const chunk of chunks) {
    const fault = splitter.push(chunk, (frame) => {
      frames.push(frame);
      hear(sink, frame);
    });
    // The driver closes the stream: nothing behind a fault is read.
    if (fault !== undefined) return { heard: describe(frames, sink), reason: fault.reason };
  }
  return { heard: describe(frames, sink), reason: ACCEPTED };
}

const reader = new FlowRecordReader();
const fields = new FlowFields();

function hear(sink: SinkStream, frame: SyncFrame): void {
  if (sink.state === "closed") return;
  const wasGreeted = sink.state !== "greeting";
  for (const effect of sink.receive(1, frame)) {
    if (effect.do === "purge") sink.purged(effect.purge.copy, { purged: 0, refreshed: 0, busyMs: 0 });
    if (effect.do === "start-digest") {
      const digest = new TableDigest(effect.bits, effect.seed);
      sink.digested(digest, { busyMs: 0, refreshNeeded: true });
    }
    if (effect.do !== "apply") continue;
    assert.ok(wasGreeted, "records are applied before a hello");
    reader.reset(effect.records);
    while (!reader.atEnd && !(reader.next(fields) instanceof DecodeError));
  }
  const isRightHello = frame.type === "hello" && frame.cluster === CLUSTER && frame.node === SOURCE;
  if (!wasGreeted && !isRightHello)
    assert.equal(sink.state, "closed", "a stream goes on without a right hello");
  if (sink.complete) assert.ok(wasGreeted, "complete before a hello");
}

function describe(frames: readonly SyncFrame[], sink: SinkStream): string {
  const texts = frames.map((frame) =>
    frame.type === "records" ? `records ${frame.records.length}` : JSON.stringify(frame),
  );
  return `${texts.join(" ")} ${sink.state} ${sink.complete} ${sink.recordsReceived} ${sink.bytesReceived}`;
}

function cut(input: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < input.length; ) {
    const end = Math.min(input.length, start + 1 + below(random, input.length));
    chunks.push(input.subarray(start, end));
    start = end;
  }
  return chunks;
}
