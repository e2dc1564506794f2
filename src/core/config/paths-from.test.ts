import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { wholeDocument } from "./changes.test-data.ts";
import { editDocument } from "./edit-document.ts";
import { parseEditPath } from "./edit-path.ts";
import { pathsFrom } from "./paths-from.ts";

const text = `nodes: { gw1: {}, gw2: {} }
groups:
  main:
    priorities: &priorities { gw1: 110, gw2: 100 }
    addresses: { wan: [192.0.2.1/24, "2001:db8::1/64"] }
  guests: { priorities: *priorities }
nat:
  source: [{ id: office, to: 192.0.2.1 }, { id: lab, to: 192.0.2.5 }, { to: x }]
"odd key": 1
metrics: { port: 9100 }
`;

const offers = (written: string, kind: "set" | "unset") =>
  pathsFrom(text, written, kind).map((one) => one.text);

describe("pathsFrom goes one step at a time", () => {
  const rows: readonly [string, readonly string[], readonly string[]][] = [
    [
      "",
      ["nodes.", "groups.", "nat.", "metrics."],
      ["nodes", "nodes.", "groups", "groups.", "nat", "nat.", "metrics", "metrics."],
    ],
    ["gr", ["groups."], ["groups", "groups."]],
    ["nodes.", [], ["nodes.gw1", "nodes.gw2"]],
    ["groups.main.pri", ["groups.main.priorities."], ["groups.main.priorities", "groups.main.priorities."]],
    ["groups.guests.priorities.gw2", ["groups.guests.priorities.gw2"], ["groups.guests.priorities.gw2"]],
    [
      "groups.main.addresses.",
      ["groups.main.addresses.wan", "groups.main.addresses.wan[", "groups.main.addresses.wan[+]"],
      ["groups.main.addresses.wan", "groups.main.addresses.wan["],
    ],
    [
      "groups.main.addresses.wan[",
      ["groups.main.addresses.wan[192.0.2.1/24]", "groups.main.addresses.wan[2001:db8::1/64]"],
      ["groups.main.addresses.wan[192.0.2.1/24]", "groups.main.addresses.wan[2001:db8::1/64]"],
    ],
    [
      "groups.main.addresses.wan[2",
      ["groups.main.addresses.wan[2001:db8::1/64]"],
      ["groups.main.addresses.wan[2001:db8::1/64]"],
    ],
    [
      "nat.s",
      ["nat.source", "nat.source.", "nat.source[", "nat.source[+]"],
      ["nat.source", "nat.source.", "nat.source["],
    ],
    [
      "nat.source.",
      ["nat.source.office.", "nat.source.lab."],
      ["nat.source.office", "nat.source.office.", "nat.source.lab", "nat.source.lab."],
    ],
    ["nat.source[2].", ["nat.source[2].to"], ["nat.source[2].to"]],
    ["nat.nothing.", [], []],
    ["nat..", [], []],
    [".", [], []],
  ];
  for (const [written, set, unset] of rows) {
    it(`"${written}"`, () => {
      assert.deepEqual(offers(written, "set"), set);
      assert.deepEqual(offers(written, "unset"), unset);
    });
  }

  it("tells what is there", () => {
    assert.deepEqual(pathsFrom(text, "groups.main.priorities.gw1", "set"), [
      { text: "groups.main.priorities.gw1", about: "110" },
    ]);
  });

  it("offers nothing where the text is not YAML", () => assert.deepEqual(pathsFrom("a: [", "", "set"), []));

  it("leads to everything that a document can have, and nowhere else", () => {
    const leaves: string[] = [];
    const follow = (written: string): void => {
      for (const { text: path } of pathsFrom(wholeDocument, written, "unset")) {
        if (path === written) continue;
        if (/[.[]$/.test(path)) follow(path);
        else {
          editDocument(wholeDocument, { kind: "unset", path: parseEditPath(path) });
          leaves.push(path);
        }
      }
    };
    follow("");
    assert.equal(new Set(leaves).size, leaves.length, "each once");
    assert.ok(leaves.length > 100);
    assert.equal(leaves.length, placesIn(parse(wholeDocument)));
  });
});

/** How many keys and items there are, at all depths. */
function placesIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value);
  return inner.length + inner.reduce<number>((sum, one) => sum + placesIn(one), 0);
}
