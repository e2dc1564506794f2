import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { ChangeContext, ChangeEffect, ChangeEntry } from "./change-entry.ts";
import { itemSentence, listText, valueSentence, writtenKey, writtenPath } from "./change-words.ts";

/** Failover groups: their addresses, elections, and what they say to others. */
export const groupChanges: readonly ChangeEntry[] = [
  { pattern: "groups.*", part: "virtual-addresses", say: wholeGroup },
  {
    pattern: "groups.*.priorities.*",
    part: "failover",
    say: (context) => {
      const [group = "", node = ""] = context.names;
      const sentence = valueSentence(`priority of ${node} in group ${group}`, context.change);
      const outcome = firstChoice(context, group);
      return outcome === undefined
        ? sentence
        : { sentence: `${sentence}: ${outcome.words}`, role: outcome.role };
    },
  },
  {
    pattern: "groups.*.preempt",
    part: "failover",
    say: ({ change, names: [group = ""], after }) => {
      const sentence = valueSentence(`preempt of group ${group}`, change);
      const first = bestNode(after, group);
      return after.groups[group]?.preempt === true
        ? { sentence: `${sentence}: ${first} is active whenever it can`, role: `${first} takes over` }
        : `${sentence}: a node that comes back leaves the active one alone`;
    },
  },
  { pattern: "groups.*.addresses.*", part: "virtual-addresses", say: virtualAddresses },
  { pattern: "groups.*.addresses.*.*", part: "virtual-addresses", say: virtualAddresses },
  {
    pattern: "groups.*.acceptMode",
    part: "rules",
    say: ({ change, names: [group = ""], after }) => {
      const sentence = valueSentence(`acceptMode of group ${group}`, change);
      if (after.groups[group]?.acceptMode === true) return sentence;
      const connections =
        "connections to the nodes themselves by these virtual addresses end; what is forwarded goes on";
      return { sentence, connections };
    },
  },
  { pattern: "groups.*.routedNetworks.*", part: "rules", say: routedNetworks },
  { pattern: "groups.*.routedNetworks.*.*", part: "rules", say: routedNetworks },
  { pattern: "groups.*.unicastPeers.*", part: "failover", say: unicastPeers },
  { pattern: "groups.*.unicastPeers.*.*", part: "failover", say: unicastPeers },
  { pattern: "groups.*.routerAdvertisements.*", part: "failover", say: routerAdvertisements },
  {
    pattern: "groups.*.routerAdvertisements.*.lifetimeMs",
    part: "failover",
    say: (context) => {
      const sentence = advertisementSentence(context);
      const { change } = context;
      if (change.kind !== "changed" || change.after !== 0) return sentence;
      return { sentence, connections: withoutRouter(context.names[1] ?? "", "at once") };
    },
  },
  { pattern: "groups.*.routerAdvertisements.*.**", part: "failover", say: advertisementSentence },
  {
    pattern: "groups.*.checks.*",
    part: "control",
    say: ({ change, names: [group = "", name = ""] }) =>
      `check ${name} is ${change.kind === "removed" ? "removed from" : "added to"} group ${group}`,
  },
  {
    pattern: "groups.*.checks.*.*",
    part: "control",
    say: ({ change, names: [group = "", name = ""] }) => {
      const key = change.path.at(-1) ?? "";
      return valueSentence(`${writtenKey(key)} of check ${name} in group ${group}`, change);
    },
  },
  // Interval, version, VRID, hardware address and the like: what the election is made of.
  {
    pattern: "groups.*.*",
    part: "failover",
    say: ({ change, names: [group = "", key = ""] }) =>
      valueSentence(`${writtenKey(key)} of group ${group}`, change),
  },
];

function wholeGroup({ change, names: [group = ""], before, after }: ChangeContext): ChangeEffect {
  const isRemoved = change.kind === "removed";
  const document = isRemoved ? before : after;
  const faces = Object.entries(document.groups[group]?.addresses ?? {});
  const places = faces.map(([face, list]) => `${listText(list)} on ${face}`).join("; ");
  const verb = isRemoved ? "is removed, and with it" : "is added, with";
  const sentence = `group ${group} ${verb} ${places}`;
  if (!isRemoved) return { sentence };
  return {
    sentence,
    ...endsOf(
      { before, after },
      faces.flatMap(([, list]) => list),
    ),
  };
}

function virtualAddresses({ change, names, before, after }: ChangeContext): ChangeEffect {
  const [group = "", face = "", single] = names;
  const where = isOnlyGroup(after) ? face : `${face} (group ${group})`;
  const list =
    single === undefined ? listOf(change.kind === "removed" ? before : after, group, face) : [single];
  const noun = list.length === 1 ? "virtual address" : "virtual addresses";
  const what = `${noun} ${listText(list)} ${list.length === 1 ? "is" : "are"}`;
  switch (change.kind) {
    case "added":
      return { sentence: `${what} added to ${where}` };
    case "removed":
      return { sentence: `${what} removed from ${where}`, ...endsOf({ before, after }, list) };
    default:
      return { sentence: `the virtual addresses of ${where} have another order` };
  }
}

