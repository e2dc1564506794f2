import {
  formatNetwork,
  type IpNetwork,
  ipFamily,
  networkBase,
  networkContains,
  parseNetwork,
} from "../base/ip.ts";
import { formatIpEnds } from "../base/ip-range.ts";
import type { DocumentFacts, Fact, SourceRuleFacts } from "./document-facts.ts";
import { checkOut, checkOutside, checkRouted, routedOnLink } from "./document-nat-address-rules.ts";
import { checkCgnat } from "./document-nat-cgnat-rules.ts";
import type { NatFacts, PoolRuleFacts, RuleFacts } from "./document-nat-facts.ts";
import { checkForwards, forwardNotices } from "./document-nat-forward-rules.ts";
import { checkOneToOne } from "./document-nat-one-to-one-rules.ts";
import { checkParts, checkPools, coveredNotices } from "./document-nat-pool-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";

/** What must hold for translation. */
export function checkNat(facts: DocumentFacts, nat: NatFacts): Finding[] {
  const { sources, forwards, oneToOne, cgnat } = nat;
  return [
    ...checkIds([...sources, ...forwards, ...oneToOne, ...cgnat]),
    ...checkOut(
      [...sources, ...oneToOne, ...cgnat].map(({ out }) => out),
      facts,
    ),
    ...checkRouted(facts, nat),
    ...checkOverlaps(sources),
    ...facts.sourceRules.flatMap((rule) => checkPrefix(rule, facts)),
    ...sources.flatMap((rule) => checkPool(rule, facts, nat)),
    ...checkForwards(facts, nat),
    ...checkOneToOne(facts, nat),
    ...checkCgnat(facts, nat),
    ...checkPools(nat),
  ];
}

/**
 * Masquerade translates to the node's own address, which stays behind when the node dies: a connection cannot
 * go on from another node.
 */
export function natNotices(facts: DocumentFacts, nat: NatFacts): Finding[] {
  const masquerades = facts.sourceRules.flatMap(({ to, id }): Finding[] =>
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
  return [...masquerades, ...forwardNotices(facts, nat), ...coveredNotices(nat)];
}

/** One name, one rule: counters and messages tell them apart by it. */
function checkIds(rules: readonly RuleFacts[]): Finding[] {
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

/** Rules are tried in order. A later, wider rule is fine; one that lies within an earlier one never matches. */
function checkOverlaps(rules: readonly PoolRuleFacts[]): Finding[] {
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

/** A rule that translates to addresses. */
function checkPool(rule: PoolRuleFacts, facts: DocumentFacts, nat: NatFacts): Finding[] {
  const findings = checkParts(rule.pool);
  for (const part of rule.pool) {
    const text = formatIpEnds(part.value);
    const mixed = familyMismatch(rule, part.value.family, text, part.path);
    if (mixed.length > 0) {
      findings.push(...mixed);
      continue;
    }
    if (rule.out !== undefined) findings.push(...checkOutside(part, rule.out.value, facts, nat));
  }
  if (rule.isPrefix && rule.ports !== undefined) {
    const message = "a translation of prefixes leaves all ports as they are";
    const hint = "Take `ports` away, or translate to addresses.";
    findings.push({ code: "bad-ports", path: rule.ports.path, on: "value", message, hint });
  }
  return findings;
}

function familyMismatch(
  { from }: Pick<PoolRuleFacts, "from">,
  family: 4 | 6,
  text: string,
  path: Finding["path"],
): Finding[] {
  const strange = from.items.find((fact) => ipFamily(fact.value.address) !== family);
  if (strange === undefined) return [];
  return [
    {
      code: "family-mismatch",
      path,
      on: "value",
      message: `${formatNetwork(strange.value)} cannot be translated to ${clip(text)}: one is IPv4, the other IPv6`,
      hint: `Name an IPv${family === 4 ? 6 : 4} address, or make a rule of its own for each family.`,
    },
  ];
}

/** IPv6 prefix translation (in the manner of RFC 6296, but kept in the connection table). */
function checkPrefix(rule: SourceRuleFacts, facts: DocumentFacts): Finding[] {
  const { to } = rule;
  const target = to?.value.includes("/") ? parseNetwork(to.value) : undefined;
  if (to === undefined || target === undefined) return [];
  const mixed = familyMismatch(rule, ipFamily(target.address), to.value, to.path);
  return mixed.length > 0 ? mixed : checkPrefixTarget(to, target, rule, facts);
}

function checkPrefixTarget(
  to: Fact<string>,
  target: IpNetwork,
  rule: SourceRuleFacts,
  facts: DocumentFacts,
): Finding[] {
  const bad = (message: string, hint: string): Finding[] => [
    { code: "bad-nat-target", path: to.path, on: "value", message, hint },
  ];
  if (target.address.length === 4) {
    return bad(
      "only IPv6 networks can be translated to a prefix",
      "Name one of the virtual addresses of `out`, or a pool of them with its first and last address.",
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
  return routedOnLink({ value: target, path: to.path }, facts);
}
