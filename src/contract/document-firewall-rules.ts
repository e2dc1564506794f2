import type { DocumentFacts } from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import type { SetFacts } from "./document-set-rules.ts";
import type { Finding } from "./finding.ts";
import {
  type FirewallChainName,
  type FirewallRule,
  firewallChainNames,
  forwardRule,
  icmpTypes,
  icmpv6Types,
  inputRule,
  management,
} from "./firewall-schema.ts";
import type { DocumentPath } from "./located-yaml.ts";
import { setNameOf } from "./match-scalars.ts";
import {
  hasPorts,
  partsCover,
  type RuleScope,
  RuleScopes,
  scopeCover,
  scopeFamilies,
  scopesApart,
} from "./rule-scope.ts";
import type { SetKind } from "./set-file.ts";
import { itemPath, type Understood, understoodItems, valueAt } from "./understood.ts";
import { hintFor, knownInterfaces, unknownInterface } from "./unknown-name.ts";

type Rules = Readonly<Record<FirewallChainName, readonly Understood<FirewallRule>[]>>;

/** What must hold for the firewall's rules, and for where the gateways are administered from. */
export function checkFirewall(root: unknown, facts: DocumentFacts, sets: SetFacts): Finding[] {
  const rules = rulesOf(root);
  const all = firewallChainNames.flatMap((name) => rules[name]);
  const interfaces = knownInterfaces(facts);
  const scopes = new RuleScopes(sets.contents);
  return [
    ...checkIds(all),
    ...all.flatMap((rule) => [
      ...checkInterfaces(root, rule, interfaces),
      ...checkSetNames(root, rule.value, rule.path, sets),
      ...checkParts(root, rule),
      ...checkFamilies(rule, scopes),
    ]),
    ...checkManagement(root, interfaces, sets),
  ];
}

/** What is allowed, but surely not meant. */
export function firewallNotices(root: unknown, sets: SetFacts): Finding[] {
  const rules = rulesOf(root);
  const scopes = new RuleScopes(sets.contents);
  return [
    ...firewallChainNames.flatMap((name) => checkCovered(rules[name], scopes)),
    ...checkLockout(root, rules.input, scopes),
  ];
}

function rulesOf(root: unknown): Rules {
  return {
    forward: understoodItems(root, ["firewall", "forward", "rules"], forwardRule),
    input: understoodItems(root, ["firewall", "input", "rules"], inputRule),
  };
}

/** Ids are one name space for both chains: logs name nothing else. */
function checkIds(rules: readonly Understood<FirewallRule>[]): Finding[] {
  const seen = new Set<string>();
  return rules.flatMap(({ value: { id }, path }): Finding[] => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    const message = `another rule of the firewall has the id "${clip(id)}"`;
    const hint = "Give every rule its own id.";
    return [{ code: "duplicate-id", path: [...path, "id"], on: "value", message, hint }];
  });
}

function checkInterfaces(
  root: unknown,
  { value, path }: Understood<{ readonly in?: string[] | undefined; readonly out?: string[] | undefined }>,
  known: ReadonlySet<string> | undefined,
): Finding[] {
  return (["in", "out"] as const).flatMap((key) =>
    (value[key] ?? []).flatMap((name, index) =>
      unknownInterface(name, itemPath(root, [...path, key], index), known),
    ),
  );
}

const setKinds = { from: "addresses", to: "addresses", ports: "ports", sourcePorts: "ports" } as const;

function checkSetNames(
  root: unknown,
  rule: Partial<Pick<FirewallRule, keyof typeof setKinds>>,
  path: DocumentPath,
  { names, contents }: SetFacts,
): Finding[] {
  return (["from", "to", "ports", "sourcePorts"] as const).flatMap((key) =>
    (rule[key] ?? []).flatMap((text, index): Finding[] => {
      const name = setNameOf(text);
      if (name === undefined) return [];
      const place = { path: itemPath(root, [...path, key], index), on: "value" } as const;
      if (!names.has(name)) {
        const message = `there is no set "${clip(name)}"`;
        return [{ code: "unknown-set", ...place, message, hint: hintFor(name, names, "Sets") }];
      }
      const kind: SetKind | undefined = contents.get(name)?.kind;
      if (kind === undefined || kind === setKinds[key]) return [];
      const message = `the set "${clip(name)}" holds ${kind}, and ${setKinds[key]} must stand here`;
      return [{ code: "wrong-set-kind", ...place, message, hint: `Name a set with kind: ${setKinds[key]}.` }];
    }),
  );
}

