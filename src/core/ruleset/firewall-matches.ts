import {
  formatIpRange,
  type IpRange,
  mergeIpRanges,
  parseIpRange,
  rangesHaveFamily,
} from "../../base/ip-range.ts";
import { formatPortRange, mergePortRanges, parsePortRange } from "../../base/port-range.ts";
import type { ClusterNode } from "../../contract/cluster-document.ts";
import { type FirewallRule, icmpTypes, icmpv6Types } from "../../contract/firewall-schema.ts";
import { setNameOf } from "../../contract/match-scalars.ts";
import type { SetContents } from "../../contract/set-contents.ts";
import { protocolWord } from "./nft-words.ts";
import { addressSetName, type FamilyWords, familyWords, portSetName } from "./set-rules.ts";

/** What a rule is about, but for what is done. */
export type Matched = Partial<
  Pick<FirewallRule, "from" | "to" | "in" | "out" | "protocol" | "ports" | "sourcePorts" | "types">
>;

/** Where a rule is rendered for. */
export interface MatchPlace {
  readonly node: ClusterNode;
  readonly sets: ReadonlyMap<string, SetContents>;
}

/** One of the matches of nft that together make up those of a rule. */
export interface Match {
  readonly text: string;
  /** Undefined where it is for both. */
  readonly family: FamilyWords | undefined;
}

/**
 * The matches of a rule in nft's words. A rule has several where nft has no single one for it: for two families, for
 * several sets, for ICMP and ICMPv6.
 */
export function matchesOf(rule: Matched, { node, sets }: MatchPlace): readonly Match[] {
  const devices = (key: "iifname" | "oifname", roles: readonly string[] | undefined) =>
    roles === undefined
      ? ""
      : `${key} ${anonymousSet(roles.map((role) => `"${node.interfaces[role]?.device ?? ""}"`))}`;
  const onDevices = [devices("iifname", rule.in), devices("oifname", rule.out)];
  if (rule.from === undefined && rule.to === undefined)
    return protocolMatches(rule, sets, undefined).map((text) => ({
      text: joined([...onDevices, text]),
      family: undefined,
    }));
  return familyWords.flatMap((words) =>
    addressMatches("saddr", rule.from, words, sets).flatMap((from) =>
      addressMatches("daddr", rule.to, words, sets).flatMap((to) =>
        protocolMatches(rule, sets, words.family).map((text) => ({
          text: joined([...onDevices, from, to, text]),
          family: words,
        })),
      ),
    ),
  );
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}

/** The alternatives for one end within a family: its networks together, and each of its sets. */
function addressMatches(
  key: "saddr" | "daddr",
  texts: readonly string[] | undefined,
  { family, keyword }: FamilyWords,
  sets: ReadonlyMap<string, SetContents>,
): readonly string[] {
  if (texts === undefined) return [""];
  const isOfFamily = (range: IpRange) => range.family === family;
  const literal = mergeIpRanges(
    texts
      .flatMap((text) => (setNameOf(text) === undefined ? (parseIpRange(text) ?? []) : []))
      .filter(isOfFamily),
  ).map(formatIpRange);
  // The kernel knows no prefix of no bits as a match: it is the family itself.
  const everything = literal.some((text) => text.endsWith("/0"));
  const named = setNames(texts).filter((name) => rangesHaveFamily(sets.get(name)?.addresses ?? [], family));
  return [
    ...(literal.length === 0
      ? []
      : [everything ? `meta nfproto ipv${family}` : `${keyword} ${key} ${anonymousSet(literal)}`]),
    ...named.map((name) => `${keyword} ${key} @${addressSetName(name, family)}`),
  ];
}

/** The alternatives for protocol, ports and types. */
function protocolMatches(
  { protocol, ports, sourcePorts, types }: Matched,
  sets: ReadonlyMap<string, SetContents>,
  family: 4 | 6 | undefined,
): readonly string[] {
  if (protocol === undefined) return [""];
  const foreign = family === 4 ? "icmpv6" : family === 6 ? "icmp" : undefined;
  const own = [...new Set(protocol)].filter((one) => one !== foreign);
  if (own.length === 0) return [];
  if (types !== undefined)
    return own.flatMap((one) => {
      const known: readonly string[] = one === "icmp" ? icmpTypes : icmpv6Types;
      const some = [...new Set(types)].filter((type) => known.includes(type));
      return some.length === 0 ? [] : [`${one} type ${anonymousSet(some)}`];
    });
  const isPlain = ports === undefined && sourcePorts === undefined;
  const numbers = anonymousSet(own.map(protocolWord));
  if (isPlain) return [`meta l4proto ${numbers}`];
  const single = own.length === 1 ? own[0] : undefined;
  const header = single ?? "th";
  const first = single === undefined ? `meta l4proto ${numbers}` : "";
  return portMatches(`${header} sport`, sourcePorts, sets).flatMap((source) =>
    portMatches(`${header} dport`, ports, sets).map((destination) => joined([first, source, destination])),
  );
}

function portMatches(
  key: string,
  texts: readonly string[] | undefined,
  sets: ReadonlyMap<string, SetContents>,
): readonly string[] {
  if (texts === undefined) return [""];
  const literal = mergePortRanges(texts.flatMap((text) => parsePortRange(text) ?? [])).map(formatPortRange);
  const named = setNames(texts).filter((name) => (sets.get(name)?.ports.length ?? 0) > 0);
  return [
    ...(literal.length === 0 ? [] : [`${key} ${anonymousSet(literal)}`]),
    ...named.map((name) => `${key} @${portSetName(name)}`),
  ];
}

function setNames(texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((text) => setNameOf(text) ?? []))];
}

/** Elements as they stand in a match; a single one without braces. */
export function anonymousSet(elements: readonly string[]): string {
  const all = [...new Set(elements)];
  return all.length === 1 ? (all[0] ?? "") : `{ ${all.join(", ")} }`;
}
