import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parse, parseDocument } from "yaml";
import { ProblemError } from "../../base/problem.ts";
import { wholeDocument } from "./changes.test-data.ts";
import { editDocument } from "./edit-document.ts";
import { formatEditPath, parseEditPath } from "./edit-path.ts";

const block = `# The head.
nodes:
  # the first
  gw1:
    interfaces: # all of them
      lan:
        device: eth0 # the lan
        addresses:
          # one
          - 10.1.0.2/24 # own
          - 10.1.0.3/24

  # the second
  gw2: {}
nat:
  source: # in order
    # people
    - id: office
      to: 192.0.2.1 # public
    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24] }
tail: &last 1
`;

/** The lines that an edit takes out (-) and puts in (+). */
function lines(path: string, value?: string): string[] {
  const steps = parseEditPath(path);
  const text = editDocument(
    block,
    value === undefined ? { kind: "unset", path: steps } : { kind: "set", path: steps, value: parse(value) },
  );
  const [old, now] = [block.split("\n"), text.split("\n")];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `-${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+${line}`),
  ];
}

function refusal(path: string, value?: string): string {
  try {
    return lines(path, value).join("\n");
  } catch (error) {
    assert.ok(error instanceof ProblemError);
    return `${error.problem.message} | ${error.problem.hint}`;
  }
}

