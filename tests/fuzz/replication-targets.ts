import assert from "node:assert/strict";
import { ChangeLog } from "../../src/core/replication/change-log.ts";
import { groupNamesHash } from "../../src/core/replication/hello.ts";
import { readPlaces } from "../../src/daemon/drivers/resume-file.ts";
import {
  encodeSyncFrame,
  FLOW_SYNC_VERSION,
  type SyncFrame,
  SyncFrameSplitter,
} from "../../src/wire/flow-sync.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";
import { CLUSTER, FLOWS, GROUPS, LOG_RECORDS, SESSION, SINK, SourceUnderTest } from "./source-under-test.ts";

/** Answers of a sink, as bytes: those of a good one, and those of one that answers in any order. */
function answers(): Uint8Array[] {
  const hello: SyncFrame = {
    ...({ type: "hello", version: FLOW_SYNC_VERSION, oldestVersion: FLOW_SYNC_VERSION } as const),
    ...{ cluster: CLUSTER, node: SINK, flows: 0, groupNames: groupNamesHash(GROUPS) },
  };
  const resuming = (position: number): SyncFrame => ({ ...hello, resume: { session: SESSION, position } });
  const heartbeat: SyncFrame = { type: "heartbeat", groups: 0, sweepSeconds: 0 };
  const acknowledge = (sequence: number, sentAtMs = 1_000): SyncFrame => ({
    type: "acknowledge",
    sequence,
    sentAtMs,
  });
  const complete = (copy: number): SyncFrame => ({
    type: "complete",
    copy,
    purged: 1,
    refreshed: 2,
    busyMs: 3,
  });
  const digest = (sweep: number, first = 0, last = true, count = 256): SyncFrame => ({
    ...({ type: "digest", sweep, first, last } as const),
    sums: new Uint8Array(4 * count),
  });
  const many = [1, 2, 3].flatMap((copy) => [heartbeat, digest(copy), acknowledge(copy), complete(copy)]);
  const streams: SyncFrame[][] = [
    [hello, heartbeat, acknowledge(1), complete(1), heartbeat, digest(1), complete(2)],
    [
      { ...hello, flows: FLOWS },
      digest(1, 0, false, 128),
      digest(1, 128, true, 128),
      acknowledge(1),
      complete(1),
    ],
    [{ ...hello, flows: FLOWS }, ...many],
    [{ ...hello, flows: FLOWS }, digest(1, 0, true, 255), digest(1, 9), ...many],
    [resuming(LOG_RECORDS - 2), acknowledge(2), complete(0), ...many],
    [resuming(LOG_RECORDS + 1), complete(0), complete(1), ...many],
    [resuming(0), complete(0), complete(1)],
    [complete(0), hello, complete(0), complete(1)],
    [
      hello,
      acknowledge(2 ** 50),
      acknowledge(1, Number.NaN),
      acknowledge(1, Number.NEGATIVE_INFINITY),
      ...many,
    ],
    [{ type: "refuse", reason: "because" }, hello],
    [hello, { type: "marked", token: 1 }, { type: "mark", token: 1 }, complete(1)],
    [{ ...hello, version: 99, oldestVersion: 99 }],
    [{ ...hello, groupNames: 1 }],
    [
      hello,
      { type: "offer", records: new Uint8Array(14) },
      complete(1),
      { type: "offer", records: new Uint8Array(0) },
    ],
  ];
  return streams.map((frames) => new Uint8Array(Buffer.concat(frames.map(encodeSyncFrame))));
}

/** What a sink answers, and the source that hears it. */
export function sourceStreamTarget(): FuzzTarget {
  return {
    corpus: answers(),
    run: (input, random) => {
      const splitter = new SyncFrameSplitter();
      const source = new SourceUnderTest(random);
      const fault = splitter.push(input, (frame) => {
        if (!source.isOpen) return;
        source.receive(frame);
        if (source.isOpen) source.liveOn();
      });
      if (fault !== undefined) return fault.reason;
      return source.isOpen ? ACCEPTED : "source-closed";
    },
  };
}

const KERNEL = "4b1d/4026531840";

/** The bytes of a resume file. */
export function resumeFileTarget(): FuzzTarget {
  const place = { session: SESSION, position: 12, groups: 1, atMs: 1_700_000_000_000 };
  const files = [
    { kernel: KERNEL, places: [["gw2", place]] },
    { kernel: KERNEL, places: [] },
    {
      kernel: KERNEL,
      places: [
        ["gw2", place],
        ["gw3", { ...place, position: 9e15 }],
      ],
    },
    { kernel: "another", places: [["gw2", place]] },
    { kernel: KERNEL, places: [["gw2", null]] },
    { kernel: KERNEL, places: 5 },
  ];
  return {
    corpus: files.map((file) => new TextEncoder().encode(JSON.stringify(file))),
    run: (input) => {
      const places = readPlaces(new TextDecoder().decode(input), KERNEL);
      for (const [peer, { session, position, atMs }] of places) {
        assert.equal(typeof peer, "string");
        assert.ok(Number.isFinite(atMs));
        // It can stand in a hello.
        encodeSyncFrame({
          type: "log",
          place: { session, position },
          head: position,
          resumed: true,
          unbroken: false,
        });
      }
      return places.size > 0 ? ACCEPTED : "no-places";
    },
  };
}

/** Positions that a peer claims to have reached, in a log that has gone on: 8 bytes each, as in a hello. */
export function logPositionTarget(): FuzzTarget {
  const log = new ChangeLog({ capacityBytes: 1_000, batches: 20, session: SESSION });
  /** Where batches begin, of all times. */
  const begins = new Set<number>();
  const positions = (...values: readonly number[]) => {
    const bytes = new Uint8Array(8 * values.length);
    const view = new DataView(bytes.buffer);
    for (const [index, value] of values.entries()) view.setBigUint64(8 * index, BigInt(value));
    return bytes;
  };
  return {
    corpus: [positions(0, 1, 2, 3, 10, 19, 20, 40), positions(2 ** 53, 2 ** 48), positions(255, 256, 999)],
    run: (input, random) => {
      const count = 1 + Math.floor(random() * 5);
      begins.add(log.head);
      log.append(new Uint8Array(1 + Math.floor(random() * 200)), count);
      if (log.head > 1_000) {
        log.restart(SESSION);
        begins.clear();
      }
      const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
      let known = 0;
      for (let offset = 0; offset + 8 <= input.length; offset += 8) {
        if (readFrom(log, Number(view.getBigUint64(offset)), begins)) known++;
      }
      return known > 0 ? ACCEPTED : "position-unknown";
    },
  };
}

/** Whether the log has this place; then everything from there to the head must come, once and in order. */
function readFrom(log: ChangeLog, position: number, begins: ReadonlySet<number>): boolean {
  if (!log.has(position)) {
    assert.equal(log.read(position, 100), "gone");
    return false;
  }
  assert.ok(
    position === log.head || (begins.has(position) && position >= log.tail),
    `${position} is inside a batch`,
  );
  let at = position;
  for (let turns = 0; at !== log.head; turns++) {
    assert.ok(turns < 100, "reading comes to no end");
    const batch = log.read(at, 100);
    assert.ok(batch !== undefined && batch !== "gone", "what the log has is gone");
    assert.ok(batch.next > at && batch.next <= log.head && batch.records.length > 0);
    at = batch.next;
  }
  return true;
}
