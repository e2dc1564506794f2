import { equalIp, formatIp, formatNetwork, ipFamily, isLinkLocal, networkContains } from "../base/ip.ts";
import { closestName } from "./closest-name.ts";
import { CHECKS_MAX, type CheckKind, checkKinds, keysOfKind } from "./document-checks.ts";
import type { CheckFacts, DocumentFacts, GroupFacts, NodeFacts } from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** What must hold for the checks of the groups. */
export function checkChecks(facts: DocumentFacts): Finding[] {
  return facts.groups.flatMap((group) => [
    ...checkCount(group),
    ...group.checks.flatMap((check) => [
      ...checkKeys(check),
      ...checkEffect(check),
      ...checkTieBreaker(check),
      ...checkTimes(check),
      ...checkProgram(check),
      ...checkPlace(check, facts),
    ]),
  ]);
}

function checkCount({ name, checks, checksPath }: GroupFacts): Finding[] {
  if (checks.length <= CHECKS_MAX) return [];
  const message = `the group "${clip(name)}" has ${checks.length} checks, and ${CHECKS_MAX} are possible`;
  return [
    { code: "out-of-range", path: checksPath, on: "key", message, hint: "Let one script ask for several." },
  ];
}

const hints = {
  interface: "Add interface: the one that is looked at, or that the question leaves by.",
  target: "Add target: the address that is to answer, such as 198.51.100.1.",
  command: "Add command: the program and its arguments, such as [/usr/local/bin/check-dns, 10.1.0.53].",
} as const;

function checkKeys({ kind, keys, path }: CheckFacts): Finding[] {
  const known = checkKinds.find((one) => one === kind);
  if (known === undefined) return [];
  const needed = keysOfKind[known];
  const missing = needed.filter((key) => !keys.includes(key));
  const surplus = Object.keys(hints).filter((key) => keys.includes(key) && !isKeyOf(known, key));
  return [
    ...missing.map((key): Finding => {
      const message = `a check of the kind ${known} needs "${key}"`;
      return { code: "missing-key", path: [...path, key], on: "key", message, hint: hints[key] };
    }),
    ...surplus.map((key): Finding => {
      const message = `a check of the kind ${known} has no "${key}"`;
      const others = checkKinds.filter((one) => isKeyOf(one, key));
      const hint = `Take it away, or choose another kind: ${others.join(", ")}.`;
      return { code: "unknown-key", path: [...path, key], on: "key", message, hint };
    }),
  ];
}

function isKeyOf(kind: CheckKind, key: string): boolean {
  return keysOfKind[kind].some((one) => one === key);
}

function checkEffect({ path, weight, veto, tieBreaker, name, keys }: CheckFacts): Finding[] {
  if (weight !== undefined && veto) {
    const message = `the check "${clip(name)}" has a weight and a veto`;
    const hint = "A veto ranks the node below every other one already: take the weight away.";
    return [{ code: "check-effect", path: weight.path, on: "key", message, hint }];
  }
  if (keys.includes("weight") || veto || tieBreaker) return [];
  const message = `the check "${clip(name)}" has neither a weight nor a veto, and is no tie-breaker`;
  const hint =
    "Add weight: 30, more than the priorities of two nodes differ by; or veto: true; or tieBreaker: true.";
  return [{ code: "check-effect", path, on: "key", message, hint }];
}

/** Of two halves the mirror fails in both, and a link is up in both. */
function checkTieBreaker({ path, tieBreaker, kind, name }: CheckFacts): Finding[] {
  if (!tieBreaker || (kind !== "interface" && kind !== "replication")) return [];
  const message = `the check "${clip(name)}" of the kind ${kind} asks nobody outside: it cannot break a tie`;
  const hint = "Ask somebody whom only one half can reach: a check of the kind ping, arp or script.";
  return [{ code: "tie-breaker-kind", path: [...path, "tieBreaker"], on: "key", message, hint }];
}

