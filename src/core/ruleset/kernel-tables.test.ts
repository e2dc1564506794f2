import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../base/decode-error.ts";
import {
  differenceFromRuleset,
  differenceOfTables,
  type KernelTable,
  readKernelTables,
} from "./kernel-tables.ts";
import type { Ruleset } from "./ruleset.ts";

// As nft 1.0.6 on Linux 6.18 printed it for `nft --json --handle list table inet tocha`, expressions shortened.
const listing = {
  nftables: [
    { metainfo: { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 } },
    { table: { family: "inet", name: "tocha", handle: 7 } },
    {
      "ct helper": {
        family: "inet",
        name: "ftp-tcp",
        table: "tocha",
        handle: 2,
        type: "ftp",
        protocol: "tcp",
        l3proto: "ip",
      },
    },
    {
      set: {
        family: "inet",
        name: "some",
        table: "tocha",
        type: "ipv4_addr",
        handle: 3,
        elem: ["10.0.0.1", "10.0.0.2"],
      },
    },
    { map: { family: "inet", name: "empty", table: "tocha", type: "ipv4_addr", handle: 4, map: "verdict" } },
    {
      set: {
        family: "inet",
        name: "seen",
        table: "tocha",
        type: "ipv4_addr",
        handle: 5,
        flags: ["dynamic"],
        elem: ["10.0.0.1"],
      },
    },
    {
      chain: {
        family: "inet",
        table: "tocha",
        name: "base",
        handle: 1,
        type: "filter",
        hook: "forward",
        prio: 0,
        policy: "accept",
      },
    },
    { chain: { family: "inet", table: "tocha", name: "inner", handle: 8 } },
    {
      rule: {
        family: "inet",
        table: "tocha",
        chain: "base",
        handle: 9,
        comment: "first",
        expr: [{ accept: null }],
      },
    },
    {
      rule: {
        family: "inet",
        table: "tocha",
        chain: "base",
        handle: 12,
        comment: 'second "quoted"',
        expr: [{ drop: null }],
      },
    },
    { rule: { family: "inet", table: "tocha", chain: "inner", handle: 10, expr: [{ drop: null }] } },
  ],
};

function read(value: unknown): readonly KernelTable[] {
  const tables = readKernelTables(JSON.stringify(value));
  assert.ok(!(tables instanceof DecodeError), JSON.stringify(tables));
  return tables;
}

const loaded: Ruleset = {
  tables: [
    {
      ...{ family: "inet", name: "tocha" },
      objects: [{ kind: "ct helper", name: "ftp-tcp", body: [] }],
      sets: ["seen", "some", "empty"].map((name) => ({
        kind: "set" as const,
        name,
        header: [],
        elements: [],
      })),
      chains: [
        { name: "inner", hook: undefined, rules: [{ match: "", verdict: "drop", comment: "" }] },
        {
          ...{ name: "base", hook: "filter hook forward priority 0" },
          rules: ["first", 'second "quoted"'].map((comment) => ({ match: "", verdict: "drop", comment })),
        },
      ],
    },
  ],
};

