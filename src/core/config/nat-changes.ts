import { portBlocksOf } from "../../contract/nat-targets.ts";
import { portBlocksText } from "../../contract/port-blocks.ts";
import type { ChangeContext, ChangeEffect, ChangeEntry } from "./change-entry.ts";
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
  ...ruleChanges("nat.cgnat", "the port blocks of subscribers").map(withBlocks),
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

/** What the blocks of subscribers come from. */
const blockKeys: ReadonlySet<string | undefined> = new Set([
  undefined,
  "subscribers",
  "pool",
  "portsPerSubscriber",
  "firstPort",
]);

/** How the subscribers share addresses from then on: whoever changes that shall see whether it is what was meant. */
function withBlocks(entry: ChangeEntry): ChangeEntry {
  const say = (context: ChangeContext): ChangeEffect => {
    const said = entry.say(context);
    const effect = typeof said === "string" ? { sentence: said } : said;
    const { change, names, after } = context;
    const rule = after.nat.cgnat.find(({ id }) => id === names[0]);
    if (rule === undefined || change.kind === "moved" || !blockKeys.has(change.path[3])) return effect;
    return { ...effect, sentence: `${effect.sentence}: ${portBlocksText(portBlocksOf(rule))}` };
  };
  return { ...entry, say };
}
