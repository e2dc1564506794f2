import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { handoverEntry, takeoverEntry } from "../../contract/failover-history.test-data.ts";
import { findEntry, fitting, mergeHistory, readHistoryQuery } from "./merge-history.ts";

const all = { node: undefined, group: undefined, limit: 20 };
const ids = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);
const old = takeoverEntry({ id: "gw2-3", at: "2026-07-01T10:00:00.000Z", group: "guests" });

describe("mergeHistory", () => {
  it("puts the newest first, whichever node remembers it", () => {
    const merged = mergeHistory([[handoverEntry()], [old, takeoverEntry()]], all);
    assert.deepEqual(ids(merged), ["gw2-17", "gw1-9", "gw2-3"]);
  });

  it("keeps the order of a node for what happened in one millisecond", () => {
    const next = takeoverEntry({ id: "gw2-18" });
    assert.deepEqual(ids(mergeHistory([[takeoverEntry(), next]], all)), ["gw2-18", "gw2-17"]);
  });

  it("is the same list on every node, also for what happened in one millisecond", () => {
    const at = takeoverEntry().at;
    const [own, other] = [[takeoverEntry()], [handoverEntry({ at })]];
    assert.deepEqual(mergeHistory([own, other], all), mergeHistory([other, own], all));
  });

  it("filters before it limits", () => {
    const histories = [[handoverEntry()], [old, takeoverEntry()]];
    assert.deepEqual(ids(mergeHistory(histories, { ...all, group: "guests", limit: 1 })), ["gw2-3"]);
    assert.deepEqual(ids(mergeHistory(histories, { ...all, node: "gw1" })), ["gw1-9"]);
    assert.deepEqual(ids(mergeHistory(histories, { ...all, limit: 1 })), ["gw2-17"]);
  });
});

describe("fitting", () => {
  it("leaves out the last ones when there are too many for an answer", () => {
    const entries = [takeoverEntry(), handoverEntry(), old];
    const lengths = entries.map((entry) => JSON.stringify(entry).length);
    const [first = 0, second = 0] = lengths;
    assert.deepEqual(ids(fitting(entries)), ids(entries));
    assert.deepEqual(ids(fitting(entries, first + second)), ["gw2-17", "gw1-9"]);
    assert.deepEqual(ids(fitting(entries, first + second - 1)), ["gw2-17"]);
    assert.deepEqual(fitting(entries, 0), []);
  });
});

describe("findEntry", () => {
  it("finds an entry, and of each other node the other side of it", () => {
    const stranger = handoverEntry({ id: "gw3-1", node: "gw3", other: "gw1" });
    const farther = handoverEntry({ id: "gw1-8", at: "2026-08-01T10:00:00.200Z" });
    const elsewhere = handoverEntry({ id: "gw1-10", group: "guests" });
    const later = handoverEntry({ id: "gw1-11", at: "2026-08-01T10:00:09.000Z" });
    const own = takeoverEntry({ id: "gw2-18" });
    const entries = [takeoverEntry(), farther, handoverEntry(), elsewhere, later, own, stranger];
    const found = findEntry({ entries, unreachable: ["gw3"] }, "gw2-17");
    assert.deepEqual(ids(found?.related ?? []), ["gw1-9"]);
    assert.deepEqual(found?.unreachable, ["gw3"]);
    assert.equal(findEntry({ entries, unreachable: [] }, "gw2-99"), undefined);
  });
});

describe("readHistoryQuery", () => {
  it("takes limits from 1 to the greatest", () => {
    const limitOf = (text: string) => readHistoryQuery(new URLSearchParams(text))?.limit;
    assert.deepEqual(["", "limit=1", "limit=500"].map(limitOf), [20, 1, 500]);
    for (const wrong of ["limit=0", "limit=501", "limit=-1", "limit=1e2", "limit=", "limit=x"])
      assert.equal(limitOf(wrong), undefined, wrong);
  });
});
