import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type SyncFrame, SyncFrameSplitter } from "../../wire/flow-sync.ts";
import { groupNamesHash } from "./hello.ts";
import { SinkStream } from "./sink-stream.ts";
import type { SinkEffect } from "./sink-types.ts";
import { TableDigest } from "./table-digest.ts";
import { UnmergedGroups } from "./unmerged-groups.ts";

const GROUPS = ["campus", "guests"];
const PLACE = { session: 77, position: 3 };
const buckets = { bits: 8, seed: 5, set: new Uint8Array(32).fill(0xff) };
const nothing = { purged: 0, refreshed: 0, busyMs: 0 };

let sink: SinkStream;
let unmerged: UnmergedGroups;

beforeEach(() => {
  unmerged = new UnmergedGroups();
  sink = new SinkStream(
    { cluster: "campus", node: "gw2", peer: "gw1", groups: GROUPS, flows: 5, resume: PLACE, unmerged },
    0,
  );
  const own = { version: 2, oldestVersion: 2, cluster: "campus", node: "gw1", flows: 5 };
  const groupNames = groupNamesHash(GROUPS);
  sink.receive(0, { type: "hello", ...own, groupNames });
  sink.receive(0, { type: "heartbeat", groups: 1, sweepSeconds: 60 });
});

const log = (head: number, resumed: boolean): SyncFrame => ({
  type: "log",
  place: PLACE,
  head,
  resumed,
  unbroken: false,
});
const records = (position: number): SyncFrame => ({
  ...({ type: "records", sequence: position, position, sentAtMs: 1 } as const),
  records: new Uint8Array(0),
});
const copyBegin = (copy: number, refresh: boolean): SyncFrame => ({
  ...({ type: "copy-begin", copy, groups: 1, refresh, whole: true } as const),
  buckets,
});

const compare: SyncFrame = { type: "compare", groups: 1, sweep: 1, seed: 5, bits: 8, paced: true };

function wordsOf(effects: readonly SinkEffect[]): string[] {
  const words: string[] = [];
  const splitter = new SyncFrameSplitter();
  for (const effect of effects) {
    if (effect.do === "send") splitter.push(effect.frame, ({ type }) => words.push(type));
    else words.push(effect.do);
  }
  return words;
}

/** Takes a whole copy, and is complete. */
function takeCopy(copy: number): void {
  sink.receive(0, copyBegin(copy, false));
  assert.equal(sink.complete, false);
  assert.deepEqual(wordsOf(sink.receive(0, { type: "copy-end", copy })), ["purge"]);
  assert.equal(sink.complete, false, "what is stale is still there");
  assert.deepEqual(wordsOf(sink.purged(copy, nothing)), ["made-up", "complete"]);
  assert.equal(sink.complete, true);
}

