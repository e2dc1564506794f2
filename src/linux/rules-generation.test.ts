import "../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { RulesGeneration } from "./rules-generation.ts";

it("the generation of the rules changes with every transaction, and only then", () => {
  const generation = new RulesGeneration();
  const first = generation.read();
  assert.ok(first !== undefined);
  assert.equal(generation.read(), first);
  execFileSync("nft", ["add", "table", "inet", "some"]);
  const second = generation.read();
  assert.notEqual(second, first);
  execFileSync("nft", ["--json", "list", "ruleset"], { stdio: "ignore" });
  execFileSync("nft", ["--check", "add", "table", "inet", "other"]);
  assert.equal(generation.read(), second);
  execFileSync("nft", ["flush", "ruleset"]);
  assert.notEqual(generation.read(), second);
  generation.close();
});
