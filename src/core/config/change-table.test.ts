import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as z from "zod";
import { clusterDocumentSchema } from "../../contract/cluster-document.ts";
import { matchPattern } from "./change-entry.ts";
import { sayChange } from "./change-table.ts";
import { changed, parsed, singleChanges, wholeDocument } from "./changes.test-data.ts";
import { documentDifference } from "./document-difference.ts";

const before = parsed(wholeDocument);

describe("the table of what can change", () => {
  it("is tried with every key that a document can have: add what is missing to changes.test-data.ts", () => {
    const tried = singleChanges.map(({ path }) => path.map(String));
    const missing = leaves(clusterDocumentSchema, []).filter(
      (pattern) => !tried.some((path) => matchPattern(pattern, path) !== undefined),
    );
    assert.deepEqual(missing, []);
  });

  it("has a row for each of them: add what is missing to change-table.ts, or the tables beside it", () => {
    const unknown = singleChanges.flatMap((edit) => {
      const after = changed(edit);
      return documentDifference(before, after)
        .map((change) => sayChange(change, { before, after }))
        .filter(({ isKnown }) => !isKnown)
        .map(({ path }) => path);
    });
    assert.deepEqual(unknown, []);
  });

  it("has words for what it does not know", () => {
    const odd = { ...before, wishes: { log: true, rules: [{ id: "ssh", accept: true }] } };
    const after = { ...before, wishes: { log: false, rules: [{ id: "web", accept: true }] } };
    const said = documentDifference(odd, after).map((change) => sayChange(change, { before: odd, after }));
    assert.deepEqual(
      said.map(({ sentence, isKnown }) => [sentence, isKnown]),
      [
        ["wishes.log is turned off", false],
        ["ssh is removed from wishes.rules", false],
        ["web is added to wishes.rules", false],
      ],
    );
  });
});

/** The paths of all values that are no maps, as patterns. */
function leaves(schema: unknown, path: readonly string[]): string[] {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodObject)
    return Object.entries(bare.shape).flatMap(([key, value]) => leaves(value, [...path, key]));
  if (bare instanceof z.ZodRecord) return leaves(bare.valueType, [...path, "*"]);
  if (bare instanceof z.ZodArray) {
    const items = leaves(bare.element, [...path, "*"]);
    return items.length > 1 ? items : [path.join(".")];
  }
  return [path.join(".")];
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  const isWrapper =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapper ? unwrap(schema.unwrap()) : schema;
}
