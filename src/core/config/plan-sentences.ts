import type { Plan } from "../../contract/config-plan.ts";
import { listText } from "./change-words.ts";

/** What a plan changes, a line each, for the history: what several nodes do alike is said once. */
export function planSentences({ nodes, groups }: Pick<Plan, "nodes" | "groups">): string[] {
  const doers = new Map<string, string[]>();
  for (const { node, steps } of nodes) {
    for (const { sentence } of steps) doers.set(sentence, [...(doers.get(sentence) ?? []), node]);
  }
  return [
    ...[...doers].map(([sentence, names]) => `${listText(names)}: ${sentence}`),
    ...groups.map(({ group, sentence }) => `${group}: ${sentence}`),
  ];
}
