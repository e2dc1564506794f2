import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type SyncFrame, SyncFrameSplitter } from "../../wire/flow-sync.ts";
import { ChangeLog } from "./change-log.ts";
import { groupNamesHash } from "./hello.ts";
import { SourceStream } from "./source-stream.ts";
import type { SourceEffect } from "./source-types.ts";
import { TableDigest } from "./table-digest.ts";

const GROUPS = ["campus", "guests"];
const SESSION = 77;
const SWEEP_MS = 60_000;
const FLOWS = 5;
const RECORD = new Uint8Array(20);

/** Of 8 batches, so that it forgets soon. */
let log: ChangeLog;
let source: SourceStream;

beforeEach(() => {
  log = new ChangeLog({ capacityBytes: 4 << 20, batches: 8, session: SESSION });
  source = newSource();
});

function newSource(): SourceStream {
  const settings = { cluster: "campus", node: "gw1", peer: "gw2", groups: GROUPS, sweepMs: SWEEP_MS };
  const stream = new SourceStream(settings, log, () => 5);
  stream.setWhole(true);
  stream.setGroups(0, 1);
  return stream;
}

function hello(changes: Partial<SyncFrame & { type: "hello" }> = {}): SyncFrame {
  const own = { version: 2, oldestVersion: 2, cluster: "campus", node: "gw2", flows: FLOWS };
  return { type: "hello", ...own, groupNames: groupNamesHash(GROUPS), ...changes };
}

const complete = (copy: number): SyncFrame => ({
  type: "complete",
  copy,
  purged: 0,
  refreshed: 0,
  busyMs: 1,
});

/** What was sent, by type, and what else is to be done. */
function wordsOf(effects: readonly SourceEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.do === "send" ? framesOf([effect]).map(({ type }) => type) : effect.do,
  );
}

function framesOf(effects: readonly SourceEffect[]): SyncFrame[] {
  const frames: SyncFrame[] = [];
  const splitter = new SyncFrameSplitter();
  for (const effect of effects)
    if (effect.do === "send") splitter.push(effect.frame, (frame) => frames.push(frame));
  return frames;
}

function append(batches: number, bytes = RECORD.length): void {
  for (let i = 0; i < batches; i++) log.append(new Uint8Array(bytes), 1);
}

/** Both ends answer the comparison that is under way: the tables are equal. */
function compareEqual(nowMs: number, sweep: number): SourceEffect[] {
  const digest = new TableDigest(8, 5);
  const own = source.digested(nowMs, digest, 1);
  const sums = new Uint8Array(4 * digest.sums.length);
  const theirs = source.receive(nowMs, { type: "digest", sweep, first: 0, last: true, sums });
  return [...own, ...theirs, ...source.drained(nowMs)];
}

/** A stream that is live and complete: the tables have been compared. */
function makeLive(nowMs: number): void {
  source.connected(nowMs, FLOWS);
  source.receive(nowMs, hello());
  assert.deepEqual(wordsOf(compareEqual(nowMs, 1)), ["drain", "copy-begin", "copy-end"]);
  source.receive(nowMs, complete(1));
  assert.ok(source.complete);
}

describe("SourceStream: where a stream goes on", () => {
  it("resumes at a place that its log has", () => {
    append(4);
    source.connected(0, FLOWS);
    const effects = source.receive(0, hello({ resume: { session: SESSION, position: 2 } }));
    assert.deepEqual(wordsOf(effects), ["heartbeat", "log", "records"]);
    assert.deepEqual(
      framesOf(effects).find(({ type }) => type === "log"),
      { type: "log", place: { session: SESSION, position: 2 }, head: 4, resumed: true, unbroken: false },
    );
    assert.equal(source.counters.resumed, 1);
    assert.equal(source.complete, false);
    source.receive(0, complete(0));
    assert.equal(source.complete, true);
  });

  for (const [what, place] of [
    ["of another log", { session: SESSION + 1, position: 18 }],
    ["that the log has forgotten", { session: SESSION, position: 2 }],
    ["that the log has not reached", { session: SESSION, position: 21 }],
  ] as const) {
    it(`compares the tables at a place ${what}`, () => {
      append(20);
      source.connected(0, FLOWS);
      const effects = source.receive(0, hello({ resume: place }));
      assert.deepEqual(wordsOf(effects), ["heartbeat", "log", "compare", "start-digest"]);
      assert.ok(framesOf(effects).some((frame) => frame.type === "log" && !frame.resumed));
      source.receive(0, complete(0));
      assert.equal(source.complete, false, "what was between is missing");
    });
  }
});

