import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../../base/decode-error.ts";
import { differenceText } from "./difference-text.ts";
import { differenceFromRuleset, type KernelTable, readKernelTables } from "./kernel-tables.ts";
import { rulesetPairs } from "./random-rulesets.test-data.ts";
import type { Ruleset } from "./ruleset.ts";
import { rulesetDifference } from "./ruleset-difference.ts";
import { rulesetText } from "./ruleset-text.ts";

// The difference in the real kernel, by the real nft, in a namespace of this process.

const PAIRS = 200;
const SEED = 1;

function nft(args: readonly string[], input = ""): string {
  return execFileSync("nft", args, { input, encoding: "utf8", maxBuffer: 2 ** 26 });
}

function load(ruleset: Ruleset): void {
  nft(["-f", "-"], `flush ruleset\n${rulesetText(ruleset)}`);
}

function listed(): {
  readonly tables: readonly KernelTable[];
  readonly packets: ReadonlyMap<string, number>;
} {
  const text = nft(["--json", "--handle", "list", "ruleset"]);
  const tables = readKernelTables(text);
  assert.ok(!(tables instanceof DecodeError), text);
  const items: readonly { readonly rule?: ListedRule }[] = JSON.parse(text).nftables;
  const packets = items.flatMap(({ rule }): [string, number][] => {
    const counter = rule?.expr.find((one) => one.counter?.packets !== undefined)?.counter;
    return rule === undefined ? [] : [[`${rule.family} ${rule.handle}`, counter?.packets ?? Number.NaN]];
  });
  return { tables, packets: new Map(packets) };
}

interface ListedRule {
  readonly family: string;
  readonly handle: number;
  readonly expr: readonly { readonly counter?: { readonly packets?: number } }[];
}

/** Every rule begins with a count of its own: it shows which ones are still the same afterwards. */
function withCounts({ tables }: Ruleset): Ruleset {
  let next = 1;
  return {
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => {
          const verdict = rule.verdict.replace(/^counter/, `counter packets ${next++} bytes 0`);
          return { ...rule, verdict };
        }),
      })),
    })),
  };
}

/** The kernel's rules without handles and counts, in an order that does not depend on what was made first. */
function content(): string {
  const blocks: string[] = [];
  let table = "";
  for (const line of nft(["--stateless", "list", "ruleset"]).split("\n")) {
    if (line.startsWith("table ")) table = line;
    else if (/^\t[^\t}].*\{$/.test(line)) blocks.push(`${table}\n${line}`);
    else blocks.push(`${blocks.pop() ?? ""}\n${line}`);
  }
  return blocks
    .map((block) => block.replaceAll(/\n[\t}]?(?=\n|$)/g, ""))
    .sort()
    .join("\n");
}

it(`leads from one to another in the kernel, in ${PAIRS} pairs of rule sets by chance`, () => {
  let kept = 0;
  let added = 0;
  for (const [index, [before, after]] of fc.sample(rulesetPairs, { numRuns: PAIRS, seed: SEED }).entries()) {
    load(withCounts(before));
    const old = listed();
    assert.equal(differenceFromRuleset(old.tables, before), undefined);
    const script = differenceText(rulesetDifference(before, after, old.tables));
    const pair = `pair ${index} of seed ${SEED}:\n${rulesetText(before)}\n${script}`;
    try {
      nft(["-f", "-"], script);
    } catch (error) {
      assert.fail(`${pair}\n${error instanceof Error ? error.message : error}`);
    }
    const now = listed();
    assert.equal(differenceFromRuleset(now.tables, after), undefined, pair);
    for (const [rule, packets] of now.packets) {
      assert.equal(packets, old.packets.get(rule) ?? 0, `${pair}\nrule ${rule}`);
      if (packets > 0) kept++;
      else added++;
    }
    const changed = content();
    load(after);
    assert.equal(changed, content(), pair);
  }
  assert.ok(kept > PAIRS && added > PAIRS, `${kept} rules were kept and ${added} added`);
});
