import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import fc from "fast-check";
import { FakeKernel } from "../../core/ruleset/fake-kernel.test-data.ts";
import { rulesetPairs } from "../../core/ruleset/random-rulesets.test-data.ts";
import type { Ruleset } from "../../core/ruleset/ruleset.ts";
import { type LoadedRules, LoadedRulesFile, parseLoadedRules } from "./loaded-rules-file.ts";

const folder = mkdtempSync(join(tmpdir(), "tocha-loaded-"));
const path = join(folder, "loaded-rules.json");
after(() => rmSync(folder, { recursive: true }));

function loadedRules(ruleset: Ruleset): LoadedRules {
  const kernel = new FakeKernel();
  kernel.load(ruleset);
  return { ruleset, kernel: kernel.tables };
}

it("gives back any rules, and leaves nothing else behind", () => {
  fc.assert(
    fc.property(rulesetPairs, ([ruleset]) => {
      const loaded = loadedRules(ruleset);
      new LoadedRulesFile(path).write(loaded);
      assert.deepEqual(new LoadedRulesFile(path).read(), loaded);
    }),
  );
  assert.deepEqual(readdirSync(folder), ["loaded-rules.json"]);
});

it("has nothing where the file is torn, of another kernel, of another version, or not of one piece", () => {
  const [pair] = fc.sample(rulesetPairs, { numRuns: 1, seed: 1 });
  assert.ok(pair);
  const [first, second] = pair;
  const file = new LoadedRulesFile(path);
  file.write(loadedRules(first));
  const text = readFileSync(path, "utf8");
  const { identity } = JSON.parse(text) as { readonly identity: string };
  assert.ok(parseLoadedRules(text, identity));
  assert.equal(parseLoadedRules(text, "other"), undefined);
  for (let length = 0; length < text.length; length++)
    assert.equal(parseLoadedRules(text.slice(0, length), identity), undefined);
  assert.equal(
    parseLoadedRules(text.replace('"hook"', '"place"').replace('"rules"', '"list"'), identity),
    undefined,
  );
  // The kernel's tables of other rules.
  file.write({ ...loadedRules(first), kernel: loadedRules(second).kernel });
  assert.equal(file.read(), undefined);
  writeFileSync(path, "");
  assert.equal(file.read(), undefined);
  file.remove();
  assert.equal(file.read(), undefined);
  file.remove();
});
