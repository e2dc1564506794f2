import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { badDocuments } from "./bad-documents.test-data.ts";
import { badFirewallDocuments } from "./bad-firewall-documents.test-data.ts";
import { badKeyDocuments } from "./bad-key-documents.test-data.ts";
import { badRouterDocuments } from "./bad-router-documents.test-data.ts";
import { clusterDocumentJsonSchema } from "./cluster-document.ts";
import { badNatDocuments } from "./nat-documents.test-data.ts";
import { problemCodes } from "./problem-codes.ts";
import { alternatives, keysIn, type SchemaPlace } from "./schema-keys.test-data.ts";

// The tables of bad documents themselves: what they must hold, so that nothing is left out when the document grows.

const all = [
  ...badDocuments,
  ...badRouterDocuments,
  ...badFirewallDocuments,
  ...badNatDocuments,
  ...badKeyDocuments,
];

/** The keys on the way to the place of a problem, as keysIn() has them. */
function keyOf(path: string, schema: SchemaPlace): string {
  let places = alternatives(schema);
  const steps: string[] = [];
  for (const step of path.split(/\.|(?=\[)/).filter((text) => text !== "")) {
    if (step.startsWith("[")) {
      places = places.flatMap(({ items }) => (items === undefined ? [] : alternatives(items)));
      continue;
    }
    const known = places.flatMap(({ properties }) => properties?.[step] ?? []);
    const named = places.flatMap(({ additionalProperties: one }) => (typeof one === "object" ? [one] : []));
    steps.push(known.length > 0 ? step : named.length > 0 ? "*" : "?");
    places = (known.length > 0 ? known : named).flatMap(alternatives);
  }
  return steps.join(".");
}

describe("the tables of bad documents", () => {
  it("have at least 120 rows, each of a name of its own", () => {
    assert.ok(all.length >= 120, `${all.length} rows`);
    const names = all.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
    for (const { name, by, says } of all) {
      assert.equal(by.split("§").length, 2, `${name} has one place`);
      assert.notEqual(says, "", name);
    }
  });

  it("have a row for every key of the document", () => {
    const schema = clusterDocumentJsonSchema() as SchemaPlace;
    const keys = new Set(keysIn(schema));
    assert.ok(keys.size > 100);
    const tested = new Set(all.map(({ path = "" }) => keyOf(path, schema)));
    assert.deepEqual(
      [...keys].filter((key) => !tested.has(key)),
      [],
    );
  });

  it("have a row for every code of a document that is not right", () => {
    // In the order of the list: those of files come before, those of good documents after.
    const source = readFileSync(new URL("./problem-codes.ts", import.meta.url), "utf8");
    const [, about = ""] = /\/\/ The shape of the document\.\n([\s\S]*?)\/\/ Good to know/.exec(source) ?? [];
    const codes = [...about.matchAll(/^ {2}"?([a-z-]+)"?:/gm)].map(([, code]) => code ?? "");
    assert.ok(codes.length > 50);
    for (const code of codes) assert.ok(code in problemCodes, code);
    const tested = new Set<string>(all.map(({ code }) => code));
    assert.deepEqual(
      codes.filter((code) => !tested.has(code)),
      [],
    );
  });
});
