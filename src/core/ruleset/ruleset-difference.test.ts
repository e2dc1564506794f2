import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { differenceSummary, differenceText } from "./difference-text.ts";
import { FakeKernel } from "./fake-kernel.test-data.ts";
import { differenceFromRuleset } from "./kernel-tables.ts";
import { rulesetPairs } from "./random-rulesets.test-data.ts";
import { type Chain, type Ruleset, type Table, tableTitle } from "./ruleset.ts";
import { rulesetDifference } from "./ruleset-difference.ts";
import { ruleText } from "./ruleset-text.ts";

function kernelWith(ruleset: Ruleset): FakeKernel {
  const kernel = new FakeKernel();
  kernel.load(ruleset);
  return kernel;
}

const title = "inet tocha";

function ruleset(rules: readonly string[], more: Partial<Table> = {}): Ruleset {
  const chains: Chain[] = [
    {
      ...{ name: "base", hook: "filter hook forward priority filter" },
      rules: rules.map((match) => ({ match, verdict: "counter accept", comment: match })),
    },
    ...(more.chains ?? []),
  ];
  return { tables: [{ family: "inet", name: "tocha", objects: [], sets: [], ...more, chains }] };
}

function script(before: Ruleset, after: Ruleset): string {
  return differenceText(rulesetDifference(before, after, kernelWith(before).tables));
}

describe("rulesetDifference", () => {
  it("is empty where nothing has changed", () => {
    fc.assert(
      fc.property(rulesetPairs, ([same]) => {
        assert.equal(script(same, same), "");
      }),
    );
  });

  it("leads from any rule set to any other", () => {
    fc.assert(
      fc.property(rulesetPairs, ([before, after]) => {
        const kernel = kernelWith(before);
        kernel.apply(rulesetDifference(before, after, kernel.tables));
        assert.deepEqual(kernel.content, kernelWith(after).content);
        assert.equal(differenceFromRuleset(kernel.tables, after), undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps as many rules as can stay in their order, but for those that use what is made anew", () => {
    fc.assert(
      fc.property(rulesetPairs, ([before, after]) => {
        const kernel = kernelWith(before);
        const numbers = new Map(
          [...kernel.rules].map(([chain, rules]) => [chain, new Set(rules.map(({ handle }) => handle))]),
        );
        kernel.apply(rulesetDifference(before, after, kernel.tables));
        for (const [chain, rules] of kernel.rules) {
          const kept = rules.filter(({ handle }) => numbers.get(chain)?.has(handle)).length;
          const expected = keptRules(before, after, chain);
          if (expected !== undefined) assert.equal(kept, expected, chain);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("puts a new rule before the next that stays, and the last ones at the end", () => {
    const handles = new Map(
      kernelWith(ruleset(["a", "b"]))
        .rules.get(`${title} base`)
        ?.map(({ text, handle }) => [text[0], handle]),
    );
    assert.equal(
      script(ruleset(["a", "b"]), ruleset(["x", "y", "b", "z"])),
      [
        `delete rule ${title} base handle ${handles.get("a")}`,
        `insert rule ${title} base position ${handles.get("b")} x counter accept comment "x"`,
        `insert rule ${title} base position ${handles.get("b")} y counter accept comment "y"`,
        `add rule ${title} base z counter accept comment "z"\n`,
      ].join("\n"),
    );
  });

  it("adds and deletes single elements", () => {
    const set = (elements: readonly string[]) => ({
      sets: [{ kind: "set", name: "some", header: ["type ipv4_addr"], elements } as const],
    });
    assert.equal(
      script(
        ruleset(["ip saddr @some"], set(["10.0.0.1", "10.0.0.2"])),
        ruleset(["ip saddr @some"], set(["10.0.0.2", "10.0.0.3"])),
      ),
      `delete element ${title} some { 10.0.0.1 }\nadd element ${title} some { 10.0.0.3 }\n`,
    );
  });

  it("replaces a set that is made in another way, together with the rules that use it", () => {
    const set = (header: readonly string[]) => ({
      sets: [
        { kind: "set", name: "some", header, elements: ["10.0.0.1"] },
        { kind: "set", name: "something", header: ["type ipv4_addr"], elements: [] },
      ] as const,
    });
    const rules = ["first", "ip saddr @some", "ip saddr @something"];
    const changes = script(
      ruleset(rules, set(["type ipv4_addr"])),
      ruleset(rules, set(["type ipv4_addr", "size 9"])),
    );
    assert.deepEqual(
      changes.match(/^(delete|table|insert).*/gm)?.map((line) => line.replaceAll(/\d+/g, "N")),
      [
        `delete rule ${title} base handle N`,
        `delete set ${title} some`,
        `table ${title} {`,
        `insert rule ${title} base position N ip saddr @some counter accept comment "ip saddr @some"`,
      ],
    );
  });

  it("says in a line what changes", () => {
    const before = ruleset(["a", "b"]);
    const after = ruleset(["a", "c", "d"], {
      sets: [{ kind: "set", name: "some", header: ["type ipv4_addr"], elements: ["10.0.0.1"] }],
    });
    const summary = (from: Ruleset, to: Ruleset) =>
      differenceSummary(rulesetDifference(from, to, kernelWith(from).tables));
    assert.equal(summary(before, after), "2 rules, 1 set added; 1 rule deleted");
    assert.equal(summary(after, after), "nothing to change");
  });
});

/** By the textbook's table of lengths; undefined where something in the chain's table is made in another way. */
function keptRules(before: Ruleset, after: Ruleset, chain: string): number | undefined {
  const find = ({ tables }: Ruleset) => {
    const table = tables.find((one) => chain.startsWith(`${tableTitle(one)} `));
    const found = table?.chains.find(({ name }) => chain === `${tableTitle(table)} ${name}`);
    const shape = JSON.stringify([
      table?.objects,
      table?.sets.map(({ name, header }) => [name, header]),
      table?.chains.map(({ name, hook }) => [name, hook]),
    ]);
    return { texts: found?.rules.map(ruleText) ?? [], shape };
  };
  const [old, now] = [find(before), find(after)];
  if (old.shape !== now.shape) return undefined;
  let row: number[] = new Array(now.texts.length + 1).fill(0);
  for (const text of old.texts) {
    const next = [0];
    for (const [index, other] of now.texts.entries())
      next.push(text === other ? (row[index] ?? 0) + 1 : Math.max(next[index] ?? 0, row[index + 1] ?? 0));
    row = next;
  }
  return row.at(-1);
}
