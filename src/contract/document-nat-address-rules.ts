import { formatIp, formatNetwork, type IpAddress, type IpNetwork, ipFamily } from "../base/ip.ts";
import { firstOutside, formatIpEnds, type IpRange, rangeOfIp, rangeOfNetwork } from "../base/ip-range.ts";
import { closestName } from "./closest-name.ts";
import type { DocumentFacts, Fact } from "./document-facts.ts";
import type { NatFacts, RoutedFacts } from "./document-nat-facts.ts";
import { overlaps } from "./document-node-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** The addresses that a group holds or has routed to it, on one interface or on all. */
export interface OutsideAddresses {
  readonly virtual: readonly IpAddress[];
  readonly ranges: readonly IpRange[];
  /** Whether all of them were understood: only then is one that is not among them unknown. */
  readonly isComplete: boolean;
}

export function outsideAddresses(facts: DocumentFacts, nat: NatFacts, role?: string): OutsideAddresses {
  const isMeant = (one: { readonly role: string }) => role === undefined || one.role === role;
  const virtual = facts.groups.flatMap((group) => group.addresses.filter(isMeant));
  const routed = nat.routed.filter(isMeant);
  const addresses = virtual.flatMap(({ list }) => list.items.map((fact) => fact.value.address));
  return {
    virtual: addresses,
    ranges: [
      ...addresses.map(rangeOfIp),
      ...routed.flatMap(({ list }) => list.items.map((fact) => rangeOfNetwork(fact.value))),
    ],
    isComplete:
      facts.groups.length > 0 &&
      facts.groups.every((group) => group.addressesPath !== undefined) &&
      [...virtual, ...routed].every(({ list }) => list.complete),
  };
}

/**
 * Addresses to translate to must come to the cluster: as virtual addresses, which the active node answers for, or in networks that
 * routers send to one of them. All others would never be answered.
 */
export function checkOutside(
  { value: range, path }: Fact<IpRange>,
  role: string | undefined,
  facts: DocumentFacts,
  nat: NatFacts,
): Finding[] {
  const { virtual, ranges, isComplete } = outsideAddresses(facts, nat, role);
  if (!isComplete || (role !== undefined && !isKnownRole(role, facts))) return [];
  const missing = firstOutside(range, ranges);
  if (missing === undefined) return [];
  const isOne = formatIpEnds(range) === formatIp(missing);
  const of = isOne ? "" : ` of ${formatIpEnds(range)}`;
  const where = role === undefined ? "" : ` of "${clip(role)}"`;
  const shown = virtual.slice(0, 8).map(formatIp).join(", ");
  const there =
    virtual.length === 0
      ? `Add it to the virtual addresses${where} in the group, so that it moves when a node dies`
      : `Virtual addresses there: ${shown}${virtual.length > 8 ? ", …" : ""}. Others do not move when a node dies`;
  return [
    {
      code: "unknown-nat-address",
      path,
      on: "value",
      message: `${formatIp(missing)}${of} is not a virtual address${where}`,
      hint: `${there}; a network that is routed to the cluster is listed in routedNetworks of the group.`,
    },
  ];
}

function isKnownRole(role: string, { nodes }: DocumentFacts): boolean {
  return nodes.some((node) => node.interfaces.some((one) => one.role === role));
}

/** Interfaces that packets leave by. */
export function checkOut(
  outs: readonly (Fact<string> | undefined)[],
  { nodes, syncInterface }: DocumentFacts,
): Finding[] {
  const roles = new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
  const known = nodes.length > 0 && nodes.every((node) => node.interfacesPath !== undefined);
  return outs.flatMap((out): Finding[] => {
    if (out === undefined || !known) return [];
    const { value, path } = out;
    if (!roles.has(value)) return [unknownRole(value, path, roles, "value")];
    if (value !== syncInterface?.value) return [];
    const message = `"${value}" is the interface between the nodes: nothing is translated there`;
    return [
      { code: "bad-nat-target", path, on: "value", message, hint: "Name the interface that leads outside." },
    ];
  });
}

function unknownRole(
  value: string,
  path: Finding["path"],
  roles: ReadonlySet<string>,
  on: "key" | "value",
): Finding {
  const meant = closestName(value, roles);
  const hint =
    meant === undefined ? `Interfaces: ${[...roles].map(clip).join(", ")}.` : `Did you mean "${meant}"?`;
  return { code: "unknown-interface", path, on, message: `no node has an interface "${clip(value)}"`, hint };
}

/** Networks that are routed to the cluster. */
export function checkRouted(facts: DocumentFacts, { routed }: NatFacts): Finding[] {
  const seen: { readonly network: IpNetwork; readonly group: string }[] = [];
  return routed.flatMap((one): Finding[] => {
    const roles = new Set(facts.nodes.flatMap((node) => node.interfaces.map(({ role }) => role)));
    if (facts.nodes.length > 0 && !roles.has(one.role))
      return [unknownRole(one.role, one.path, roles, "key")];
    return one.list.items.flatMap((fact) => {
      const findings = [...routedOnLink(fact, facts), ...routedToNobody(fact, one, facts)];
      const earlier = seen.find(({ network }) => overlaps(network, fact.value));
      seen.push({ network: fact.value, group: one.group });
      if (earlier === undefined) return findings;
      const message = `${formatNetwork(fact.value)} overlaps ${formatNetwork(earlier.network)}, which is routed to the group "${clip(earlier.group)}"`;
      const hint = "Name every network once, for the group that it is routed to.";
      return [
        ...findings,
        { code: "overlapping-networks", path: fact.path, on: "value", message, hint } as const,
      ];
    });
  });
}

/** A network on a link is not routed: neighbours ask for its addresses by ARP. */
export function routedOnLink({ value, path }: Fact<IpNetwork>, { nodes }: DocumentFacts): Finding[] {
  const onLink = nodes.flatMap((node) =>
    node.interfaces.flatMap((one) => one.addresses.items.filter((fact) => overlaps(fact.value, value))),
  );
  if (onLink[0] === undefined) return [];
  return [
    {
      code: "prefix-on-link",
      path,
      on: "value",
      message: `${formatNetwork(value)} overlaps the network of ${formatNetwork(onLink[0].value)}: neighbours would look for its addresses on the link, where nobody answers`,
      hint: "Use a prefix that is routed to a virtual address of this cluster.",
    },
  ];
}

function routedToNobody(
  fact: Fact<IpNetwork>,
  { group, role }: RoutedFacts,
  facts: DocumentFacts,
): Finding[] {
  const lists = facts.groups.find(({ name }) => name === group)?.addresses ?? [];
  if (lists.some(({ list }) => !list.complete)) return [];
  const family = ipFamily(fact.value.address);
  const there = lists.filter((one) => one.role === role).flatMap(({ list }) => list.items);
  if (there.some(({ value }) => ipFamily(value.address) === family)) return [];
  return [
    {
      code: "no-virtual-addresses",
      path: fact.path,
      on: "value",
      message: `the group has no virtual IPv${family} address on "${clip(role)}" that ${formatNetwork(fact.value)} could be routed to`,
      hint: `Add one to groups.${clip(group)}.addresses.${clip(role)}.`,
    },
  ];
}