function checkTimes({ intervalMs, timeout }: CheckFacts): Finding[] {
  if (intervalMs === undefined || timeout === undefined || timeout.value <= intervalMs) return [];
  const message = `the timeout is longer than the interval of ${intervalMs}ms`;
  const hint = "One probe ends before the next begins: shorten the timeout, or lengthen the interval.";
  return [{ code: "timeout-too-long", path: timeout.path, on: "value", message, hint }];
}

function checkProgram({ program }: CheckFacts): Finding[] {
  if (program === undefined || program.value.startsWith("/")) return [];
  const message = `"${clip(program.value)}" is not the whole path of a program`;
  const hint =
    "Write it with the folder, such as /usr/local/bin/check-dns; the arguments are items of their own.";
  return [{ code: "bad-command", path: program.path, on: "value", message, hint }];
}

function checkPlace(check: CheckFacts, { nodes, groups }: DocumentFacts): Finding[] {
  const { interface: place, target, kind } = check;
  const roles = new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
  const known = nodes.length > 0 && nodes.every((node) => node.interfacesPath !== undefined);
  if (place !== undefined && known && !roles.has(place.value)) {
    const meant = closestName(place.value, roles);
    const hint =
      meant === undefined ? `Interfaces: ${[...roles].map(clip).join(", ")}.` : `Did you mean "${meant}"?`;
    const message = `no node has an interface "${clip(place.value)}"`;
    return [{ code: "unknown-interface", path: place.path, on: "value", message, hint }];
  }
  if (target === undefined) return [];
  const ours = ownerOf(target.value, nodes, groups);
  if (ours !== undefined) {
    const message = `${formatIp(target.value)} is ${ours}: it says nothing about what is outside`;
    const hint = "Ask somebody whom the cluster serves or depends on, such as the router of the provider.";
    return [{ code: "check-target-own", path: target.path, on: "value", message, hint }];
  }
  if (place === undefined || isLinkLocal(target.value)) return [];
  return nodes.flatMap((node) => checkReach(kind, target, place.value, node)).slice(0, 1);
}

/** From every node the target must be asked by an address of its own family; ARP does not leave the network. */
function checkReach(
  kind: string | undefined,
  { value, path }: NonNullable<CheckFacts["target"]>,
  role: string,
  node: NodeFacts,
): Finding[] {
  const addresses = node.interfaces.find((one) => one.role === role)?.addresses;
  if (addresses === undefined || !addresses.complete) return [];
  const networks = addresses.items.map((fact) => fact.value);
  const place = `"${clip(role)}" of ${clip(node.name)}`;
  if (!networks.some(({ address }) => ipFamily(address) === ipFamily(value))) {
    const message = `${place} has no IPv${ipFamily(value)} address to ask ${formatIp(value)} from`;
    const hint = "Give it one, or choose a target or an interface of the other family.";
    return [{ code: "family-mismatch", path, on: "value", message, hint }];
  }
  if (kind !== "arp" || networks.some((network) => networkContains(network, value))) return [];
  const list = networks.map(formatNetwork).join(", ");
  const message = `${formatIp(value)} lies in no network of ${place} (${list})`;
  return [
    {
      code: "address-outside-network",
      path,
      on: "value",
      message,
      hint: "For a host behind a router: kind: ping.",
    },
  ];
}

function ownerOf(
  target: NonNullable<CheckFacts["target"]>["value"],
  nodes: readonly NodeFacts[],
  groups: readonly GroupFacts[],
): string | undefined {
  const holder = nodes.find((node) =>
    node.interfaces.some((one) => one.addresses.items.some((fact) => equalIp(fact.value.address, target))),
  );
  if (holder !== undefined) return `the own address of ${clip(holder.name)}`;
  const virtual = groups.some((group) =>
    group.addresses.some(({ list }) => list.items.some((fact) => equalIp(fact.value.address, target))),
  );
  return virtual ? "a virtual address of the cluster" : undefined;
}
