import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import type { Ruleset } from "../../core/ruleset/ruleset.ts";
import { RulesGeneration } from "../../linux/rules-generation.ts";
import { RulesLoader } from "./rules-loader.ts";

// In the real kernel, in a namespace of this process.

const folder = mkdtempSync(join(tmpdir(), "tocha-rules-"));
const file = join(folder, "loaded-rules.json");
const generation = new RulesGeneration();
let said: string[] = [];

after(() => {
  rmSync(folder, { recursive: true });
  generation.close();
});

beforeEach(() => {
  rmSync(file, { force: true });
  nft("flush", "ruleset");
  said = [];
});

function nft(...args: readonly string[]): string {
  return execFileSync("nft", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A daemon that has just been started knows what is in the file. */
function loader(): RulesLoader {
  return new RulesLoader(file, (level, text) => said.push(`${level}: ${text}`));
}

function rules(ports: readonly number[], arp = true): Ruleset {
  return {
    tables: [
      {
        ...{ family: "inet", name: "tocha", objects: [] },
        sets: [{ kind: "set", name: "some", header: ["type ipv4_addr"], elements: ["10.0.0.1", "10.0.0.2"] }],
        chains: [
          {
            ...{ name: "base", hook: "filter hook forward priority filter" },
            rules: ports.map((port) => ({
              match: `ip saddr @some tcp dport ${port}`,
              ...{ verdict: `counter packets ${port} bytes 0 accept`, comment: `port ${port}` },
            })),
          },
        ],
      },
      ...(arp ? [{ ...{ family: "arp" as const, name: "tocha", objects: [], sets: [] }, chains: [] }] : []),
    ],
  };
}

/** The rules' handles, by their comments. */
function handles(): Record<string, string> {
  const text = nft("--handle", "list", "chain", "inet", "tocha", "base");
  return Object.fromEntries(
    [...text.matchAll(/comment "(.*)" # handle (\d+)/g)].map(([, name, handle]) => [name, handle]),
  );
}

describe("RulesLoader", () => {
  it("knows its rules again on a system whose names of protocols have come or gone", async () => {
    const [table] = rules([80]).tables;
    assert.ok(table);
    const [base] = table.chains;
    assert.ok(base);
    const named = { match: "meta l4proto 112", verdict: "accept", comment: "VRRP" };
    const chains = [{ ...base, rules: [...base.rules, named] }];
    assert.equal(await loader().load({ tables: [{ ...table, chains }] }), undefined);
    assert.equal(await loader().look(), undefined);
    const look = `const { RulesLoader } = await import(${JSON.stringify(new URL("rules-loader.ts", import.meta.url).href)});
      console.log(await new RulesLoader(${JSON.stringify(file)}, () => {}).look());`;
    const bare = ["-m", "sh", "-c", 'mount --bind /dev/null /etc/protocols; exec "$@"', "sh"];
    const args = [...bare, process.execPath, "--input-type=module", "-e", look];
    assert.equal(execFileSync("unshare", args, { encoding: "utf8" }).trim(), "undefined");
  });

  it("loads everything the first time, then only what has changed, also after a restart", async () => {
    assert.equal(await loader().load(rules([1, 2, 3])), undefined);
    const before = handles();
    assert.equal(await loader().load(rules([1, 4, 3])), undefined);
    const now = handles();
    assert.deepEqual(Object.keys(now), ["port 1", "port 4", "port 3"]);
    assert.equal(now["port 1"], before["port 1"]);
    assert.equal(now["port 3"], before["port 3"]);
    assert.deepEqual(said, [
      "info: all rules are loaded: nothing is known of rules that were loaded before",
      "info: rules: 1 rule added; 1 rule deleted",
    ]);
  });

  it("makes no transaction where nothing has changed", async () => {
    await loader().load(rules([1, 2]));
    const before = generation.read();
    await loader().load(rules([1, 2]));
    assert.equal(generation.read(), before);
  });

  it("takes away a table that is in the rules no more", async () => {
    for (const isForgotten of [false, true]) {
      await loader().load(rules([1]));
      if (isForgotten) nft("delete", "chain", "inet", "tocha", "base");
      await loader().load(rules([1], false));
      assert.equal(nft("list", "tables").trim(), "table inet tocha");
    }
  });

  it("takes what packets add to a set for no change", async () => {
    const [table, ...others] = rules([1]).tables;
    assert.ok(table);
    for (const header of [["flags dynamic"], ["flags dynamic,timeout", "timeout 60s"]]) {
      const seen = {
        kind: "set",
        name: "seen",
        header: ["type ipv4_addr", ...header],
        elements: [],
      } as const;
      const ruleset: Ruleset = { tables: [{ ...table, sets: [...table.sets, seen] }, ...others] };
      assert.equal(await loader().load(ruleset), undefined);
      // As a packet does: nft makes no difference between elements of the two.
      nft("add", "element", "inet", "tocha", "seen", "{ 192.0.2.1 }");
      assert.match(nft("list", "set", "inet", "tocha", "seen"), /192\.0\.2\.1/);
      assert.equal(await loader().look(), undefined);
      said = [];
      await loader().load(ruleset);
      assert.deepEqual(said, ["info: rules: nothing to change"]);
    }
  });

  const changes: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["flushes everything", ["flush", "ruleset"], /table inet tocha cannot be listed/],
    ["deletes one table", ["delete", "table", "arp", "tocha"], /table arp tocha cannot be listed/],
    ["flushes a chain", ["flush", "chain", "inet", "tocha", "base"], /the rules of chain base have changed/],
    [
      "adds a rule",
      ["insert", "rule", "inet", "tocha", "base", "drop"],
      /the rules of chain base have changed/,
    ],
    [
      "adds an element",
      ["add", "element", "inet", "tocha", "some", "{ 10.0.0.3 }"],
      /set some has 3 elements instead of 2/,
    ],
    ["adds a chain", ["add", "chain", "inet", "tocha", "further"], /its chains have changed/],
    [
      "changes the policy",
      ["add", "chain", "inet", "tocha", "base", "{ policy drop; }"],
      /the policy of chain base has changed/,
    ],
  ];
  for (const [what, command, why] of changes) {
    it(`sees that somebody ${what}, and loads everything again`, async () => {
      await loader().load(rules([1, 2]));
      const whole = nft("list", "ruleset");
      assert.equal(await loader().look(), undefined);
      nft(...command);
      assert.match((await loader().look()) ?? "", why);
      said = [];
      await loader().load(rules([1, 2]));
      assert.equal(nft("list", "ruleset"), whole);
      assert.match(said[0] ?? "", why);
      assert.match(said[0] ?? "", /^warning: all rules are loaded: /);
      assert.equal(await loader().look(), undefined);
    });
  }

  it("sees that a rule was replaced, which keeps its handle", async () => {
    await loader().load(rules([1]));
    nft(
      "replace",
      "rule",
      "inet",
      "tocha",
      "base",
      "handle",
      handles()["port 1"] ?? "",
      "drop",
      "comment",
      '"port 1"',
    );
    assert.match((await loader().look()) ?? "", /the rules of chain base have changed/);
  });

  it("takes no notice of the tables of others", async () => {
    await loader().load(rules([1]));
    nft("add", "table", "inet", "other");
    assert.equal(await loader().look(), undefined);
    await loader().load(rules([1, 2]));
    assert.match(nft("list", "tables"), /inet other/);
    assert.equal(said.at(-1), "info: rules: 1 rule added");
  });

  it("says which rules the kernel refuses, and leaves the ones before", async () => {
    await loader().load(rules([1]));
    const before = nft("list", "ruleset");
    assert.match((await loader().load(rules([1, 70_000]))) ?? "", /^nft refused the rules: /);
    assert.equal(nft("list", "ruleset"), before);
    assert.equal(await loader().look(), undefined);
  });

  it("checks without changing anything", async () => {
    await loader().load(rules([1]));
    const before = generation.read();
    const remembered = readFileSync(file, "utf8");
    assert.deepEqual(await loader().check(rules([1, 2])), []);
    assert.deepEqual(await loader().check(rules([1])), []);
    // The whole, and the difference.
    assert.equal((await loader().check(rules([1, 70_000]))).length, 2);
    assert.equal(generation.read(), before);
    assert.equal(readFileSync(file, "utf8"), remembered);
  });

  it("loads everything where what it remembers is torn, or of another kernel", async () => {
    await loader().load(rules([1]));
    const text = readFileSync(file, "utf8");
    for (const other of [text.slice(0, -1), text.replace(/"identity":"[^"]*"/, '"identity":"other"'), "{}"]) {
      writeFileSync(file, other);
      said = [];
      await loader().load(rules([1]));
      assert.match(said[0] ?? "", /all rules are loaded: nothing is known/);
    }
  });
});
