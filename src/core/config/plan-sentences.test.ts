import assert from "node:assert/strict";
import { it } from "node:test";
import { type PlanStep, untouched } from "../../contract/config-plan.ts";
import { planSentences } from "./plan-sentences.ts";

const step = (sentence: string, connections: string = untouched): PlanStep => ({
  ...{ part: "rules", path: "nat.source.a", sentence },
  ...{ connections, role: "untouched" },
});
const node = (name: string, ...steps: PlanStep[]) => ({ ...{ node: name, restarts: [] }, steps });

it("says once what several nodes do, and who, and which connections that touches", () => {
  const plan = {
    nodes: [
      node("gw1", step("a rule is added"), step("gw1 only")),
      node("gw2", step("a rule is added")),
      node("gw3", step("a rule is added"), step("an address goes", "they end")),
    ],
    groups: [{ group: "main", sentence: "gw1 hands over to gw2" }],
  };
  assert.deepEqual(planSentences(plan), [
    "gw1, gw2 and gw3: a rule is added",
    "gw1: gw1 only",
    "gw3: an address goes ! they end",
    "group main: gw1 hands over to gw2",
  ]);
});

it("has an end", () => {
  const many = Array.from({ length: 500 }, (_, index) => step(`step ${index}`));
  const lines = planSentences({ nodes: [node("gw1", ...many)], groups: [] });
  assert.equal(lines.length, 200);
  assert.equal(lines.at(-1), "and 301 more");
});
