import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { rulesByHand } from "./gateway-by-hand.ts";

const rules = readFileSync(
  new URL("../../src/core/ruleset/gateway-rules.golden.nft", import.meta.url),
  "utf8",
);

test("nothing but the daemon's liveness is taken out of the gateway's rules", () => {
  const lines = rulesByHand(rules, { events: "limited" }).split("\n");
  const gone = rules.split("\n").filter((line) => !lines.includes(line));
  assert.equal(gone.length, 2);
  for (const line of gone) assert.match(line, /nobody defends the virtual addresses/);
});

test("with all events the kernel keeps its default for what is forwarded", () => {
  const limited = rulesByHand(rules, { events: "limited" });
  const all = rulesByHand(rules, { events: "all" });
  assert.match(limited, /ct event set assured,destroy/);
  assert.doesNotMatch(all, /ct event set assured,destroy/);
  assert.equal(limited.split("\n").length - all.split("\n").length, 1);
  assert.match(all, /ct event set label comment "own connections/);
});

test("a protocol's port is not tracked, both ways", () => {
  assert.equal(
    rulesByHand(rules, { events: "all", untrackedPort: 3_780 }).match(/dport 3780 notrack/g)?.length,
    2,
  );
});

test("rules that have changed so much that they are not understood are refused", () => {
  assert.throws(() => rulesByHand("table inet tocha {\n}\n", { events: "all" }), /have no line like/);
});
