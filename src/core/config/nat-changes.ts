import type { ChangeEntry } from "./change-entry.ts";
import { itemSentence } from "./change-words.ts";
import { ruleChanges } from "./rule-changes.ts";

/**
 * Address translation. The kernel decides about a connection once, with its first packet: what rules are changed to counts for
 * new connections, and those that are open keep their translation, or their lack of one.
 */
export const natChanges: readonly ChangeEntry[] = [
  ...ruleChanges("nat.source", "source NAT"),
  ...ruleChanges("nat.forward", "the port forwards"),
  ...ruleChanges("nat.oneToOne", "one-to-one NAT"),
  ...ruleChanges("nat.cgnat", "the port blocks of subscribers"),
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
