import { type Plan, untouched } from "../../contract/config-plan.ts";
import { listText } from "./change-words.ts";

/** More of them nobody reads in a history; the document itself is beside it. */
const SENTENCES_MAX = 200;

/**
 * What a plan changes, a line each, for the history: what several nodes do alike is said once, and which connections it touches
 * behind it.
 */
export function planSentences({ nodes, groups }: Pick<Plan, "nodes" | "groups">): string[] {
  const doers = new Map<string, string[]>();
  for (const { node, steps } of nodes) {
    for (const { sentence, connections } of steps) {
      const line = connections === untouched ? sentence : `${sentence} ! ${connections}`;
      const names = doers.get(line);
      if (names === undefined) doers.set(line, [node]);
      else names.push(node);
    }
  }
  const all = [
    ...[...doers].map(([line, names]) => `${listText(names)}: ${line}`),
    ...groups.map(({ group, sentence }) => `group ${group}: ${sentence}`),
  ];
  if (all.length <= SENTENCES_MAX) return all;
  return [...all.slice(0, SENTENCES_MAX - 1), `and ${all.length - SENTENCES_MAX + 1} more`];
}
