import assert from "node:assert/strict";
import { it } from "node:test";
import type { PlanStep } from "../../contract/config-plan.ts";
import { planSentences } from "./plan-sentences.ts";

const step = (sentence: string): PlanStep => ({
  ...{ part: "rules", path: "nat.source.a", sentence },
  ...{ connections: "untouched", role: "untouched" },
});

it("says once what several nodes do, and who", () => {
  const plan = {
    nodes: [
      { node: "gw1", steps: [step("a rule is added"), step("gw1 only")], restarts: [] },
      { node: "gw2", steps: [step("a rule is added")], restarts: [] },
    ],
    groups: [{ group: "main", sentence: "gw1 hands over to gw2" }],
  };
  assert.deepEqual(planSentences(plan), [
    "gw1 and gw2: a rule is added",
    "gw1: gw1 only",
    "main: gw1 hands over to gw2",
  ]);
});
