import {
  equalIp,
  formatIp,
  formatNetwork,
  type IpFamily,
  type IpNetwork,
  ipFamily,
  isLinkLocal,
  networkBase,
  networkContains,
} from "../base/ip.ts";
import { closestName } from "./closest-name.ts";
import type {
  AddressesOfRole,
  Fact,
  GroupFacts,
  InterfaceFacts,
  NodeFacts,
  RouterAdvertisementFacts,
} from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import type { DocumentPath } from "./located-yaml.ts";

/** What must hold for what a group says beside its addresses: VRRP versions and peers, router advertisements. */
export function checkRouter(group: GroupFacts, nodes: readonly NodeFacts[]): Finding[] {
  return [
    ...checkVersion(group),
    ...group.unicastPeers.flatMap((peers) => checkUnicastPeers(peers, group, nodes)),
    ...group.routerAdvertisements.flatMap((one) => checkAdvertisement(one, group, nodes)),
  ];
}

const SECOND_MS = 1_000;

/** VRRPv2 counts in whole seconds (RFC 3768 5.3.7) and knows no IPv6. */
function checkVersion(group: GroupFacts): Finding[] {
  const { version, intervalMs } = group;
  if (version.value !== 2) return [];
  const findings: Finding[] = [];
  if (!Number.isNaN(intervalMs.value) && intervalMs.value % SECOND_MS !== 0) {
    findings.push({
      code: "out-of-range",
      path: intervalMs.path.at(-1) === "interval" ? intervalMs.path : version.path,
      on: "value",
      message: `version 2 of VRRP counts in whole seconds, and the interval is ${intervalMs.value}ms`,
      hint: "Write interval: 1s, or more, or speak version 3.",
    });
  }
  const families = group.addresses.flatMap(({ list }) => list.items.map(({ value }) => familyOf(value)));
  if (families.length > 0 && !families.includes(4)) {
    findings.push({
      code: "family-mismatch",
      path: version.path,
      on: "value",
      message: "version 2 of VRRP is for IPv4, and all virtual addresses are IPv6",
      hint: "Take version away: over IPv6 version 3 is spoken always.",
    });
  }
  return findings;
}

function checkUnicastPeers(
  { role, path, list }: AddressesOfRole,
  group: GroupFacts,
  nodes: readonly NodeFacts[],
): Finding[] {
  const stranger = checkFace(role, path, group);
  if (stranger !== undefined) return [stranger];
  const virtual = virtualOf(group, role);
  const seen = new Set<string>();
  const findings = list.items.flatMap((peer): Finding[] => {
    const address = formatIp(peer.value.address);
    const isRepeated = seen.has(address);
    seen.add(address);
    if (isRepeated) {
      const message = `${address} is in this list already`;
      return [
        { code: "duplicate-address", path: peer.path, on: "value", message, hint: "Take one of them away." },
      ];
    }
    return checkUnicastPeer(role, peer, virtual, nodes).slice(0, 1);
  });
  if (findings.length > 0 || !list.complete) return findings;
  return nodes.flatMap((node) => checkReachesSomebody(node, role, path, virtual, list.items)).slice(0, 1);
}

function checkUnicastPeer(
  role: string,
  { value, path }: Fact<IpNetwork>,
  virtual: readonly IpNetwork[],
  nodes: readonly NodeFacts[],
): Finding[] {
  const address = formatIp(value.address);
  const bad = (message: string, hint: string): Finding => ({
    ...({ code: "bad-unicast-peer", path, on: "value" } as const),
    message,
    hint,
  });
  if (virtual.some((one) => equalIp(one.address, value.address))) {
    const hint = "List the own addresses of the routers.";
    return [bad(`${address} is a virtual address: it is whoever is active`, hint)];
  }
  if (isLinkLocal(value.address)) return [];
  return interfacesOf(nodes, role).flatMap(([node, { addresses }]) => {
    const isOnLink = addresses.items.some((own) => networkContains(own.value, value.address));
    if (isOnLink || !addresses.complete) return [];
    const message = `${address} lies in no network of "${clip(role)}" on ${node}`;
    return [
      bad(message, "VRRP does not pass routers: list the addresses that the routers have on this link."),
    ];
  });
}

/** A node whose advertisements nobody gets would be active beside every other one. */
function checkReachesSomebody(
  node: NodeFacts,
  role: string,
  path: DocumentPath,
  virtual: readonly IpNetwork[],
  peers: readonly Fact<IpNetwork>[],
): Finding[] {
  const own = interfacesOf([node], role).flatMap(([, one]) => one.addresses.items);
  const others = peers.filter(({ value }) => !own.some((one) => equalIp(one.value.address, value.address)));
  const reached = new Set(others.map(({ value }) => familyOf(value)));
  const missing = virtual.map(familyOf).find((family) => !reached.has(family));
  if (missing === undefined) return [];
  return [
    {
      code: "missing-unicast-peer",
      path,
      on: "key",
      message: `there is nobody to whom ${clip(node.name)} could send its IPv${missing} advertisements`,
      hint: `List an IPv${missing} address of every router on "${clip(role)}", or take "${clip(role)}" away from unicastPeers.`,
    },
  ];
}

