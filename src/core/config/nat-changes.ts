import type { ChangeContext, ChangeEntry } from "./change-entry.ts";
import { itemSentence, valueSentence, writtenKey } from "./change-words.ts";

/**
 * Address translation. The kernel decides about a connection once, with its first packet: what rules are changed to counts for
 * new connections, and those that are open keep their translation, or their lack of one.
 */
export const natChanges: readonly ChangeEntry[] = [
  { pattern: "nat.source.*", part: "rules", say: rule("source NAT") },
  { pattern: "nat.source.*.from.*", part: "rules", say: ruleItem("source NAT") },
  { pattern: "nat.source.*.*", part: "rules", say: ruleValue("source NAT") },
  {
    pattern: "nat.helpers.*",
    part: "rules",
    say: ({ change, names: [helper = ""] }) => {
      if (change.kind === "moved") return itemSentence("helper", "the list of helpers", change);
      return change.kind === "added"
        ? `new connections of ${helper} get a helper`
        : `new connections of ${helper} get no helper any more`;
    },
  },
];

function rule(where: string): ChangeEntry["say"] {
  return ({ change }) => itemSentence("rule", where, change);
}

function ruleValue(where: string): ChangeEntry["say"] {
  return ({ change, names: [id = ""] }) =>
    valueSentence(`\`${writtenKey(change.path.at(-1) ?? "")}\` of rule ${id} in ${where}`, change);
}

function ruleItem(where: string): ChangeEntry["say"] {
  return ({ change, names: [id = ""] }: ChangeContext) => {
    const key = writtenKey(change.path.at(-2) ?? "");
    return itemSentence("", `\`${key}\` of rule ${id} in ${where}`, change);
  };
}
