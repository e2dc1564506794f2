import type { RulesetChange } from "./ruleset-difference.ts";
import { tableText } from "./ruleset-text.ts";

/** The changes as one atomic transaction for `nft -f -`; empty where there are none. */
export function differenceText(changes: readonly RulesetChange[]): string {
  return changes.map((change) => `${changeText(change).trimEnd()}\n`).join("");
}

function changeText(change: RulesetChange): string {
  switch (change.kind) {
    case "delete-table":
      return `delete table ${change.table}`;
    case "add-table":
    case "add-to-table":
      return tableText(change.table);
    case "delete-rule":
      return `delete rule ${change.table} ${change.chain} handle ${change.handle}`;
    case "flush-chain":
      return `flush chain ${change.table} ${change.chain}`;
    case "delete-chain":
      return `delete chain ${change.table} ${change.chain}`;
    case "delete-set":
      return `delete ${change.set.kind} ${change.table} ${change.set.name}`;
    case "delete-object":
      return `delete ${change.object.kind} ${change.table} ${change.object.name}`;
    case "delete-elements":
      return `delete element ${change.table} ${change.set} { ${change.elements.join(", ")} }`;
    case "add-elements":
      return `add element ${change.table} ${change.set} { ${change.elements.join(", ")} }`;
    case "add-rule":
      return change.before === undefined
        ? `add rule ${change.table} ${change.chain} ${change.rule}`
        : `insert rule ${change.table} ${change.chain} position ${change.before} ${change.rule}`;
  }
}

/** What changes, in one line for the log: `2 rules and 1 element added, 1 rule deleted`. */
export function differenceSummary(changes: readonly RulesetChange[]): string {
  const added = new Tally();
  const deleted = new Tally();
  for (const change of changes) {
    switch (change.kind) {
      case "add-rule":
        added.count("rule", 1);
        break;
      case "delete-rule":
        deleted.count("rule", 1);
        break;
      case "add-elements":
        added.count("element", change.elements.length);
        break;
      case "delete-elements":
        deleted.count("element", change.elements.length);
        break;
      case "add-table":
      case "add-to-table": {
        const { chains, sets, objects } = change.table;
        if (change.kind === "add-table") added.count("table", 1);
        added.count("chain", chains.length);
        added.count("rule", chains.flatMap(({ rules }) => rules).length);
        added.count("set", sets.length);
        added.count("object", objects.length);
        break;
      }
      case "delete-table":
        deleted.count("table", 1);
        break;
      case "delete-chain":
        deleted.count("chain", 1);
        break;
      case "delete-set":
        deleted.count("set", 1);
        break;
      case "delete-object":
        deleted.count("object", 1);
        break;
      case "flush-chain":
        break;
    }
  }
  const parts = [
    ["added", added.text],
    ["deleted", deleted.text],
  ].flatMap(([what, text]) => (text === "" ? [] : [`${text} ${what}`]));
  return parts.length === 0 ? "nothing to change" : parts.join("; ");
}

const nouns = ["rule", "element", "chain", "set", "object", "table"] as const;

class Tally {
  readonly #counts = new Map<(typeof nouns)[number], number>();

  count(noun: (typeof nouns)[number], by: number): void {
    this.#counts.set(noun, (this.#counts.get(noun) ?? 0) + by);
  }

  get text(): string {
    return nouns
      .map((noun) => [noun, this.#counts.get(noun) ?? 0] as const)
      .filter(([, count]) => count > 0)
      .map(([noun, count]) => `${count} ${noun}${count === 1 ? "" : "s"}`)
      .join(", ");
  }
}