describe("readKernelTables", () => {
  it("gives handles, comments and counts of what nft lists", () => {
    const text = JSON.stringify(read(listing), (key, value) => (key === "digest" ? undefined : value));
    assert.deepEqual(JSON.parse(text), [
      {
        ...{ family: "inet", name: "tocha", handle: 7, flags: "" },
        objects: [{ kind: "ct helper", name: "ftp-tcp", handle: 2 }],
        sets: [
          { name: "some", handle: 3, elements: 2 },
          { name: "empty", handle: 4, elements: 0 },
          // Packets add and remove its elements.
          { name: "seen", handle: 5 },
        ],
        chains: [
          {
            ...{ name: "base", handle: 1, policy: "accept" },
            rules: [
              { handle: 9, comment: "first" },
              { handle: 12, comment: 'second "quoted"' },
            ],
          },
          { name: "inner", handle: 8, policy: "", rules: [{ handle: 10, comment: "" }] },
        ],
      },
    ]);
  });

  it("says why something is no list, and never throws", () => {
    const reasons: readonly (readonly [string, string])[] = [
      ["", "no-json"],
      ["[]", "no-listing"],
      ['{"nftables":[1]}', "no-item"],
      ['{"nftables":[{"table":{"family":"inet","name":"tocha"}}]}', "no-handle"],
      ['{"nftables":[{"chain":{"family":"inet","name":"base","table":"tocha","handle":1}}]}', "no-table"],
    ];
    for (const [text, reason] of reasons) {
      const error = readKernelTables(text);
      assert.ok(error instanceof DecodeError && error.reason === reason, `${text}: ${JSON.stringify(error)}`);
    }
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readKernelTables(text)));
    const text = JSON.stringify(listing);
    for (let length = 0; length < text.length; length++)
      assert.ok(readKernelTables(text.slice(0, length)) instanceof DecodeError);
  });

  it("never throws for lists with strange values in any place", () => {
    const kinds = fc.constantFrom("table", "chain", "rule", "set", "metainfo", "__proto__");
    const values = fc.oneof(fc.jsonValue(), fc.constantFrom("inet", "tocha", 1));
    const fields = fc.dictionary(
      fc.constantFrom("family", "name", "table", "chain", "handle", "comment", "flags", "elem"),
      values,
    );
    const item = fc.tuple(kinds, fields).map(([kind, value]) => ({ [kind]: value }));
    fc.assert(
      fc.property(fc.array(fc.oneof(item, fc.constantFrom(...listing.nftables))), (nftables) => {
        readKernelTables(JSON.stringify({ nftables }));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The list with one thing changed. */
function changed(change: (text: string) => string): readonly KernelTable[] {
  const text = JSON.stringify(listing);
  const other = change(text);
  assert.notEqual(other, text);
  return read(JSON.parse(other));
}

describe("what is different", () => {
  it("is nothing between a list and itself, and the rules that were loaded", () => {
    assert.equal(differenceOfTables(read(listing), read(listing)), undefined);
    assert.equal(differenceFromRuleset(read(listing), loaded), undefined);
  });

  const without = (name: string) => (text: string) => {
    const { nftables } = JSON.parse(text) as typeof listing;
    return JSON.stringify({ nftables: nftables.filter((item) => !JSON.stringify(item).includes(name)) });
  };
  const changes: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ["a table that was made anew", (text) => text.replace('"handle":7', '"handle":8'), /was made anew/],
    ["no table", without('"inet"'), /table inet tocha is gone/],
    [
      "a table with flags",
      (text) => text.replace('"handle":7', '"handle":7,"flags":"dormant"'),
      /has other flags/,
    ],
    ["an object that is gone", without("ct helper"), /its objects have changed/],
    ["a set that is gone", without('"empty"'), /its sets have changed/],
    ["an element less", (text) => text.replace(',"10.0.0.2"', ""), /set some has 1 elements instead of 2/],
    [
      "a chain that was made anew",
      (text) => text.replace('"handle":8', '"handle":20'),
      /its chains have changed/,
    ],
    ["a policy", (text) => text.replace('"policy":"accept"', '"policy":"drop"'), /the policy of chain base/],
    ["a rule less", without("second"), /the rules of chain base have changed/],
    [
      "a rule that was replaced",
      (text) => text.replace('"handle":12', '"handle":13'),
      /the rules of chain base/,
    ],
  ];
  for (const [what, change, why] of changes) {
    it(`is told: ${what}`, () => {
      assert.match(differenceOfTables(changed(change), read(listing)) ?? "", why);
    });
  }

  it("is not what packets have counted, and not the order of elements", () => {
    const counting = (packets: number, elements: readonly string[]) => {
      const rule = {
        family: "inet",
        table: "tocha",
        chain: "base",
        handle: 9,
        expr: [{ counter: { packets, bytes: 9 } }],
      };
      const set = { family: "inet", table: "tocha", name: "more", handle: 10, elem: elements };
      return read({ nftables: [...listing.nftables, { rule }, { set }] });
    };
    assert.equal(differenceOfTables(counting(5, ["a", "b"]), counting(6, ["b", "a"])), undefined);
    assert.notEqual(differenceOfTables(counting(5, ["a", "b"]), counting(5, ["a", "c"])), undefined);
  });

  it("is not what packets have done to a set", () => {
    const more = changed((text) => text.replace('"dynamic"],"elem":["10.0.0.1"]', '"dynamic"],"elem":[]'));
    assert.equal(differenceOfTables(more, read(listing)), undefined);
  });

  const fromRuleset: readonly (readonly [(text: string) => string, RegExp])[] = [
    [without('"inet"'), /table inet tocha is not there/],
    [without("ct helper"), /its objects are others/],
    [without('"empty"'), /its sets are others/],
    [without('"inner"'), /its chains are others/],
    [without("second"), /chain base has 1 rules instead of 2/],
    [(text) => text.replace('"first"', '"third"'), /rule 1 of chain base is another/],
  ];
  for (const [change, why] of fromRuleset) {
    it(`from the rules that were loaded: ${why.source}`, () => {
      assert.match(differenceFromRuleset(changed(change), loaded) ?? "", why);
    });
  }
});
