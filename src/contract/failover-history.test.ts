import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { handoverEntry, takeoverEntry } from "./failover-history.test-data.ts";
import {
  gapUs,
  heldAndAnnouncedUs,
  historyEntrySchema,
  lastHeardUs,
  takeoverUs,
} from "./failover-history.ts";

describe("figures of a change of role", () => {
  it("counts from the last sign on whatever path", () => {
    const entry = takeoverEntry();
    assert.equal(lastHeardUs(entry), -312_769);
    assert.equal(takeoverUs(entry), 312_769 + 1_405);
    assert.equal(heldAndAnnouncedUs(entry), 312_769 + 1_405);
    assert.equal(gapUs(entry), 312_769 + 2_450);
  });

  it("has none where nothing was measured, or nothing was taken over", () => {
    const withoutPacket = takeoverEntry({
      stamps: takeoverEntry().stamps.filter(({ what }) => what !== "first-packet"),
    });
    assert.equal(gapUs(withoutPacket), undefined);
    const alone = takeoverEntry({ stamps: [{ what: "decided", atUs: 0 }] });
    assert.equal(takeoverUs(alone), undefined);
    assert.equal(takeoverUs(handoverEntry()), undefined);
  });

  it("is a valid answer, and a newer node's kinds and stamps are too", () => {
    const entry = { ...takeoverEntry({ kind: "moonphase", stamps: [{ what: "tide", atUs: 1 }] }), news: 1 };
    assert.equal(historyEntrySchema.safeParse(entry).success, true);
    assert.equal(historyEntrySchema.safeParse({ ...entry, at: "yesterday" }).success, false);
  });
});
