import type { ClusterDocument } from "../../contract/cluster-document.ts";
import {
  type FirewallChainName,
  type FirewallRule,
  firewallChainNames,
} from "../../contract/firewall-schema.ts";
import type { Rate } from "../../contract/match-scalars.ts";
import { formatPortRange, validPortRange } from "../../contract/nat-schema.ts";
import { type Match, type MatchPlace, matchesOf } from "./firewall-matches.ts";
import { afterInputRules, beforeInputRules } from "./firewall-own-rules.ts";
import type { Chain, NamedSet, Rule } from "./ruleset.ts";
import { type FamilyWords, familyWords, setsOf } from "./set-rules.ts";

/** Chains and sets of the firewall; none where the document has none. */
export interface FirewallRuleset {
  readonly chains: readonly Chain[];
  readonly sets: readonly NamedSet[];
}

/**
 * Behind tocha's own chains (priority filter): packets without a connection are gone by then, and what is accepted there
 * still comes here.
 */
const PRIORITY = "filter + 10";

/**
 * The document's firewall for one node (docs/guide/firewall.md).
 *
 * @param clusterRules match what the nodes say to each other: it passes before all rules
 */
export function firewallRuleset(
  document: ClusterDocument,
  node: string,
  clusterRules: readonly Rule[],
): FirewallRuleset {
  const own = document.nodes[node];
  if (own === undefined) throw new Error(`no node ${node} in a checked document`);
  const place: MatchPlace = { node: own, sets: setsOf(document) };
  const parts = firewallChainNames.map((name): FirewallRuleset => {
    const chain = document.firewall?.[name];
    if (chain === undefined) return { chains: [], sets: [] };
    const rendered = chain.rules.map((rule) => renderRule(document, name, rule, place));
    const isInput = name === "input";
    const rules = [
      established,
      ...(isInput ? beforeInputRules(document, place, clusterRules) : []),
      ...rendered.flatMap(({ rules }) => rules),
      ...(isInput ? afterInputRules(document, place) : []),
      ...(chain.default === "accept" ? [] : [...(isInput ? [] : portForwards(document)), rest(name)]),
    ];
    return {
      chains: [
        ...rendered.flatMap(({ chains }) => chains),
        { name: `firewall-${name}`, hook: `filter hook ${name} priority ${PRIORITY}`, rules },
      ],
      sets: rendered.flatMap(({ sets }) => sets),
    };
  });
  return { chains: parts.flatMap(({ chains }) => chains), sets: parts.flatMap(({ sets }) => sets) };
}

const established: Rule = {
  match: "ct state established,related",
  verdict: "accept",
  comment: "belongs to an accepted connection",
};

/**
 * A port forward of the document is a wish to let that in. Rules before it can forbid it. Addresses that are translated one to one are
 * none: that says nothing of ports.
 */
function portForwards({ nat }: ClusterDocument): Rule[] {
  return nat.forward.map(({ id, protocol, port, target, targetPort }) => {
    const { first, last } = validPortRange(port);
    const begin = targetPort ?? first;
    const ports = formatPortRange({ first: begin, last: begin + last - first });
    const header = protocol === "both" ? "meta l4proto { tcp, udp } th" : protocol;
    const keyword = target.includes(":") ? "ip6" : "ip";
    return {
      match: `ct status dnat ${keyword} daddr ${target} ${header} dport ${ports}`,
      verdict: "counter accept",
      comment: `port forward ${id}`,
    };
  });
}

function rest(name: FirewallChainName): Rule {
  return { match: "", verdict: "counter drop", comment: `default of firewall.${name}` };
}

interface RenderedRule extends FirewallRuleset {
  readonly rules: readonly Rule[];
}

/** A rule of the document: as many of nft as it has matches, which go to a chain of its own where more than one thing is done. */
function renderRule(
  document: ClusterDocument,
  chainName: FirewallChainName,
  rule: FirewallRule,
  place: MatchPlace,
): RenderedRule {
  const matches = matchesOf(rule, place);
  if (matches.length === 0) return { rules: [], chains: [], sets: [] };
  const { rules: steps, sets } = stepsOf(document, chainName, rule, matches);
  const [only, ...more] = steps;
  const isSimple = only !== undefined && more.length === 0 && only.match === "";
  const name = `${chainName}-${rule.id}`;
  const verdict = isSimple ? only.verdict : `counter goto ${name}`;
  return {
    rules: matches.map(({ text }) => ({ match: text, verdict, comment: rule.id })),
    chains: isSimple ? [] : [{ name, hook: undefined, rules: steps }],
    sets,
  };
}

