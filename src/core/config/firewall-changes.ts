import type { ChangeContext, ChangeEffect, ChangeEntry } from "./change-entry.ts";
import { itemSentence, valueSentence, writtenPath } from "./change-words.ts";
import { ruleChanges } from "./rule-changes.ts";

/**
 * Filtering, the sets that rules refer to, timeouts and routes. What belongs to an accepted connection passes before all rules:
 * rules, sets and defaults count for new connections.
 */
export const firewallChanges: readonly ChangeEntry[] = [
  {
    pattern: "firewall",
    part: "rules",
    say: ({ change }) =>
      change.kind === "removed"
        ? "the firewall is removed: every new connection passes"
        : "the firewall is added: new connections pass by its rules",
  },
  {
    pattern: "firewall.*",
    part: "rules",
    say: ({ change, names: [chain = ""] }) =>
      change.kind === "removed"
        ? `firewall.${chain} is removed: every new connection passes there`
        : `firewall.${chain} is added: new connections pass by its rules there`,
  },
  ...ruleChanges("firewall.forward.rules", "firewall.forward"),
  ...ruleChanges("firewall.input.rules", "firewall.input"),
  { pattern: "firewall.**", part: "rules", say: setting },
  { pattern: "management", part: "rules", say: ({ change }) => itemSentence("", "the document", change) },
  { pattern: "management.*.*", part: "rules", say: inList },
  { pattern: "management.*", part: "rules", say: setting },
  {
    pattern: "sets.*",
    part: "rules",
    say: ({ change, names: [set = ""] }) =>
      `set ${set} is ${change.kind === "removed" ? "removed" : "added"}`,
  },
  { pattern: "sets.*.elements.*", part: "rules", say: inList },
  { pattern: "sets.*.*", part: "rules", say: setting },
  { pattern: "routes.*", part: "routes", say: wholeRoute },
  { pattern: "routes.*.nodes.*", part: "routes", say: route },
  { pattern: "routes.*.*", part: "routes", say: route },
  { pattern: "timeouts.*", part: "sysctls", say: setting },
];

/** Settings that say by their path what they are. */
function setting({ change }: ChangeContext): string {
  return valueSentence(writtenPath(change.path), change);
}

function inList({ change }: ChangeContext): string {
  return itemSentence("", writtenPath(change.path.slice(0, -1)), change);
}

function wholeRoute({ change, names: [id = ""] }: ChangeContext): ChangeEffect {
  const value = change.kind === "added" || change.kind === "removed" ? change.value : undefined;
  const { to, via, nodes } = routeOf(value);
  const way = via === undefined ? "" : ` via ${via}`;
  const where = nodes === undefined ? {} : { nodes };
  switch (change.kind) {
    case "added":
      return { sentence: `route ${id} to ${to}${way} is added`, ...where };
    case "removed":
      return { sentence: `route ${id} to ${to}${way} is removed`, connections: lost(to), ...where };
    default:
      return { sentence: "the routes have another order" };
  }
}

function route({ change, names: [id = ""] }: ChangeContext): ChangeEffect {
  const [, , key = "", item] = change.path;
  const sentence =
    item === undefined
      ? valueSentence(`\`${key}\` of route ${id}`, change)
      : itemSentence("", `\`${key}\` of route ${id}`, change);
  return { sentence, connections: `connections that go by route ${id} go by its new way, if it leads there` };
}

function lost(to: string): string {
  return `connections to ${to} go by another route, and stand still where there is none`;
}

function routeOf(value: unknown): {
  to: string;
  via: string | undefined;
  nodes: readonly string[] | undefined;
} {
  const read = (key: string): unknown =>
    typeof value === "object" && value !== null
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined;
  const [to, via, nodes] = [read("to"), read("via"), read("nodes")];
  return {
    to: typeof to === "string" ? to : "",
    via: typeof via === "string" ? via : undefined,
    nodes: Array.isArray(nodes) ? nodes.map(String) : undefined,
  };
}