/** What must come together within one rule. */
function checkParts(root: unknown, { value: rule, path }: Understood<FirewallRule>): Finding[] {
  const bad = (key: string, message: string, hint: string): Finding => ({
    ...({ code: "bad-rule", path: [...path, key], on: "key" } as const),
    message,
    hint,
  });
  const findings: Finding[] = [];
  const portKey =
    rule.ports !== undefined ? "ports" : rule.sourcePorts !== undefined ? "sourcePorts" : undefined;
  const protocols = rule.protocol ?? [];
  const portless = protocols.find((one) => !hasPorts(one));
  if (portKey !== undefined && protocols.length === 0)
    findings.push(bad(portKey, "ports mean nothing without a protocol", "Add protocol: tcp, or [tcp, udp]."));
  else if (portKey !== undefined && portless !== undefined)
    findings.push(bad(portKey, `${portless} has no ports`, "Make a rule of its own for each of the two."));
  const icmp = protocols.filter((one) => one === "icmp" || one === "icmpv6");
  if (rule.types !== undefined && (icmp.length === 0 || icmp.length < protocols.length)) {
    const hint = "Add protocol: icmp, icmpv6, or [icmp, icmpv6], and nothing else.";
    findings.push(bad("types", "types are those of ICMP, and that is not the protocol", hint));
  } else if (rule.types !== undefined) {
    const known = new Set<string>(
      icmp.flatMap((one): readonly string[] => (one === "icmp" ? icmpTypes : icmpv6Types)),
    );
    const strange = rule.types.findIndex((type) => !known.has(type));
    if (strange >= 0) {
      findings.push({
        ...({ code: "bad-rule", on: "value" } as const),
        path: itemPath(root, [...path, "types"], strange),
        message: `${icmp.join(" and ")} has no type "${rule.types[strange]}"`,
        hint: hintFor(rule.types[strange] ?? "", known, "Types"),
      });
    }
  }
  const bound = (["limit", "sourceLimit", "connections"] as const).find((key) => rule[key] !== undefined);
  if (bound !== undefined && rule.action !== "accept") {
    const message = `${bound} says how much is accepted, and the rule accepts nothing`;
    findings.push(bad(bound, message, `Write action: accept, or take ${bound} away.`));
  }
  return findings;
}

/** A rule for both IPv4 and IPv6 at once never matches. */
function checkFamilies({ value: rule, path }: Understood<FirewallRule>, scopes: RuleScopes): Finding[] {
  const scope = scopes.of(rule);
  // What a set lacks, its notice says.
  if (scope === undefined || isEmpty(scope.from) || isEmpty(scope.to)) return [];
  if (scopeFamilies({ ...scope, types: undefined }).length > 0) return [];
  return [
    {
      ...({ code: "family-mismatch", path, on: "key" } as const),
      message: `the rule "${clip(rule.id)}" matches nothing: one part is for IPv4 alone, another for IPv6`,
      hint: "Name addresses and a protocol of one family, or make a rule of its own for each family.",
    },
  ];
}

function isEmpty(scope: RuleScope["from"]): boolean {
  return scope !== undefined && scope.ranges.length === 0;
}

function checkManagement(
  root: unknown,
  interfaces: ReadonlySet<string> | undefined,
  sets: SetFacts,
): Finding[] {
  const path = ["management"];
  const parsed = management.safeParse(valueAt(root, path));
  if (!parsed.success || parsed.data === undefined) return [];
  const { interfaces: roles = [], from } = parsed.data;
  return [
    ...roles.flatMap((name, index) =>
      unknownInterface(name, itemPath(root, [...path, "interfaces"], index), interfaces),
    ),
    ...checkSetNames(root, from === undefined ? {} : { from }, path, sets),
  ];
}