describe("editDocument changes only the lines that it is about", () => {
  const rows: readonly [string, string | undefined, readonly string[]][] = [
    [
      "nodes.gw1.interfaces.lan.device",
      "eth9",
      ["-        device: eth0 # the lan", "+        device: eth9 # the lan"],
    ],
    ["nodes.gw1.interfaces.lan.mtu", "1500", ["+        mtu: 1500"]],
    ["nodes.gw1.interfaces.lan.addresses[+]", "10.1.0.4/24", ["+          - 10.1.0.4/24"]],
    [
      "nodes.gw1.interfaces.lan.addresses[0]",
      "10.1.0.9/24",
      ["-          - 10.1.0.2/24 # own", "+          - 10.1.0.9/24 # own"],
    ],
    ["nodes.gw1.interfaces.lan.addresses[10.1.0.3/24]", undefined, ["-          - 10.1.0.3/24"]],
    // The comment right above goes along, and the one behind it.
    [
      "nodes.gw1.interfaces.lan.addresses[10.1.0.2/24]",
      undefined,
      ["-          # one", "-          - 10.1.0.2/24 # own"],
    ],
    ["nodes.gw2.interfaces", "{}", ["-  gw2: {}", "+  gw2: { interfaces: {} }"]],
    [
      "nodes.gw2.interfaces.lan.device",
      "eth0",
      ["-  gw2: {}", "+  gw2: { interfaces: { lan: { device: eth0 } } }"],
    ],
    ["nodes.gw2.addresses[+]", "10.1.0.4", ["-  gw2: {}", "+  gw2: { addresses: [10.1.0.4] }"]],
    ["nodes.gw2", undefined, ["-  # the second", "-  gw2: {}"]],
    ["nat.source.office.to", "192.0.2.9", ["-      to: 192.0.2.1 # public", "+      to: 192.0.2.9 # public"]],
    ["nat.source.office", undefined, ["-    # people", "-    - id: office", "-      to: 192.0.2.1 # public"]],
    [
      "nat.source.lab.from[+]",
      "fd00::/64",
      [
        "-    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24] }",
        "+    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24, fd00::/64] }",
      ],
    ],
    [
      "nat.source.lab.from[10.1.0.0/24]",
      undefined,
      [
        "-    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24] }",
        "+    - { id: lab, to: 192.0.2.5, from: [] }",
      ],
    ],
    [
      "nat.source.lab.to",
      undefined,
      ["-    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24] }", "+    - { id: lab, from: [10.1.0.0/24] }"],
    ],
    [
      "nat.source[1].from",
      undefined,
      ["-    - { id: lab, to: 192.0.2.5, from: [10.1.0.0/24] }", "+    - { id: lab, to: 192.0.2.5 }"],
    ],
    [
      "nat.source[+]",
      "{ id: x, to: 'a: b', on: true, word: 'true' }",
      ['+    - { id: x, to: "a: b", on: true, word: "true" }'],
    ],
    ["metrics", "{ interface: lan }", ["+metrics: { interface: lan }"]],
    ["tail", "2", ["-tail: &last 1", "+tail: &last 2"]],
  ];
  for (const [path, value, expected] of rows)
    it(`${path} ${value ?? "(unset)"}`, () => assert.deepEqual(lines(path, value), expected));

  it("writes the text anew where a small cut would not do, and keeps the comments", () => {
    const text = editDocument(block, { kind: "unset", path: parseEditPath("nat.source.office.id") });
    assert.equal(parse(text).nat.source[0].id, undefined);
    for (const comment of block.match(/# .*/g) ?? []) assert.ok(text.includes(comment), comment);
  });

  it("replaces a whole part", () => {
    const text = editDocument(block, { kind: "set", path: parseEditPath("nodes"), value: { gw9: {} } });
    assert.deepEqual(parse(text).nodes, { gw9: {} });
  });
});

describe("editDocument refuses", () => {
  const rows: readonly [string, string | undefined, string][] = [
    ["nodes.gw3", undefined, "the document has no nodes.gw3 | There is: gw1, gw2."],
    [
      "nat.source.offix.to",
      "1",
      "the document has no nat.source.offix | There is: office, lab. A new item is added with [+].",
    ],
    [
      "nat.source[7]",
      "1",
      "the document has no nat.source[7] | There is: office, lab. A new item is added with [+].",
    ],
    [
      "nodes.gw1.interfaces.lan.addresses[10.9.9.9]",
      undefined,
      "the document has no nodes.gw1.interfaces.lan.addresses[10.9.9.9] | There is: 10.1.0.2/24, 10.1.0.3/24. A new item is added with [+].",
    ],
    [
      "tail.deeper",
      "1",
      "tail is a single value: nothing is inside | Set it as a whole, or use tocha config edit.",
    ],
    ["nodes[+]", "1", "nodes is not a list: [+] adds to lists | Name the key that is to be set."],
  ];
  for (const [path, value, expected] of rows)
    it(`${path} ${value ?? "(unset)"}`, () => assert.equal(refusal(path, value), expected));

  it("what others refer to by an alias, and what is inside one", () => {
    const text = `base: &base { a: 1 }\nuser: *base\n`;
    const message = (path: string) => {
      try {
        return editDocument(text, { kind: "unset", path: parseEditPath(path) });
      } catch (error) {
        return error instanceof ProblemError ? error.problem.message : String(error);
      }
    };
    assert.equal(message("base"), "base is needed: other parts of the file refer to it by an alias");
    assert.equal(message("user.a"), "user is an alias of another part: nothing is inside");
  });

  it("a text that is no YAML", () => {
    assert.throws(() => editDocument("a: [1\n", { kind: "unset", path: parseEditPath("a") }), ProblemError);
  });
});

describe("parseEditPath", () => {
  it("reads what plans and problems show", () => {
    for (const text of [
      "groups.main.priorities.gw2",
      "nat.source[0].to",
      "nat.source[+]",
      "groups.main.addresses.wan[192.0.2.9/24]",
      "groups.main.addresses.lan[fd00:1::1/64]",
    ])
      assert.equal(formatEditPath(parseEditPath(text)), text);
    assert.deepEqual(
      parseEditPath('a["b.c"].d'),
      ["a", "b.c", "d"].map((name) => ({ kind: "name", name })),
    );
    for (const text of ["", ".", "a.", "a..b", "[", "a[", "a[]", "a]b", 'a["b]', ".a"])
      assert.throws(() => parseEditPath(text), ProblemError, text);
  });
});

describe("editDocument and the values of the document", () => {
  it("come to the same, for every value of a whole document", () => {
    const paths = leaves(parse(wholeDocument), []);
    const value = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        "a: b",
        "- c",
        "# no comment",
        "true",
        "1e3",
        "2001:db8::/32",
        "x, y",
        "[z",
        "null",
        "~",
        "*a",
        "&b",
        "!c",
        "'",
        '"',
        "é",
      ),
      fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), value, fc.boolean(), (path, wished, isSet) => {
        const steps = path.map((step) =>
          typeof step === "number"
            ? ({ kind: "place", place: step } as const)
            : ({ kind: "name", name: step } as const),
        );
        const wanted = parseDocument(wholeDocument);
        if (isSet) wanted.setIn(path, wished);
        else wanted.deleteIn(path);
        const text = editDocument(
          wholeDocument,
          isSet ? { kind: "set", path: steps, value: wished } : { kind: "unset", path: steps },
        );
        assert.deepEqual(parse(text), wanted.toJS());
      }),
      { numRuns: 300 },
    );
  });
});

function leaves(value: unknown, path: readonly (string | number)[]): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[...path]];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, item]) => leaves(item, [...path, key]));
}
