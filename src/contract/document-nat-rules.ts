import {
  formatIp,
  formatNetwork,
  type IpNetwork,
  ipFamily,
  networkBase,
  networkContains,
  parseIp,
  parseNetwork,
} from "../base/ip.ts";
import { closestName } from "./closest-name.ts";
import type { DocumentFacts, Fact, SourceRuleFacts } from "./document-facts.ts";
import { overlaps } from "./document-node-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** What must hold for the source translations. */
export function checkNat(facts: DocumentFacts): Finding[] {
  return [
    ...checkIds(facts.sourceRules),
    ...checkOut(facts),
    ...checkOverlaps(facts.sourceRules),
    ...facts.sourceRules.flatMap((rule) => checkTarget(rule, facts)),
  ];
}

/**
 * Masquerade translates to the node's own address, which stays behind when the node dies: a connection cannot
 * go on from another node.
 */
export function natNotices(facts: DocumentFacts): Finding[] {
  return facts.sourceRules.flatMap(({ to, id }): Finding[] =>
    to?.value === "masquerade"
      ? [
          {
            code: "masquerade-not-kept",
            path: to.path,
            on: "value",
            message: `connections of the rule "${id?.value ?? ""}" end at a takeover: masquerade uses the node's own address`,
            hint: "Translate to a virtual address of the interface to keep them.",
          },
        ]
      : [],
  );
}

function checkIds(rules: readonly SourceRuleFacts[]): Finding[] {
  const seen = new Set<string>();
  return rules.flatMap(({ id }): Finding[] => {
    if (id === undefined || !seen.has(id.value)) {
      if (id !== undefined) seen.add(id.value);
      return [];
    }
    const message = `another rule has the id "${clip(id.value)}"`;
    return [
      { code: "duplicate-id", path: id.path, on: "value", message, hint: "Give every rule its own id." },
    ];
  });
}

function checkOut({ nodes, sourceRules, syncInterface }: DocumentFacts): Finding[] {
  const roles = new Set(nodes.flatMap((node) => node.interfaces.map((one) => one.role)));
  const known = nodes.length > 0 && nodes.every((node) => node.interfacesPath !== undefined);
  return sourceRules.flatMap(({ out }): Finding[] => {
    if (out === undefined || !known) return [];
    const { value, path } = out;
    if (!roles.has(value)) {
      const meant = closestName(value, roles);
      const hint =
        meant === undefined ? `Interfaces: ${[...roles].map(clip).join(", ")}.` : `Did you mean "${meant}"?`;
      return [
        {
          code: "unknown-interface",
          path,
          on: "value",
          message: `no node has an interface "${clip(value)}"`,
          hint,
        },
      ];
    }
    if (value !== syncInterface?.value) return [];
    const message = `"${value}" is the interface between the nodes: nothing is translated there`;
    return [
      { code: "bad-nat-target", path, on: "value", message, hint: "Name the interface that leads outside." },
    ];
  });
}

/** Rules are tried in order. A later, wider rule is fine; one that lies within an earlier one never matches. */
function checkOverlaps(rules: readonly SourceRuleFacts[]): Finding[] {
  const seen: { out: string; network: IpNetwork; id: string }[] = [];
  const findings: Finding[] = [];
  for (const { id, out, from } of rules) {
    if (out === undefined) continue;
    for (const fact of from.items) {
      const earlier = seen.find((one) => one.out === out.value && within(one.network, fact.value));
      if (earlier !== undefined) {
        findings.push({
          code: "overlapping-sources",
          path: fact.path,
          on: "value",
          message: `${formatNetwork(fact.value)} is within ${formatNetwork(earlier.network)} of the rule "${clip(earlier.id)}", which matches first`,
          hint: "Take one of the two away, or put the rule for the smaller network first.",
        });
      }
      seen.push({ out: out.value, network: fact.value, id: id?.value ?? "" });
    }
  }
  return findings;
}