describe("SinkStream", () => {
  it("that resumes is complete when it has reached the head, not before", () => {
    sink.receive(0, log(5, true));
    sink.receive(0, records(4));
    assert.deepEqual([sink.state, sink.complete], ["resuming", false]);
    assert.ok(wordsOf(sink.receive(0, records(5))).includes("complete"));
    assert.deepEqual([sink.state, sink.complete], ["live", true]);
  });

  it("that resumes, and hears that the log begins anew, is not complete at the old head", () => {
    sink.receive(0, log(5, true));
    sink.receive(0, log(3, false));
    assert.deepEqual(wordsOf(sink.receive(0, records(9))).includes("complete"), false);
    assert.equal(sink.complete, false);
    assert.equal(sink.resumePoint, undefined);
  });

  it("is not complete by a copy that was whole before a place in the log was passed over", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    sink.receive(0, copyBegin(2, true));
    sink.receive(0, { type: "copy-end", copy: 2 });
    sink.receive(0, log(3, false));
    sink.purged(2, nothing);
    assert.equal(sink.complete, false, "changes are missing that this copy does not have");
    assert.equal(sink.resumePoint, undefined);
    takeCopy(3);
    assert.deepEqual(sink.resumePoint, { ...PLACE, groups: 1 });
  });

  it("remembers the keys of what arrives from the beginning of a copy to the end of its purge", () => {
    const remembers = () =>
      sink.receive(0, records(9)).some((effect) => effect.do === "apply" && effect.remember);
    sink.receive(0, log(3, false));
    assert.equal(remembers(), false);
    sink.receive(0, copyBegin(1, false));
    assert.equal(remembers(), true);
    sink.receive(0, { type: "copy-end", copy: 1 });
    assert.equal(remembers(), true, "a change may bring a flow while the purge looks for stale ones");
    sink.purged(1, nothing);
    assert.equal(remembers(), false);
  });

  it("on an active node replaces and purges nothing, and is not complete", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    sink.setClaims(1, 0);
    assert.equal(sink.complete, false);
    const [apply] = sink.receive(0, records(9));
    assert.ok(apply?.do === "apply" && apply.taken === "keep" && apply.provisional);
    sink.receive(0, copyBegin(2, false));
    assert.deepEqual(wordsOf(sink.receive(0, { type: "copy-end", copy: 2 })), []);
  });

  it("gives timers of ten minutes' sweeps at most, whatever the source says", () => {
    sink.receive(0, { type: "heartbeat", groups: 1, sweepSeconds: 0xffff });
    assert.equal(sink.sweepSeconds, 600);
  });

  it("offers instead of removing when the source itself lacks connections", () => {
    sink.receive(0, { ...copyBegin(1, false), whole: false } as SyncFrame);
    const [effect] = sink.receive(0, { type: "copy-end", copy: 1 });
    assert.ok(effect?.do === "purge" && effect.purge.offered === 1);
  });

  it("offers, once, what may have begun while the node was active itself", () => {
    const offeredAfter = (copy: number) => {
      sink.receive(0, { ...copyBegin(copy, false), groups: 3 } as SyncFrame);
      const [effect] = sink.receive(0, { type: "copy-end", copy });
      assert.ok(effect?.do === "purge");
      return effect.purge.offered;
    };
    assert.equal(offeredAfter(1), 0);
    unmerged.add(1);
    assert.equal(offeredAfter(2), 1, "of the other group everything beyond is stale");
    assert.equal(offeredAfter(3), 1, "the pass did not end");
    sink.purged(3, nothing);
    assert.equal(offeredAfter(4), 0);
  });

  it("has not offered anything by a copy of everything", () => {
    unmerged.add(1);
    const { buckets: _, ...everything } = copyBegin(1, false) as SyncFrame & { type: "copy-begin" };
    sink.receive(0, everything);
    sink.receive(0, { type: "copy-end", copy: 1 });
    assert.deepEqual([sink.state, unmerged.among(1)], ["live", 1]);
  });

  it("knows of what groups something is missing, until a copy begins", () => {
    sink.receive(0, log(5, true));
    assert.equal(sink.brokenGroups, 0);
    sink.receive(0, log(3, false));
    assert.equal(sink.brokenGroups, 1);
    sink.receive(0, copyBegin(1, false));
    assert.equal(sink.brokenGroups, 0);
    sink.receive(0, log(3, false));
    sink.disconnected();
    assert.equal(sink.brokenGroups, 0, "what was known before counts");
  });

  it("that was active knows what it would not take, until a comparison or a copy begins", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    sink.setClaims(1, 0);
    sink.receive(0, copyBegin(2, false));
    sink.receive(0, { type: "copy-end", copy: 2 });
    assert.deepEqual(wordsOf(sink.setClaims(0, 0)), ["begin-anew"]);
    assert.deepEqual(wordsOf(sink.setClaims(0, 0)), [], "it was told");
    sink.receive(0, compare);
    assert.deepEqual(wordsOf(changeOfAnother()), []);
    sink.setClaims(1, 0);
    assert.deepEqual(wordsOf(sink.setClaims(0, 0)), ["begin-anew"]);
    sink.receive(0, copyBegin(3, false));
    assert.deepEqual(wordsOf(changeOfAnother()), []);

    /** Of a group that the source has nothing to do with. */
    function changeOfAnother(): readonly SinkEffect[] {
      return [...sink.setClaims(2, 0), ...sink.setClaims(0, 0)];
    }
  });

  it("knows since when the source claims a group, and when it was heard last", () => {
    const heartbeat = (groups: number): SyncFrame => ({ type: "heartbeat", groups, sweepSeconds: 60 });
    sink.receive(5, heartbeat(3));
    sink.receive(6, heartbeat(3));
    sink.receive(7, heartbeat(1));
    assert.deepEqual([sink.claimedMs, sink.heardMs], [5, 7]);
  });

  it("that another source contradicts keeps what it has, purges nothing, and begins anew afterwards", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    sink.receive(0, copyBegin(2, false));
    sink.receive(0, { type: "copy-end", copy: 2 });
    assert.deepEqual(wordsOf(sink.setClaims(0, 1)), ["abort-purge"]);
    assert.deepEqual([sink.completeGroups, unmerged.among(3)], [0, 1]);
    const [apply] = sink.receive(0, records(9));
    assert.ok(apply?.do === "apply" && apply.taken === "keep" && apply.provisional);
    assert.deepEqual(wordsOf(sink.receive(0, compare)), []);
    assert.deepEqual(wordsOf(sink.setClaims(0, 0)), ["begin-anew"]);
  });

  it("ends its passes when this node becomes active itself, and does not speak of them", () => {
    const digest = new TableDigest(8, 5);
    sink.receive(0, log(3, false));
    sink.receive(0, copyBegin(1, false));
    sink.receive(0, { type: "copy-end", copy: 1 });
    sink.receive(0, compare);
    assert.deepEqual(wordsOf(sink.setClaims(1, 0)), ["abort-purge", "abort-digest"]);
    assert.deepEqual(sink.purged(1, nothing), []);
    assert.deepEqual(sink.digested(digest, { busyMs: 1, refreshNeeded: false }), []);
    assert.deepEqual(wordsOf(sink.receive(0, compare)), [], "nor does it begin one");
  });

  it("ends its passes when the next copy or comparison begins, and with the stream", () => {
    const begin = () => {
      sink.receive(0, copyBegin(1, false));
      sink.receive(0, { type: "copy-end", copy: 1 });
      sink.receive(0, compare);
    };
    begin();
    assert.deepEqual(wordsOf(sink.receive(0, copyBegin(2, false))), [
      "abort-purge",
      "abort-digest",
      "begin-copy",
    ]);
    begin();
    assert.deepEqual(wordsOf(sink.receive(0, compare)), ["abort-digest", "start-digest"]);
    assert.deepEqual(wordsOf(sink.disconnected()), ["abort-purge", "abort-digest"]);
  });

  it("that is active for another group replaces and purges of the source's, and is complete of these", () => {
    sink.receive(0, log(3, false));
    sink.setClaims(2, 0);
    takeCopy(1);
    const [apply] = sink.receive(0, records(9));
    assert.ok(apply?.do === "apply" && apply.taken === "replace" && !apply.provisional);
    assert.deepEqual([sink.completeGroups, sink.complete], [1, true]);
    assert.deepEqual(wordsOf(sink.setClaims(0, 0)), []);
  });

  it("stays complete of a group that its source keeps, while another is added", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    sink.receive(0, { type: "heartbeat", groups: 3, sweepSeconds: 60 });
    sink.receive(0, { ...log(3, false), unbroken: true } as SyncFrame);
    assert.deepEqual([sink.completeGroups, sink.complete, sink.resumePoint], [1, false, undefined]);
    sink.receive(0, { ...copyBegin(2, false), groups: 2 } as SyncFrame);
    sink.receive(0, { type: "copy-end", copy: 2 });
    assert.deepEqual([sink.completeGroups, sink.complete], [1, false]);
    sink.purged(2, nothing);
    assert.deepEqual(
      [sink.completeGroups, sink.complete, sink.resumePoint],
      [3, true, { ...PLACE, groups: 3 }],
    );
  });

  it("does not believe that nothing is missing after records came while both claimed a group, and begins anew", () => {
    const both: SyncFrame = { type: "heartbeat", groups: 3, sweepSeconds: 60 };
    sink.receive(0, both);
    sink.receive(0, log(3, false));
    sink.receive(0, { ...copyBegin(1, false), groups: 3 } as SyncFrame);
    sink.receive(0, { type: "copy-end", copy: 1 });
    sink.purged(1, nothing);
    sink.setClaims(2, 0);
    assert.equal(sink.completeGroups, 1);
    sink.receive(0, records(4));
    assert.equal(sink.completeGroups, 0, "it keeps what it has, of whichever group the records are");
    const unbroken = { ...log(4, false), unbroken: true } as SyncFrame;
    assert.deepEqual(wordsOf(sink.receive(0, unbroken)), [], "they still do");
    sink.receive(0, { type: "heartbeat", groups: 1, sweepSeconds: 60 });
    assert.deepEqual(wordsOf(sink.receive(0, unbroken)), ["close"]);
  });

  it("is complete of no more than a copy was about", () => {
    sink.receive(0, { type: "heartbeat", groups: 3, sweepSeconds: 60 });
    sink.receive(0, log(3, false));
    sink.receive(0, { ...copyBegin(1, false), groups: 2 } as SyncFrame);
    sink.receive(0, { type: "copy-end", copy: 1 });
    sink.purged(1, nothing);
    assert.equal(sink.completeGroups, 2);
  });

  it("is complete no longer of what its source has ceased to be active for, also when that begins anew", () => {
    sink.receive(0, log(3, false));
    takeCopy(1);
    for (const groups of [0, 1]) sink.receive(0, { type: "heartbeat", groups, sweepSeconds: 60 });
    assert.deepEqual([sink.completeGroups, sink.resumePoint], [0, undefined]);
  });

  it("purges no more of a group when another node is active for that", () => {
    sink.receive(0, log(3, false));
    sink.receive(0, { type: "heartbeat", groups: 3, sweepSeconds: 60 });
    sink.receive(0, { ...copyBegin(1, false), groups: 3 } as SyncFrame);
    sink.receive(0, { type: "copy-end", copy: 1 });
    const effects = sink.receive(0, { type: "heartbeat", groups: 1, sweepSeconds: 60 });
    assert.ok(wordsOf(effects).includes("abort-purge"));
    sink.purged(1, nothing);
    assert.equal(sink.complete, false, "the comparison that follows makes it complete");
  });
});
