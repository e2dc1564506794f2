import type { Problem } from "../../base/problem.ts";
import { type ClusterDocument, virtualAddressesOf } from "../../contract/cluster-document.ts";
import type { PlanPart } from "../../contract/config-plan.ts";
import type { ChangeContext, ChangeEffect, ChangeEntry } from "./change-entry.ts";
import { itemSentence, listText, valueSentence } from "./change-words.ts";

/** Nodes and their interfaces. */
export const nodeChanges: readonly ChangeEntry[] = [
  { pattern: "nodes.*", part: "failover", say: wholeNode },
  {
    pattern: "nodes.*.interfaces.*",
    part: "control",
    say: ({ change, names: [node = "", name = ""] }) => ({
      sentence:
        change.kind === "removed"
          ? `${node} loses the interface ${name}`
          : `${node} gets the interface ${name}`,
      nodes: [node],
    }),
  },
  {
    pattern: "nodes.*.interfaces.*.device",
    part: "control",
    say: (context) => {
      const [node = "", name = ""] = context.names;
      return {
        sentence: valueSentence(`the device of ${name} on ${node}`, context.change),
        part: partOf(context, name),
        movesRole: true,
        nodes: [node],
      };
    },
  },
  { pattern: "nodes.*.interfaces.*.addresses.*", part: "control", say: ownAddress },
];

function wholeNode({ change, names: [node = ""], before, after }: ChangeContext): ChangeEffect {
  if (change.kind === "removed") {
    return {
      sentence: `${node} leaves the cluster`,
      role: `${node} hands over what it is active for, and must then be stopped`,
    };
  }
  const priorities = Object.entries(after.groups).map(
    ([group, { priorities: said }]) => `${said[node] ?? 0} in group ${group}`,
  );
  // In the first document of all nobody joins anything.
  const verb = Object.keys(before.nodes).length === 0 ? "is a node" : "joins the cluster";
  return { sentence: `${node} ${verb}, with priority ${listText(priorities)}` };
}

/**
 * The nodes refuse whoever is not in the document; but its certificate is good for years, and it knows the key of the pulses. Only the
 * authority's key can take that from it.
 */
export function removedNodes({ before, after }: Pick<ChangeContext, "before" | "after">): Problem[] {
  return Object.keys(before.nodes)
    .filter((node) => after.nodes[node] === undefined)
    .map((node) => ({
      code: "plan-revoke-keys",
      message: `${node} leaves, and keeps a certificate of the cluster and the key of its pulses: stop tocha there, then have them refused`,
      hint: `Where ca.key is, once the change is confirmed: tocha keys revoke ${node}, then tocha keys rotate --cluster-key.`,
      path: `nodes.${node}`,
    }));
}

/** The others know a node by its addresses where they speak to it. */
function ownAddress(context: ChangeContext): ChangeEffect {
  const { change, names } = context;
  const [node = "", name = "", address = ""] = names;
  const part = partOf(context, name);
  const sentence =
    change.kind === "moved"
      ? `the own addresses of ${node} on ${name} have another order: ${address} ${change.follows === null ? "is the first" : `comes after ${change.follows}`}`
      : itemSentence("own address", `${name} of ${node}`, change);
  return { sentence, part, movesRole: true, ...(part === "control" ? { nodes: [node] } : {}) };
}

/** What an interface is for. */
function partOf({ before, after }: ChangeContext, name: string): PlanPart {
  const documents: readonly ClusterDocument[] = [before, after];
  if (documents.some(({ replication }) => replication.interface === name)) return "replication";
  if (documents.some((document) => virtualAddressesOf(document).has(name))) return "failover";
  return "control";
}