function checkAdvertisement(
  facts: RouterAdvertisementFacts,
  group: GroupFacts,
  nodes: readonly NodeFacts[],
): Finding[] {
  const { role, path } = facts;
  const stranger = checkFace(role, path, group);
  if (stranger !== undefined) return [stranger];
  const complete = group.addresses.every((one) => one.role !== role || one.list.complete);
  const hasSource = virtualOf(group, role).some(
    ({ address }) => address.length === 16 && isLinkLocal(address),
  );
  const noSource: Finding = {
    code: "no-link-local-router",
    path,
    on: "key",
    message: `the group "${clip(group.name)}" has no virtual link-local address on "${clip(role)}"`,
    hint: `Hosts know their router by such an address (RFC 4861 6.1.2): add one, such as "fe80::1/64", to addresses.${clip(role)}.`,
  };
  return [
    ...(hasSource || !complete ? [] : [noSource]),
    ...checkLifetime(facts),
    ...facts.prefixes.flatMap((prefix) => checkPrefix(prefix, role, nodes).slice(0, 1)),
    ...facts.dnsServers.items.flatMap(checkDnsServer),
  ];
}

/** RFC 4861 6.2.1: the lifetime is 0, or at least the interval. */
function checkLifetime({ intervalMs, lifetimeMs, path }: RouterAdvertisementFacts): Finding[] {
  if (!(lifetimeMs.value > 0 && lifetimeMs.value < intervalMs.value)) return [];
  return [
    {
      code: "lifetime-too-short",
      path: lifetimeMs.path.length > path.length ? lifetimeMs.path : intervalMs.path,
      on: "value",
      message: "hosts would forget the router before they hear of it again",
      hint: "Give lifetime several times the interval, or 0s where this is to be no default router.",
    },
  ];
}

function checkPrefix(
  { network, autonomous, validMs, preferredMs }: RouterAdvertisementFacts["prefixes"][number],
  role: string,
  nodes: readonly NodeFacts[],
): Finding[] {
  const { value, path } = network;
  const text = formatNetwork(value);
  if (familyOf(value) === 4) {
    const message = `${text} is IPv4, and router advertisements are for IPv6`;
    return [{ code: "family-mismatch", path, on: "value", message, hint: "IPv4 hosts use DHCP." }];
  }
  const findings: Finding[] = [];
  if (autonomous && value.prefixLength !== 64) {
    findings.push({
      code: "prefix-length-mismatch",
      path,
      on: "value",
      message: `hosts cannot make themselves addresses of ${text}: that takes a /64 (RFC 4862 5.5.3)`,
      hint: "Write a /64, or autonomous: false.",
    });
  }
  const base = formatNetwork(networkBase(value));
  const without = interfacesOf(nodes, role).find(([, { addresses }]) => {
    return (
      addresses.complete && !addresses.items.some((own) => formatNetwork(networkBase(own.value)) === base)
    );
  });
  if (without !== undefined) {
    findings.push({
      code: "prefix-not-on-interface",
      path,
      on: "value",
      message: `${text} is no network of "${clip(role)}" on ${without[0]}`,
      hint: `Give ${without[0]} an address of it on "${clip(role)}": what hosts there have must be reached from every node.`,
    });
  }
  if (preferredMs.value > validMs.value) {
    findings.push({
      code: "lifetime-too-short",
      path: validMs.path.at(-1) === "validLifetime" ? validMs.path : preferredMs.path,
      on: "value",
      message: `${text} is preferred for longer than it is valid`,
      hint: "Give validLifetime at least what preferredLifetime has (RFC 4861 4.6.2).",
    });
  }
  return findings;
}

function checkDnsServer({ value, path }: Fact<IpNetwork>): Finding[] {
  if (familyOf(value) === 6) return [];
  const message = `${formatIp(value.address)} is IPv4, and router advertisements are for IPv6`;
  const hint = "Write the IPv6 address of the name server.";
  return [{ code: "family-mismatch", path, on: "value", message, hint }];
}

/** What is said for an interface concerns those that carry addresses of the group. */
function checkFace(role: string, path: DocumentPath, group: GroupFacts): Finding | undefined {
  const faces = group.addresses.map((one) => one.role);
  if (group.addressesPath === undefined || faces.includes(role)) return undefined;
  const meant = closestName(role, new Set(faces));
  return {
    code: "unknown-interface",
    path,
    on: "key",
    message: `the group "${clip(group.name)}" has no virtual addresses on "${clip(role)}"`,
    hint:
      meant === undefined
        ? `Interfaces of the group: ${faces.map(clip).join(", ")}.`
        : `Did you mean "${meant}"?`,
  };
}

function virtualOf(group: GroupFacts, role: string): readonly IpNetwork[] {
  return group.addresses
    .filter((one) => one.role === role)
    .flatMap(({ list }) => list.items.map(({ value }) => value));
}

function interfacesOf(
  nodes: readonly NodeFacts[],
  role: string,
): readonly (readonly [string, InterfaceFacts])[] {
  return nodes.flatMap((node) =>
    node.interfaces.filter((one) => one.role === role).map((one) => [clip(node.name), one] as const),
  );
}

function familyOf({ address }: IpNetwork): IpFamily {
  return ipFamily(address);
}
