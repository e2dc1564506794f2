import { formatIp, formatNetwork, type IpNetwork, isLinkLocal, networkContains } from "../base/ip.ts";
import { closestName } from "./closest-name.ts";
import { GROUPS_MAX } from "./cluster-document.ts";
import type { DocumentFacts, Fact, GroupFacts, NodeFacts } from "./document-facts.ts";
import { checkRouter } from "./document-router-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** What must hold for the failover groups: their priorities, router numbers and virtual addresses. */
export function checkGroup(facts: DocumentFacts): Finding[] {
  const seen: SeenAddresses = new Map();
  return [
    ...checkGroupCount(facts),
    ...checkRouterIds(facts.groups),
    ...facts.groups.flatMap((group) => [
      ...checkPriorities(group, facts.nodes),
      ...checkRoles(group, facts),
      ...checkVirtualAddresses(group, facts.nodes, seen),
      ...checkRouter(group, facts.nodes),
    ]),
  ];
}

function checkGroupCount({ groups, groupsPath }: DocumentFacts): Finding[] {
  if (groupsPath === undefined) return [];
  if (groups.length === 0) {
    return [
      {
        code: "too-few-groups",
        path: groupsPath,
        on: "key",
        message: "the cluster has no failover group",
        hint: "Add a group with the virtual addresses that move between the nodes.",
      },
    ];
  }
  const surplus = groups[GROUPS_MAX];
  if (surplus === undefined) return [];
  return [
    {
      code: "too-many-groups",
      path: surplus.path,
      on: "key",
      message: `there are ${groups.length} failover groups, and ${GROUPS_MAX} are possible`,
      hint: "Put addresses that may move together into one group.",
    },
  ];
}

/** Routers of one number on one link would take each other for one router (RFC 9568 1.2). */
function checkRouterIds(groups: readonly GroupFacts[]): Finding[] {
  const holders = new Map<string, string>();
  return groups.flatMap(({ name, virtualRouterId, addresses }): Finding[] => {
    if (virtualRouterId === undefined) return [];
    const { value, path } = virtualRouterId;
    const places = addresses.map(({ role }) => ({ role, place: `${value} ${role}` }));
    const taken = places.find(({ place }) => holders.has(place));
    if (taken === undefined) {
      for (const { place } of places) holders.set(place, name);
      return [];
    }
    const other = clip(holders.get(taken.place) ?? "");
    return [
      {
        code: "duplicate-router-id",
        path,
        on: "value",
        message: `${value} is the router number of the group "${other}" on "${clip(taken.role)}" already`,
        hint: "Give every group that shares an interface a virtualRouterId of its own, 1 to 255.",
      },
    ];
  });
}

function checkPriorities(group: GroupFacts, nodes: readonly NodeFacts[]): Finding[] {
  const names = nodes.map((node) => node.name);
  const holders = new Map<number, string>();
  const listed = new Set(group.priorities.map((one) => one.node));
  const missing = new Set(names.filter((name) => !listed.has(name)));
  const findings: Finding[] = [];
  for (const { node, value, path } of group.priorities) {
    if (names.length > 0 && !names.includes(node)) {
      const meant = closestName(node, missing);
      const hint = meant === undefined ? `Nodes: ${names.map(clip).join(", ")}.` : `Did you mean "${meant}"?`;
      findings.push({
        code: "unknown-node",
        path,
        on: "key",
        message: `there is no node "${clip(node)}"`,
        hint,
      });
      if (meant !== undefined) missing.delete(meant);
    }
    const holder = holders.get(value);
    if (holder !== undefined) {
      findings.push({
        code: "duplicate-priority",
        path,
        on: "value",
        message: `${value} is the priority of ${holder} already`,
        hint: "Give every node its own priority: the highest is preferred.",
      });
    }
    if (!Number.isNaN(value)) holders.set(value, clip(node));
  }
  if (group.prioritiesPath === undefined) return findings;
  for (const node of missing) {
    findings.push({
      code: "missing-priority",
      path: group.prioritiesPath,
      on: "key",
      message: `${clip(node)} has no priority`,
      hint: `Add ${clip(node)} with a number from 1 to 255 that no other node has.`,
    });
  }
  return findings;
}

