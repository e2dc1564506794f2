import assert from "node:assert/strict";
import { handoverEntry, takeoverEntry } from "../../src/contract/failover-history.test-data.ts";
import { historyEntrySchema } from "../../src/contract/failover-history.ts";
import {
  decodeHistory,
  encodeEntryLine,
  encodeStampLine,
  entryNumber,
} from "../../src/core/history/history-lines.ts";
import { ACCEPTED, type FuzzTarget } from "./fuzz-target.ts";

const stamp = encodeStampLine({ id: "gw1-9", what: "first-packet", path: "lan", atUs: 812 });

/** The file of changes of role, as a power cut or a hand may have left it. */
export function historyTarget(): FuzzTarget {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return {
    corpus: [
      bytes(encodeEntryLine(takeoverEntry())),
      bytes(encodeEntryLine(handoverEntry()) + stamp),
      bytes(stamp + encodeEntryLine(handoverEntry())),
    ],
    run: (input) => {
      const { entries, dropped } = decodeHistory(new TextDecoder().decode(input));
      for (const entry of entries) {
        assert.ok(historyEntrySchema.safeParse(entry).success);
        assert.ok(Number.isSafeInteger(entryNumber(entry)));
      }
      if (dropped > 0) return "dropped";
      return entries.length > 0 ? ACCEPTED : "empty";
    },
  };
}