function within(outer: IpNetwork, inner: IpNetwork): boolean {
  return outer.prefixLength <= inner.prefixLength && networkContains(outer, inner.address);
}

function checkTarget(rule: SourceRuleFacts, facts: DocumentFacts): Finding[] {
  const { to, from } = rule;
  if (to === undefined || to.value === "masquerade") return [];
  const target = parseNetwork(to.value);
  if (target === undefined) return [];
  const family = ipFamily(target.address);
  const strange = from.items.filter((fact) => ipFamily(fact.value.address) !== family);
  if (strange[0] !== undefined) {
    return [
      {
        code: "family-mismatch",
        path: to.path,
        on: "value",
        message: `${formatNetwork(strange[0].value)} cannot be translated to ${clip(to.value)}: one is IPv4, the other IPv6`,
        hint: `Name an IPv${family === 4 ? 6 : 4} address, or make a rule of its own for each family.`,
      },
    ];
  }
  return to.value.includes("/") ? checkPrefix(to, target, rule, facts) : checkAddress(to, rule, facts);
}

function checkAddress(
  to: Fact<string>,
  { out }: SourceRuleFacts,
  { groups, nodes }: DocumentFacts,
): Finding[] {
  const address = parseIp(to.value);
  if (out === undefined || address === undefined || groups.length === 0) return [];
  const lists = groups.flatMap((group) => group.addresses.filter((one) => one.role === out.value));
  const virtual = lists.flatMap(({ list }) => list.items.map((fact) => formatIp(fact.value.address)));
  if (virtual.includes(formatIp(address)) || lists.some(({ list }) => !list.complete)) return [];
  if (!nodes.some((node) => node.interfaces.some((one) => one.role === out.value))) return [];
  return [
    {
      code: "unknown-nat-address",
      path: to.path,
      on: "value",
      message: `${formatIp(address)} is not a virtual address of "${clip(out.value)}"`,
      hint:
        virtual.length > 0
          ? `Virtual addresses there: ${virtual.join(", ")}. Others do not move when a node dies.`
          : `Add it to the virtual addresses of "${clip(out.value)}" in the group, so that it moves when a node dies.`,
    },
  ];
}

/** IPv6 prefix translation (in the manner of RFC 6296, but kept in the connection table). */
function checkPrefix(
  to: Fact<string>,
  target: IpNetwork,
  rule: SourceRuleFacts,
  { nodes }: DocumentFacts,
): Finding[] {
  const bad = (message: string, hint: string): Finding[] => [
    { code: "bad-nat-target", path: to.path, on: "value", message, hint },
  ];
  if (target.address.length === 4) {
    return bad(
      "only IPv6 networks can be translated to a prefix",
      "Name one of the virtual addresses of `out`.",
    );
  }
  const unequal = rule.from.items.find((fact) => fact.value.prefixLength !== target.prefixLength);
  if (unequal !== undefined) {
    return [
      {
        code: "prefix-length-mismatch",
        path: to.path,
        on: "value",
        message: `${formatNetwork(unequal.value)} and ${formatNetwork(target)} differ in prefix length`,
        hint: `A prefix is translated to one of equal length: write ${formatNetwork(networkBase({ ...target, prefixLength: unequal.value.prefixLength }))}, or correct \`from\`.`,
      },
    ];
  }
  if (rule.from.items.length > 1) {
    return bad(
      `several networks cannot share the prefix ${formatNetwork(target)}`,
      "Make a rule with a prefix of its own for each network.",
    );
  }
  const onLink = nodes.flatMap((node) =>
    node.interfaces.flatMap((one) => one.addresses.items.filter((fact) => overlaps(fact.value, target))),
  );
  if (onLink[0] === undefined) return [];
  return [
    {
      code: "prefix-on-link",
      path: to.path,
      on: "value",
      message: `${formatNetwork(target)} overlaps the network of ${formatNetwork(onLink[0].value)}: neighbours would look for its addresses on the link, where nobody answers`,
      hint: "Use a prefix that is routed to a virtual address of this cluster.",
    },
  ];
}