function listOf(document: ClusterDocument, group: string, face: string): readonly string[] {
  return document.groups[group]?.addresses[face] ?? [];
}

function isOnlyGroup({ groups }: ClusterDocument): boolean {
  return Object.keys(groups).length === 1;
}

/** What goes with addresses that no group has any more. */
function endsOf(
  { before, after }: Pick<ChangeContext, "before" | "after">,
  addresses: readonly string[],
): { readonly connections?: string } {
  const kept = new Set(
    Object.values(after.groups).flatMap((group) => Object.values(group.addresses).flat().map(bare)),
  );
  const gone = [...new Set(addresses.map(bare))].filter((address) => !kept.has(address));
  if (gone.length === 0) return {};
  const translated = gone.filter((address) => mentions(before.nat, address));
  const routers = gone.filter((address) => !translated.includes(address));
  const filters = translated.map((address) => `--nat ${address}`).join(" ");
  const sentences = [
    ...(translated.length === 0
      ? []
      : [
          `connections that are translated to ${listText(translated)} end (tocha connections list ${filters} shows them)`,
        ]),
    ...(routers.length === 0
      ? []
      : [
          `connections of hosts that have ${listText(routers)} as their router stand still until they have another`,
        ]),
  ];
  return { connections: sentences.join("; ") };
}

/** Whether an address is said anywhere in a part of the document. */
function mentions(value: unknown, address: string): boolean {
  if (typeof value === "string") return bare(value) === address;
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((part) => mentions(part, address));
}

function bare(text: string): string {
  return text.split("/")[0] ?? "";
}

/** Who goes first after a change of priorities, where that is another node than before. */
function firstChoice(
  { change, before, after, names: [, node] }: ChangeContext,
  group: string,
): { readonly words: string; readonly role: string } | undefined {
  const [was, is] = [bestNode(before, group), bestNode(after, group)];
  // Said once: with the priority of the one that comes first now, or else of the one that did.
  if (was === is || change.kind !== "changed") return undefined;
  const isRaised = before.groups[group]?.priorities[is] !== after.groups[group]?.priorities[is];
  if (node !== (isRaised ? is : was)) return undefined;
  if (after.groups[group]?.preempt === true)
    return { words: `as preempt is on, ${is} takes over`, role: `${is} takes over` };
  return {
    words: `${is} comes first now, but as preempt is off it does not take over for that`,
    role: "hands over",
  };
}

export function bestNode({ groups }: ClusterDocument, group: string): string {
  const ranked = Object.entries(groups[group]?.priorities ?? {}).sort(([, a], [, b]) => b - a);
  return ranked[0]?.[0] ?? "";
}

/** Networks that routers send here: no node has an address of them, they are only translated to. */
function routedNetworks({ change, names: [group = "", face = "", network] }: ChangeContext): string {
  const where = `the networks that are routed to group ${group} on ${face}`;
  if (network !== undefined) return itemSentence("", where, change);
  return change.kind === "removed" ? `${where} are no longer known` : `${where} are known`;
}

function unicastPeers({ change, names: [group = "", face = "", peer] }: ChangeContext): string {
  if (peer !== undefined)
    return itemSentence("router", `those that group ${group} speaks VRRP to on ${face}`, change);
  return change.kind === "removed"
    ? `group ${group} speaks VRRP to the multicast group on ${face} again`
    : `group ${group} speaks VRRP to single routers on ${face}, instead of the multicast group`;
}

function routerAdvertisements({
  change,
  names: [group = "", face = ""],
  before,
}: ChangeContext): ChangeEffect {
  if (change.kind !== "removed")
    return { sentence: `router advertisements are sent to the hosts on ${face} (group ${group})` };
  const isRouter = (before.groups[group]?.routerAdvertisements[face]?.lifetimeMs ?? 0) > 0;
  return {
    sentence: `router advertisements are no longer sent to the hosts on ${face} (group ${group})`,
    ...(isRouter ? { connections: withoutRouter(face, "when its lifetime ends") } : {}),
  };
}

function withoutRouter(face: string, when: string): string {
  return `connections of IPv6 hosts on ${face} that have no other router stand still: they forget this one ${when}`;
}

function advertisementSentence({ change, names: [group = "", face = ""] }: ChangeContext): string {
  const [key = "", ...rest] = change.path.slice(4);
  const where = `the router advertisements on ${face} (group ${group})`;
  const [item, ...deeper] = rest;
  if (item === undefined) return valueSentence(`${writtenKey(key)} of ${where}`, change);
  if (deeper.length === 0) return itemSentence("", `${writtenKey(key)} of ${where}`, change);
  return valueSentence(`${writtenPath(deeper)} of ${item} in ${where}`, change);
}