function checkRoles(group: GroupFacts, { nodes, syncInterface }: DocumentFacts): Finding[] {
  const roles = new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
  const known = nodes.length > 0 && nodes.every((node) => node.interfacesPath !== undefined);
  const findings: Finding[] = [];
  if (group.addressesPath !== undefined && group.addresses.length === 0) {
    findings.push({
      code: "no-virtual-addresses",
      path: group.addressesPath,
      on: "key",
      message: `the group "${clip(group.name)}" has no virtual addresses`,
      hint: "Add the addresses that clients and the outside use, by interface, such as lan: [10.1.0.1/24].",
    });
  }
  for (const { role, path } of group.addresses) {
    if (known && !roles.has(role)) {
      const meant = closestName(role, roles);
      const hint =
        meant === undefined ? `Interfaces: ${[...roles].map(clip).join(", ")}.` : `Did you mean "${meant}"?`;
      findings.push({
        code: "unknown-interface",
        path,
        on: "key",
        message: `no node has an interface "${clip(role)}"`,
        hint,
      });
    } else if (role === syncInterface?.value) {
      findings.push({
        code: "sync-interface-virtual",
        path,
        on: "key",
        message: `"${clip(role)}" is the interface between the nodes: it cannot carry virtual addresses`,
        hint: "Give the nodes a link of their own for replication.interface, or take these addresses away.",
      });
    }
  }
  return findings;
}

/** Where a virtual address stands: its group and interface. */
type SeenAddresses = Map<string, { readonly group: string; readonly role: string }>;

function checkVirtualAddresses(
  group: GroupFacts,
  nodes: readonly NodeFacts[],
  seen: SeenAddresses,
): Finding[] {
  return group.addresses.flatMap(({ role, list }) =>
    list.items.flatMap((fact): Finding[] => {
      const address = formatIp(fact.value.address);
      const key = isLinkLocal(fact.value.address) ? `${role} ${address}` : address;
      const other = seen.get(key);
      if (other !== undefined) {
        const where = other.group === group.name ? "" : ` in the group "${clip(other.group)}"`;
        const message = `${address} is a virtual address of "${clip(other.role)}"${where} already`;
        return [
          { code: "duplicate-address", path: fact.path, on: "value", message, hint: "Keep it in one place." },
        ];
      }
      seen.set(key, { group: group.name, role });
      return checkVirtualAddress(role, fact, nodes).slice(0, 1);
    }),
  );
}

/** The first thing wrong is enough: the others mostly follow from it. */
function checkVirtualAddress(
  role: string,
  { value, path }: Fact<IpNetwork>,
  nodes: readonly NodeFacts[],
): Finding[] {
  const linkLocal = value.address.length === 16 && isLinkLocal(value.address);
  const own = nodes.flatMap((node) =>
    node.interfaces.flatMap((one) => {
      const comparable = !linkLocal || one.role === role;
      const equal = one.addresses.items.some(
        (fact) => formatIp(fact.value.address) === formatIp(value.address),
      );
      return comparable && equal ? [`${clip(node.name)} ("${clip(one.role)}")`] : [];
    }),
  );
  if (own[0] !== undefined) {
    return [
      {
        code: "virtual-address-taken",
        path,
        on: "value",
        message: `${formatIp(value.address)} is the own address of ${own[0]}`,
        hint: "Every node keeps an address of its own; the virtual address is a further one.",
      },
    ];
  }
  if (linkLocal) return checkLinkLocal(value, path);
  return nodes.flatMap((node) =>
    node.interfaces.flatMap((one) =>
      one.role === role && one.addresses.complete
        ? checkInNetwork(
            { value, path },
            role,
            clip(node.name),
            one.addresses.items.map((fact) => fact.value),
          )
        : [],
    ),
  );
}

/** Link-local networks are always /64 (RFC 4291 2.5.6). */
function checkLinkLocal(value: IpNetwork, path: Fact<IpNetwork>["path"]): Finding[] {
  if (value.prefixLength === 64) return [];
  const message = `${formatNetwork(value)} is link-local, but its prefix length is not 64`;
  return [
    {
      code: "prefix-length-mismatch",
      path,
      on: "value",
      message,
      hint: `Write ${formatIp(value.address)}/64.`,
    },
  ];
}

function checkInNetwork(
  { value, path }: Fact<IpNetwork>,
  role: string,
  node: string,
  networks: readonly IpNetwork[],
): Finding[] {
  const around = networks.filter((network) => networkContains(network, value.address));
  const [first] = around;
  if (first === undefined) {
    const list = networks.map(formatNetwork).join(", ");
    return [
      {
        code: "address-outside-network",
        path,
        on: "value",
        message: `${formatNetwork(value)} lies in no network of "${clip(role)}" on ${node} (${list})`,
        hint: `Correct the address, or give ${node} an address of that network on "${clip(role)}".`,
      },
    ];
  }
  if (around.some((network) => network.prefixLength === value.prefixLength)) return [];
  return [
    {
      code: "prefix-length-mismatch",
      path,
      on: "value",
      message: `${formatNetwork(value)} has another prefix length than ${formatNetwork(first)} of ${node}`,
      hint: `Write ${formatIp(value.address)}/${first.prefixLength}.`,
    },
  ];
}
