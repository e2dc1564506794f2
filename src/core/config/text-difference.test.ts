import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyPatch } from "diff";
import fc from "fast-check";
import { textDifference } from "./text-difference.ts";

const difference = (before: string, after: string) =>
  textDifference({ name: "old.yaml", text: before }, { name: "new.yaml", text: after });

describe("textDifference", () => {
  it("is a unified diff with the names of both", () => {
    assert.equal(
      difference("a\nb\nc\n", "a\nB\nc\n"),
      "--- old.yaml\n+++ new.yaml\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
    );
  });

  it("is empty for the same text, and leads from any text to any other", () => {
    assert.equal(difference("a\n", "a\n"), "");
    const text = fc
      .array(fc.constantFrom("a", "b", "c: d", ""), { maxLength: 30 })
      .map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const patch = difference(before, after);
        assert.equal(patch === "" ? before : applyPatch(before, patch), after);
      }),
    );
  });

  it("shows large texts with little in common one after the other: the shortest difference is not worth the time", () => {
    const lines = (word: string) =>
      Array.from({ length: 1_500 }, (_, index) => `${word} ${index}\nsame ${index}\n`).join("");
    for (const [before, after] of [
      [lines("old"), lines("new")],
      [lines("old"), `${lines("new")}no end`],
      ["", `${lines("new")}`],
    ] as const) {
      const patch = difference(before, after);
      assert.equal(applyPatch(before, patch), after);
      assert.deepEqual(
        patch.split("\n").filter((line) => line.startsWith(" ")),
        [],
      );
    }
  });
});