describe("SourceStream: other groups", () => {
  const last = (effects: readonly SourceEffect[], type: SyncFrame["type"]) =>
    framesOf(effects).findLast((frame) => frame.type === type);

  it("compares only those that are new, and goes on with the others", () => {
    makeLive(0);
    const effects = source.setGroups(0, 3);
    assert.deepEqual(wordsOf(effects), ["heartbeat", "log", "compare", "start-digest"]);
    assert.deepEqual(last(effects, "log"), {
      ...({ type: "log", place: { session: SESSION, position: 0 }, head: 0 } as const),
      ...{ resumed: false, unbroken: true },
    });
    assert.equal((last(effects, "compare") as SyncFrame & { type: "compare" }).groups, 2);
    assert.deepEqual([source.completeGroups, source.complete], [1, false]);
    source.receive(0, complete(1));
    assert.equal(source.complete, false, "that was the copy before");
    const copy = compareEqual(0, 2);
    assert.equal((last(copy, "copy-begin") as SyncFrame & { type: "copy-begin" }).groups, 2);
    source.receive(0, complete(2));
    assert.deepEqual([source.completeGroups, source.complete], [3, true]);
  });

  it("has nothing to compare when some only end, and comes with a sweep soon", () => {
    makeLive(0);
    source.setGroups(0, 3);
    compareEqual(0, 2);
    source.receive(0, complete(2));
    assert.deepEqual(wordsOf(source.setGroups(0, 2)), ["heartbeat", "log"]);
    assert.ok(source.complete);
    const effects = source.timeout(source.deadline);
    assert.deepEqual(wordsOf(effects), ["heartbeat"]);
    source.receive(4_900, { type: "heartbeat", groups: 0, sweepSeconds: 0 });
    assert.ok(wordsOf(source.timeout(5_000)).includes("compare"));
    assert.ok(source.complete);
  });

  it("ends the pass that is under way, whatever ends it", () => {
    const compare = () => {
      source.disconnected();
      source.connected(0, FLOWS);
      assert.ok(wordsOf(source.receive(0, hello())).includes("start-digest"));
    };
    compare();
    assert.equal(wordsOf(source.setGroups(0, 3))[0], "abort-pass");
    assert.equal(wordsOf(source.setGroups(0, 0))[0], "abort-pass");
    source.setGroups(0, 1);
    assert.deepEqual(wordsOf(source.disconnected()), ["abort-pass"]);
    compare();
    assert.deepEqual(wordsOf(source.digested(0, undefined, 1)), ["abort-pass"], "it broke off");
    assert.deepEqual(wordsOf(source.disconnected()), [], "once");
  });

  it("sends what happened under the ones before when it ceases to be active, whatever waits", () => {
    makeLive(0);
    source.pressed();
    append(2);
    assert.deepEqual(wordsOf(source.changed(0)), []);
    assert.deepEqual(wordsOf(source.setGroups(0, 0)), ["records", "heartbeat"]);
  });

  it("are compared all when anything was missing before, or this node lacks connections", () => {
    makeLive(0);
    log.restart(SESSION + 1);
    source.overrun(0);
    const effects = source.setGroups(0, 3);
    assert.equal((last(effects, "compare") as SyncFrame & { type: "compare" }).groups, 3);
    assert.ok(framesOf(effects).some((frame) => frame.type === "log" && !frame.unbroken));
    compareEqual(0, 2);
    source.receive(0, complete(2));
    source.setWhole(false);
    assert.equal(
      (last(source.setGroups(0, 1), "compare") as SyncFrame & { type: "compare" }).groups,
      1,
      "what the standby has beyond is to be offered",
    );
  });
});

