import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { PlanPart } from "../../contract/config-plan.ts";
import { type ChangeContext, type ChangeEffect, type ChangeEntry, matchPattern } from "./change-entry.ts";
import { itemSentence, listText, valueSentence, writtenPath } from "./change-words.ts";
import type { DocumentChange } from "./document-difference.ts";
import { firewallChanges } from "./firewall-changes.ts";
import { groupChanges } from "./group-changes.ts";
import { natChanges } from "./nat-changes.ts";
import { nodeChanges } from "./node-changes.ts";

/**
 * Everything that can change in a document, with what it means and how it is said. The first pattern that fits counts. A test
 * fails when a key of the document is covered by none of them but the last.
 */
const table: readonly ChangeEntry[] = [
  ...nodeChanges,
  ...groupChanges,
  ...natChanges,
  ...firewallChanges,
  {
    pattern: "cluster",
    part: "failover",
    say: ({ change }) => valueSentence("the cluster's name", change),
  },
  {
    pattern: "replication.interface",
    part: "replication",
    say: ({ change }) => ({
      sentence: valueSentence("the interface between the nodes", change),
      movesRole: true,
    }),
  },
  { pattern: "replication.*", part: "replication", say: setting },
  {
    pattern: "pulses.without.*",
    part: "failover",
    say: ({ change, names: [name = ""] }) =>
      `pulses ${change.kind === "added" ? `are no longer sent on ${name}` : `take ${name} as well`}`,
  },
  { pattern: "pulses.*", part: "failover", say: setting },
  { pattern: "control.*", part: "control", say: setting },
  {
    pattern: "metrics",
    part: "control",
    say: ({ change, after }) =>
      change.kind === "removed"
        ? "metrics are no longer offered over TCP"
        : `metrics are offered on ${after.metrics?.interface}, port ${after.metrics?.port}`,
  },
  { pattern: "metrics.*", part: "control", say: setting },
  {
    pattern: "arbiter",
    part: "failover",
    say: ({ change }) =>
      change.kind === "removed"
        ? "the arbiter is removed: nodes that do not hear each other can both be active again"
        : "an arbiter is added: of two nodes that do not hear each other, one gives way",
  },
  {
    pattern: "arbiter.endpoints.*",
    part: "control",
    say: ({ change }) => itemSentence("endpoint", "the arbiter", change),
  },
  { pattern: "arbiter.*", part: "control", say: setting },
  {
    pattern: "api",
    part: "api",
    say: ({ change }) =>
      change.kind === "removed" ? "the API no longer listens" : "the API listens: users may ask over HTTPS",
  },
  { pattern: "api.**", part: "api", say: setting },
  {
    pattern: "users",
    part: "api",
    say: ({ change, after }) =>
      change.kind === "removed"
        ? "the document no longer names users: users are those that the nodes keep, with the roles that they were given there"
        : `only the users that the document names come in: ${usersText(after)}`,
  },
  {
    pattern: "users.*",
    part: "api",
    say: ({ change, names: [name = ""], after }) =>
      change.kind === "removed"
        ? `user ${name} no longer comes in`
        : `user ${name} may come in as ${after.users?.[name]?.role}`,
  },
  {
    pattern: "users.*.role",
    part: "api",
    say: ({ change, names: [name = ""] }) => valueSentence(`the role of user ${name}`, change),
  },
  { pattern: "logging.level", part: "control", say: setting },
  { pattern: "logging.**", part: "rules", say: setting },
  {
    pattern: "history",
    part: "control",
    say: ({ change, after }) =>
      change.kind === "removed"
        ? "the history is no longer sent anywhere"
        : `the history is sent to ${after.history?.remote}`,
  },
  { pattern: "history.*", part: "control", say: setting },
  {
    pattern: "keys.directory",
    part: "keys",
    say: ({ change }) => ({ sentence: valueSentence("the folder of the keys", change), movesRole: true }),
  },
];

/** What no row knows: it is still said. */
const anything: ChangeEntry = {
  pattern: "**",
  part: "control",
  say: ({ change }) => {
    const path = writtenPath(change.path);
    if (change.kind === "changed") return valueSentence(path, change);
    return itemSentence("", writtenPath(change.path.slice(0, -1)) || "the document", change);
  },
};

export interface SaidChange extends ChangeEffect {
  readonly part: PlanPart;
  readonly path: string;
  /** Whether a row of the table knows it. */
  readonly isKnown: boolean;
  /** Where an address or another text is added to a list, removed from it or moved in it: the list. */
  readonly item: { readonly list: string; readonly kind: DocumentChange["kind"] } | undefined;
}

/** What a change means, in words. */
export function sayChange(
  change: DocumentChange,
  { before, after }: { readonly before: ClusterDocument; readonly after: ClusterDocument },
): SaidChange {
  const path = writtenPath(change.path);
  for (const entry of [...table, anything]) {
    const names = matchPattern(entry.pattern, change.path);
    if (names === undefined) continue;
    const said = entry.say({ change, names, before, after });
    const effect = typeof said === "string" ? { sentence: said } : said;
    return { part: entry.part, ...effect, path, isKnown: entry !== anything, item: itemOf(change) };
  }
  throw new Error("the last pattern fits everything");
}

function itemOf(change: DocumentChange): SaidChange["item"] {
  const isItem = change.kind === "moved" || change.kind === "removed" || change.kind === "added";
  return isItem && change.ofTexts === true
    ? { list: writtenPath(change.path.slice(0, -1)), kind: change.kind }
    : undefined;
}

function usersText({ users = {} }: ClusterDocument): string {
  const all = Object.entries(users).map(([name, { role }]) => `${name} (${role})`);
  return all.length === 0 ? "nobody" : listText(all);
}

/** Settings that say by their path what they are. */
function setting({ change }: ChangeContext): string {
  return valueSentence(writtenPath(change.path), change);
}
