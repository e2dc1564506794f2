import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { clusterDocumentJsonSchema } from "./cluster-document.ts";
import { documentReference } from "./document-reference.ts";

const text = documentReference(clusterDocumentJsonSchema());
const rows = text.split("\n").filter((line) => line.startsWith("| `"));
const row = (key: string) =>
  rows
    .find((line) => line.startsWith(`| \`${key}\` `))
    ?.split(/ +\| +/)
    .map((cell) => cell.trim());

describe("the reference of the document", () => {
  it("is what docs/guide/reference.md holds (npm run schema writes it)", () => {
    assert.equal(text, readFileSync(new URL("../../docs/guide/reference.md", import.meta.url), "utf8"));
  });

  it("tells of every key what may stand there, what it means, and whether it is needed", () => {
    assert.ok(rows.length > 120);
    for (const line of rows) {
      const [, value = "", meaning = ""] = line.split(/ +\| +/);
      assert.notEqual(value, "", line);
      // What has a name of its own is told of where its map is.
      if (!/^\| `[^`]*NAME` /.test(line)) assert.ok(meaning.length > 5, line);
      assert.doesNotMatch(line, /undefined|\[object/);
    }
    assert.deepEqual(row("groups.NAME.interval")?.[1], "a duration; default `100ms`");
    assert.deepEqual(row("firewall.forward.rules[].action")?.[1], "`accept`, `drop`, `reject`, needed");
    assert.deepEqual(row("firewall.input.rules[].out"), undefined);
    assert.match(row("nat.source[].from")?.[1] ?? "", /^a network, or a list of such, needed$/);
    assert.match(row("groups.NAME.addresses.NAME")?.[1] ?? "", /^a list, 1 to 64 of: an address and/);
    assert.match(row("sets.NAME.kind")?.[1] ?? "", /`addresses`, `ports`/);
  });

  it("has each key once", () => {
    const keys = rows.map((line) => line.split(" ")[1]);
    assert.equal(new Set(keys).size, keys.length);
  });
});
