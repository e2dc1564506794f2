import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { AppliedDocument, type PendingChange } from "./applied-document.ts";
import { TakenBackFile } from "./taken-back.ts";

const NOON = Date.parse("2026-03-01T12:00:00Z");
const HOUR_MS = 60 * 60_000;

function change(phase: PendingChange["phase"]): PendingChange {
  return {
    ...{ transaction: "t1", phase, id: "a".repeat(40), number: 7, author: "root@gw1", message: "why" },
    ...{ coordinator: "gw1", previousId: null, previousText: "before", untilMs: 0, confirmMs: 60_000 },
  };
}

describe("TakenBackFile", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tocha-taken-back-"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it("is shown for a day, by whoever reads it", () => {
    const file = new TakenBackFile(folder);
    assert.equal(file.shown(NOON), undefined);
    file.note(change("made"), "nobody confirmed it in time", NOON);
    const expected = {
      ...{ id: "a".repeat(40), number: 7, author: "root@gw1", at: "2026-03-01T12:00:00Z" },
      why: "nobody confirmed it in time",
    };
    const other = new TakenBackFile(folder);
    assert.deepEqual(other.shown(NOON + HOUR_MS), expected);
    assert.deepEqual(other.shown(NOON + 24 * HOUR_MS), expected);
    assert.equal(other.shown(NOON + 24 * HOUR_MS + 1), undefined);
    // The clock was wrong by years when it was written.
    assert.equal(other.shown(NOON - 25 * HOUR_MS), undefined);
  });

  it("is told once, and forgotten when another change applies", () => {
    const file = new TakenBackFile(folder);
    file.note(change("made"), "why", NOON);
    assert.equal(file.untold?.number, 7);
    file.setTold();
    assert.equal(new TakenBackFile(folder).untold, undefined);
    assert.equal(file.shown(NOON)?.number, 7);
    file.forget();
    assert.equal(file.shown(NOON), undefined);
  });

  it("tells nothing when it is damaged", () => {
    writeFileSync(join(folder, "taken-back.json"), '{"id":');
    assert.equal(new TakenBackFile(folder).shown(NOON), undefined);
    assert.equal(new TakenBackFile(folder).untold, undefined);
  });

  it("knows of what a node takes back when it starts, and only of that", () => {
    const applied = new AppliedDocument(folder);
    applied.setPending(change("prepared"));
    assert.equal(applied.goBack(), undefined);
    assert.equal(applied.takenBack.shown(Date.now()), undefined);
    applied.write("after");
    applied.setPending(change("made"));
    assert.equal(applied.goBack()?.number, 7);
    assert.equal(applied.text(), "before");
    assert.equal(applied.takenBack.untold?.why, "it was not confirmed before this node ended");
    assert.equal(applied.takenBack.shown(Date.now())?.number, 7);
  });
});
