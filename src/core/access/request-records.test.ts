import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestRecord } from "../../contract/node-events.ts";
import { RequestRecords } from "./request-records.ts";

const record = (id: string, state: RequestRecord["state"]): RequestRecord => {
  return { id, operation: "switchover", state, started: "2026-01-01T00:00:00Z", ended: null };
};
const DAY_MS = 24 * 60 * 60_000;

describe("RequestRecords", () => {
  it("are of one user each, for a day", () => {
    const records = new RequestRecords<number>();
    records.add(0, "ana", { record: record("key", "running"), content: "a", pending: 1 });
    records.update("ana", record("key", "done"));
    assert.equal(records.find(DAY_MS, "ana", "key")?.record.state, "done");
    assert.equal(records.find(DAY_MS, "bob", "key"), undefined);
    assert.equal(records.find(DAY_MS + 1, "ana", "key"), undefined);
  });

  it("have a bound: what has ended is forgotten for new ones, what is under way is not", () => {
    const records = new RequestRecords<number>();
    const add = (id: string, state: RequestRecord["state"]) =>
      records.add(0, "ana", { record: record(id, state), content: "a", pending: 1 });
    for (let i = 0; i < 499; i++) assert.ok(add(`running-${i}`, "running"));
    assert.ok(add("ended", "done"));
    assert.ok(add("one-more", "running"));
    assert.equal(records.find(0, "ana", "ended"), undefined);
    assert.equal(add("too-many", "running"), false);
    assert.equal(records.find(0, "ana", "running-0")?.record.state, "running");
  });
});