describe("SourceStream: what the standby says that it has", () => {
  it("cannot have all of a copy that is under way", () => {
    source.connected(0, FLOWS);
    assert.deepEqual(wordsOf(source.receive(0, hello({ flows: 0 }))), [
      "heartbeat",
      "log",
      "copy-begin",
      "start-copy",
    ]);
    source.receive(0, complete(1));
    assert.equal(source.complete, false);
    source.copied(0, RECORD, 1);
    source.receive(0, complete(1));
    assert.equal(source.complete, false);
    assert.deepEqual(wordsOf(source.copyEnded(0, true)), ["copy-end"]);
    source.receive(0, complete(1));
    assert.equal(source.complete, true);
  });

  it("cannot have anything before it was greeted, or of a node that is not active", () => {
    source.connected(0, FLOWS);
    source.receive(0, complete(0));
    assert.equal(source.complete, false);
    source.setGroups(0, 0);
    source.receive(0, hello());
    source.receive(0, complete(0));
    assert.equal(source.complete, false);
  });

  it("is measured by times that are numbers", () => {
    makeLive(1_000);
    append(2);
    source.changed(1_000);
    append(1);
    source.changed(1_500);
    for (const sentAtMs of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
      source.receive(1_600, { type: "acknowledge", sequence: 1, sentAtMs });
    assert.equal(source.lagMs(2_000), 1_000);
  });
});

describe("SourceStream: what the standby has beyond a copy", () => {
  const offer: SyncFrame = { type: "offer", records: RECORD };

  it("is adopted, whether this node's table is the truth or not: it may have begun there", () => {
    makeLive(0);
    assert.deepEqual(wordsOf(source.receive(0, offer)), ["adopt"]);
    source.setWhole(false);
    assert.deepEqual(wordsOf(source.receive(0, offer)), ["adopt"]);
    assert.deepEqual(wordsOf(source.receive(0, complete(1))), ["adopted-all"]);
  });

  it("is not adopted without a copy of the groups of now", () => {
    source.connected(0, FLOWS);
    source.receive(0, hello());
    assert.deepEqual(wordsOf(source.receive(0, offer)), [], "nothing was copied yet");
    compareEqual(0, 1);
    assert.deepEqual(wordsOf(source.receive(0, offer)), ["adopt"]);
    source.disconnected();
    source.connected(0, FLOWS);
    source.receive(0, hello());
    assert.deepEqual(wordsOf(source.receive(0, offer)), [], "nothing was copied on this connection");
    compareEqual(0, 2);
    source.setGroups(0, 3);
    assert.deepEqual(wordsOf(source.receive(0, offer)), [], "the copy was of other groups");
    source.setGroups(0, 0);
    assert.deepEqual(wordsOf(source.receive(0, offer)), [], "this node is active for nothing");
  });

  it("is not all adopted by a copy of everything, which finds nothing of it", () => {
    source.connected(0, FLOWS);
    source.receive(0, hello({ flows: 0 }));
    source.copyEnded(0, true);
    assert.deepEqual(wordsOf(source.receive(0, complete(1))), []);
  });
});

describe("SourceStream: changes that were lost", () => {
  it("are compared when it has been quiet for a second", () => {
    makeLive(0);
    log.restart(SESSION + 1);
    assert.deepEqual(wordsOf(source.overrun(100)), ["log"]);
    assert.equal(source.complete, false);
    assert.deepEqual(wordsOf(source.timeout(1_000)), ["heartbeat"]);
    assert.deepEqual(wordsOf(source.timeout(1_100)), ["compare", "start-digest"]);
    assert.equal(source.counters.resyncs.overrun, 1);
  });

  it("are made up for by a sweep that is due before it is quiet, and that is no regular one", () => {
    makeLive(0);
    for (let nowMs = 500; nowMs < SWEEP_MS; nowMs += 500) {
      source.receive(nowMs, { type: "heartbeat", groups: 0, sweepSeconds: 0 });
      source.timeout(nowMs);
    }
    log.restart(SESSION + 1);
    source.overrun(SWEEP_MS - 100);
    const effects = source.timeout(SWEEP_MS);
    assert.ok(framesOf(effects).some((frame) => frame.type === "compare" && !frame.paced));
    assert.equal(source.counters.resyncs.overrun, 1);
    assert.equal(source.counters.sweeps, 0);
    source.receive(SWEEP_MS, complete(1));
    assert.equal(source.complete, false, "what was said before the loss says nothing about it");
  });

  it("under pressure are named so, when the log has forgotten them", () => {
    makeLive(0);
    source.pressed();
    append(9);
    assert.deepEqual(wordsOf(source.changed(0)), []);
    assert.deepEqual(wordsOf(source.relieved(10)), ["log"]);
    assert.equal(source.complete, false);
    assert.ok(wordsOf(source.timeout(1_010)).includes("compare"));
    assert.equal(source.counters.resyncs.backpressure, 1);
  });
});

describe("SourceStream: a slow standby", () => {
  it("gets 1 MiB of the log at a time, and the rest when that has gone", () => {
    log = new ChangeLog({ capacityBytes: 4 << 20, batches: 200, session: SESSION });
    source = newSource();
    makeLive(0);
    append(100, 16 << 10);
    const frames = framesOf(source.changed(0));
    assert.equal(frames.length, (1 << 20) / (32 << 10));
    append(1);
    assert.deepEqual(framesOf(source.changed(0)), []);
    assert.equal(source.lagRecords, 101);
    assert.equal(framesOf(source.relieved(0)).length, 19);
    assert.deepEqual(framesOf(source.changed(0)), []);
  });

  it("gets everything before a mark: that is a handover", () => {
    log = new ChangeLog({ capacityBytes: 4 << 20, batches: 200, session: SESSION });
    source = newSource();
    makeLive(0);
    append(100, 16 << 10);
    source.changed(0);
    assert.deepEqual(wordsOf(source.mark(0, 7)), [...Array.from({ length: 18 }, () => "records"), "mark"]);
  });

  it("is not compared while it is behind, however long", () => {
    makeLive(0);
    source.pressed();
    append(1);
    source.changed(0);
    const words: string[] = [];
    for (let nowMs = 500; nowMs < 2 * SWEEP_MS; nowMs += 500) {
      source.receive(nowMs, { type: "heartbeat", groups: 0, sweepSeconds: 0 });
      words.push(...wordsOf(source.timeout(nowMs)));
      assert.ok(source.deadline > nowMs, "it does not ask again at once");
    }
    assert.deepEqual(new Set(words), new Set(["heartbeat"]));
    assert.deepEqual(wordsOf(source.relieved(2 * SWEEP_MS)), ["records"]);
    assert.ok(wordsOf(source.timeout(2 * SWEEP_MS + 1_000)).includes("compare"));
  });
});