/** Every rule takes all that it matches, whatever it does with it: what an earlier one matches, no later one sees. */
function checkCovered(rules: readonly Understood<FirewallRule>[], scopes: RuleScopes): Finding[] {
  const earlier: Earlier[] = [];
  return rules.flatMap(({ value: rule, path }): Finding[] => {
    const { id } = rule;
    const scope = scopes.of(rule);
    if (scope === undefined || isEmpty(scope.from) || isEmpty(scope.to)) return [];
    const covering = coveringRules(earlier, scope);
    if (covering.length === 0) {
      earlier.push({ id, scope });
      return [];
    }
    const isOne = covering.length === 1;
    const names = covering.slice(0, NAMES_MAX).map((one) => `"${clip(one)}"`);
    const more = covering.length > NAMES_MAX ? ` and ${covering.length - NAMES_MAX} more` : "";
    return [
      {
        ...({ code: "rule-never-matches", path: [...path, "id"], on: "value" } as const),
        message: `the rule "${clip(id)}" never matches: ${names.join(", ")}${more} before it ${isOne ? "takes" : "together take"} everything that it could`,
        hint: isOne
          ? "Put it before that rule, or take one of the two away."
          : "Put it before them, or take it away.",
      },
    ];
  });
}

/** More of them nobody reads. */
const NAMES_MAX = 3;

interface Earlier {
  readonly id: string;
  readonly scope: RuleScope;
}

/** One earlier rule that takes all that a rule could match, or several that divide it in one part, such as two halves of a network. */
function coveringRules(earlier: readonly Earlier[], scope: RuleScope): readonly string[] {
  const byPart = new Map<Exclude<ReturnType<typeof scopeCover>, "wholly" | undefined>, Earlier[]>();
  for (const one of earlier) {
    if (scopesApart(one.scope, scope)) continue;
    const cover = scopeCover(one.scope, scope);
    if (cover === "wholly") return [one.id];
    if (cover === undefined) continue;
    const some = byPart.get(cover);
    if (some === undefined) byPart.set(cover, [one]);
    else some.push(one);
  }
  for (const [part, some] of byPart) {
    const scopes = some.map((one) => one.scope);
    if (some.length > 1 && partsCover(part, scopes, scope)) return some.map(({ id }) => id);
  }
  return [];
}

const SSH = 22;

/** Nobody reaches the gateway's SSH any more: neither by `management`, nor by a rule, nor by the default. */
function checkLockout(
  root: unknown,
  rules: readonly Understood<FirewallRule>[],
  scopes: RuleScopes,
): Finding[] {
  const input = valueAt(root, ["firewall", "input"]);
  if (input === undefined || valueAt(root, ["management"]) !== undefined) return [];
  const isDropping = valueAt(root, ["firewall", "input", "default"]) === "drop";
  for (const { value: rule, path } of rules) {
    const scope = scopes.of(rule);
    if (scope === undefined || !meetsSsh(scope)) continue;
    if (rule.action === "accept") return [];
    const { from, to, in: interfaces } = scope;
    if (from === undefined && to === undefined && interfaces === undefined) return [lockout([...path, "id"])];
  }
  return isDropping ? [lockout(["firewall", "input", "default"])] : [];
}

function meetsSsh({ protocols, ports }: RuleScope): boolean {
  const hasPort = ports?.some(({ first, last }) => first <= SSH && SSH <= last) ?? true;
  return hasPort && (protocols?.has("tcp") ?? true);
}

function lockout(path: DocumentPath): Finding {
  return {
    ...({ code: "management-locked-out", path, on: "value" } as const),
    message: "with this, nobody reaches the SSH of the gateways over the network any more",
    hint: "Say in management where administrators come from: management: { interfaces: [lan] }. That passes before all rules.",
  };
}