/** What is done with a connection that the rule matches, in order. */
function stepsOf(
  { logging }: ClusterDocument,
  chainName: FirewallChainName,
  rule: FirewallRule,
  matches: readonly Match[],
): { readonly rules: readonly Rule[]; readonly sets: readonly NamedSet[] } {
  const families = familyWords.filter((words) =>
    matches.some(({ family }) => family === undefined || family.family === words.family),
  );
  const name = (what: string, { family }: FamilyWords) => `${chainName}-${rule.id}-${what}${family}`;
  const rules: Rule[] = [];
  const sets: NamedSet[] = [];
  const bound = (match: string, comment: string) =>
    rules.push({ match, verdict: "counter drop", comment: `${rule.id}: ${comment}` });
  const { connections, sourceLimit, limit } = rule;
  if (connections !== undefined)
    for (const words of families) {
      const set = name("connections", words);
      sets.push(sourceSet(set, words, [`comment "${connections} at once"`]));
      bound(
        `add @${set} { ${source(words)} ct count over ${connections} }`,
        "too many connections of one source",
      );
    }
  if (sourceLimit !== undefined)
    for (const words of families) {
      const set = name("sources", words);
      // A source that was silent for that long has its whole allowance again.
      const timeout = `timeout ${2 * periodSeconds[sourceLimit.per]}s`;
      sets.push(sourceSet(set, words, [timeout, `comment "${rateText(sourceLimit)}"`]));
      bound(
        `update @${set} { ${source(words)} limit rate over ${rateText(sourceLimit)} }`,
        "too many in a time from one source",
      );
    }
  if (limit !== undefined) bound(`limit rate over ${rateText(limit)}`, "too many in a time");
  if (rule.log) rules.push(logRule(logging.firewall, rule));
  return { rules: [...rules, ...verdicts(rule)], sets };
}

const periodSeconds = { second: 1, minute: 60, hour: 3_600 } as const;

/** Of a burst as large as the rate: all of a period's may come at once. */
function rateText({ count, per }: Rate): string {
  return `${count}/${per} burst ${count} packets`;
}

/** So many sources are told apart at the same time; further ones are not bounded. */
const SOURCES_MAX = 65_536;

/**
 * @param more among it the bound as a comment: the elements carry it, so the set of another bound must be another set, which the
 *   difference of rule sets sees by this
 */
function sourceSet(name: string, { type }: FamilyWords, more: readonly string[]): NamedSet {
  const expires = more.some((statement) => statement.startsWith("timeout"));
  const flags = expires ? "flags dynamic,timeout" : "flags dynamic";
  return { kind: "set", name, header: [`type ${type}`, `size ${SOURCES_MAX}`, flags, ...more], elements: [] };
}

/** A host has the whole /64 of its IPv6 network to choose addresses from. */
function source({ family }: FamilyWords): string {
  return family === 4 ? "ip saddr" : "ip6 saddr & ffff:ffff:ffff:ffff::";
}

function logRule(
  { prefix, group, rate }: ClusterDocument["logging"]["firewall"],
  { id }: FirewallRule,
): Rule {
  const to = group === undefined ? "" : ` group ${group}`;
  return {
    match: `limit rate ${rateText(rate)}`,
    verdict: `log prefix "${prefix}${id}: "${to}`,
    comment: `${id}: logged`,
  };
}

/** The answer of `reject` depends on the protocol: TCP has one of its own. */
function verdicts({ action, protocol, id }: FirewallRule): Rule[] {
  const done = (match: string, verdict: string): Rule => ({
    match,
    verdict: `counter ${verdict}`,
    comment: id,
  });
  if (action !== "reject") return [done("", action)];
  const reset = "reject with tcp reset";
  const prohibited = "reject with icmpx admin-prohibited";
  if (protocol === undefined || (protocol.includes("tcp") && protocol.some((one) => one !== "tcp")))
    return [done("meta l4proto tcp", reset), done("", prohibited)];
  return [done("", protocol.includes("tcp") ? reset : prohibited)];
}
