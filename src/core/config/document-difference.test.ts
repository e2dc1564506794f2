import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { changed, type Edit, parsed, wholeDocument } from "./changes.test-data.ts";
import { documentDifference } from "./document-difference.ts";

const before = parsed(wholeDocument);
const rule = (id: string, third: number) => ({ id, from: `10.3.${third}.0/24`, out: "wan", to: "192.0.2.1" });

/** The document with these source rules. */
function withRules(ids: readonly string[]) {
  const all = "abcdefghij";
  const source = ids.map((id) => ({ ...rule(id, all.indexOf(id)), from: [`10.3.${all.indexOf(id)}.0/24`] }));
  return { ...before, nat: { ...before.nat, source } };
}

function moves(old: string, now: string): string[] {
  return documentDifference(withRules([...old]), withRules([...now])).map((change) => {
    const id = change.path.at(-1);
    if (change.kind === "added" || change.kind === "moved")
      return `${change.kind} ${id} after ${change.follows ?? "nothing"}`;
    return `${change.kind} ${id}`;
  });
}

describe("documentDifference", () => {
  it("is empty for equal documents, and for other spellings of one", () => {
    const other = wholeDocument
      .replace("interval: 100ms", "interval: 0.1s")
      .replace("2001:db8::1/64", "2001:DB8:0::1/64");
    assert.notEqual(other, wholeDocument);
    assert.deepEqual(documentDifference(before, parsed(other)), []);
  });

  const rows: readonly [string, string, readonly string[]][] = [
    ["abc", "abc", []],
    ["abc", "abdc", ["added d after b"]],
    ["abc", "dabc", ["added d after nothing"]],
    ["abc", "ac", ["removed b"]],
    // One rule moves, not two.
    ["abcd", "dabc", ["moved d after nothing"]],
    ["abcd", "bcda", ["moved a after d"]],
    ["abcde", "acdbe", ["moved b after d"]],
    ["abc", "cba", ["moved c after nothing", "moved b after c"]],
    ["abc", "dcb", ["removed a", "added d after nothing", "moved c after d"]],
  ];
  for (const [old, now, expected] of rows)
    it(`${old} to ${now}: ${expected.join(", ") || "nothing"}`, () =>
      assert.deepEqual(moves(old, now), expected));

  it("turns one list into the other when its steps are done in their order", () => {
    const list = fc.uniqueArray(fc.constantFrom(..."abcdefghij"), { maxLength: 10 });
    fc.assert(
      fc.property(list, list, (old, now) => {
        let result = [...old];
        for (const change of documentDifference(withRules(old), withRules(now))) {
          const id = change.path[2] ?? "";
          result = result.filter((one) => one !== id);
          if (change.kind === "removed") continue;
          assert.ok(change.kind === "added" || change.kind === "moved");
          const place = change.follows === null ? 0 : result.indexOf(change.follows ?? "") + 1;
          result.splice(place, 0, id);
        }
        assert.deepEqual(result, now);
      }),
    );
  });

  const edits: readonly [string, Edit, readonly string[]][] = [
    ["a whole part is one change", { path: ["metrics"] }, ["removed metrics"]],
    [
      "an item of a list of texts is told by itself",
      { path: ["nat", "source", 0, "from"], value: ["10.1.0.0/26", "10.1.0.64/26"] },
      [
        "removed nat.source.office.from.10.1.0.0/25",
        "added nat.source.office.from.10.1.0.0/26",
        "added nat.source.office.from.10.1.0.64/26",
      ],
    ],
    [
      "the words of a command are one value",
      { path: ["groups", "main", "checks", "disk", "command"], value: ["/bin/true", "/var"] },
      ["changed groups.main.checks.disk.command"],
    ],
    [
      "a timeout that follows the interval is no change of its own",
      { path: ["groups", "main", "checks", "internet", "interval"], value: "3s" },
      ["changed groups.main.checks.internet.intervalMs"],
    ],
    [
      "a timeout of its own is none, either",
      { path: ["groups", "main", "checks", "provider", "interval"], value: "3s" },
      ["changed groups.main.checks.provider.intervalMs"],
    ],
    ["what is no longer said", { path: ["arbiter", "userFile"] }, ["removed arbiter.userFile"]],
    [
      "an advertised prefix is told by the prefix",
      {
        path: ["groups", "main", "routerAdvertisements", "lan", "prefixes", 0, "validLifetime"],
        value: "30h",
      },
      ["changed groups.main.routerAdvertisements.lan.prefixes.2001:db8:1::/64.validMs"],
    ],
  ];
  for (const [name, edit, expected] of edits) {
    it(name, () => {
      const changes = documentDifference(before, changed(edit));
      assert.deepEqual(
        changes.map(({ kind, path }) => `${kind} ${path.join(".")}`),
        expected,
      );
    });
  }
});
