import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { handoverEntry, takeoverEntry } from "../../contract/failover-history.test-data.ts";
import { decodeHistory, encodeEntryLine, encodeStampLine, entryNumber } from "./history-lines.ts";

const late = { id: "gw1-9", what: "first-packet", path: "lan", atUs: 812 };
const text = encodeEntryLine(takeoverEntry()) + encodeEntryLine(handoverEntry()) + encodeStampLine(late);

describe("decodeHistory", () => {
  it("gives back what was written, with the stamps that came later", () => {
    const { entries, dropped } = decodeHistory(text);
    assert.equal(dropped, 0);
    assert.deepEqual(entries[0], takeoverEntry());
    const { id, ...stamp } = late;
    assert.deepEqual(entries[1], handoverEntry({ stamps: [...handoverEntry().stamps, stamp] }));
  });

  it("keeps all whole lines wherever a power cut has torn the text", () => {
    const [first = "", second = ""] = text.split("\n");
    for (let length = 0; length <= text.length; length++) {
      const { entries, dropped } = decodeHistory(text.slice(0, length));
      const whole = [first.length, first.length + 1 + second.length].filter((end) => length >= end).length;
      assert.equal(entries.length, whole, `cut at ${length}`);
      assert.ok(dropped <= 1);
    }
  });

  it("drops what is no line of a history, and goes on", () => {
    const strange = [
      "null",
      "[]",
      '{"entry":{}}',
      "{",
      "\u0000\u0000",
      '{"stamp":{"id":1}}',
      "x".repeat(70_000),
    ];
    const { entries, dropped } = decodeHistory(`${strange.join("\n")}\n${text}`);
    assert.equal(dropped, strange.length);
    assert.equal(entries.length, 2);
  });

  it("ignores a stamp whose entry has been given up", () => {
    assert.deepEqual(decodeHistory(encodeStampLine(late)), { entries: [], dropped: 0 });
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(text.length), (noise, at) => {
        decodeHistory(text.slice(0, at) + noise + text.slice(at));
      }),
    );
  });
});

describe("entryNumber", () => {
  it("is what stands behind the last dash", () => {
    assert.deepEqual(
      ["gw1-17", "gw-3-4", "gw1", "gw1-", "gw1-99999999999999999999"].map((id) => entryNumber({ id })),
      [17, 4, 0, 0, 0],
    );
  });
});
