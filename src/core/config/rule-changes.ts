import type { PlanPart } from "../../contract/config-plan.ts";
import type { ChangeContext, ChangeEntry } from "./change-entry.ts";
import { itemSentence, valueSentence, writtenKey } from "./change-words.ts";

/** The rows of one list of rules: rules come, go and move; their keys change, or items of those. */
export function ruleChanges(path: string, where: string, part: PlanPart = "rules"): ChangeEntry[] {
  const idOf = ({ names }: ChangeContext) => names[0] ?? "";
  return [
    { pattern: `${path}.*`, part, say: ({ change }) => itemSentence("rule", where, change) },
    {
      pattern: `${path}.*.*`,
      part,
      say: (context) => {
        const key = writtenKey(context.change.path.at(-1) ?? "");
        return valueSentence(`\`${key}\` of rule ${idOf(context)} in ${where}`, context.change);
      },
    },
    {
      pattern: `${path}.*.*.*`,
      part,
      say: (context) => {
        const key = writtenKey(context.change.path.at(-2) ?? "");
        return itemSentence("", `\`${key}\` of rule ${idOf(context)} in ${where}`, context.change);
      },
    },
  ];
}
