import { formatIpEnds, type IpRange, rangeSize } from "../../base/ip-range.ts";
import type { ClusterDocument, ClusterNode, SourceRule } from "../../contract/cluster-document.ts";
import { type SourceTarget, sourceTarget } from "../../contract/nat-targets.ts";
import { isFamily, set, withoutContained } from "./nft-words.ts";
import type { Rule } from "./ruleset.ts";

/** Every node must send a source to the same part of a pool, so the hash must be the same everywhere: "toch". */
const POOL_SEED = "0x746f6368";
/** Hashes have 32 bits, and parts that are much larger than this (IPv6) count as equal. */
const WEIGHT_MAX = 2 ** 24;

const families = [
  { family: 4, keyword: "ip" },
  { family: 6, keyword: "ip6" },
] as const;

/** The source translations of the document, in its order. */
export function sourceRules(document: ClusterDocument, node: ClusterNode): Rule[] {
  return document.nat.source.flatMap((rule) =>
    families.flatMap(({ family, keyword }): Rule[] => {
      const sources = rule.from.filter(isFamily(family));
      if (sources.length === 0) return [];
      const device = node.interfaces[rule.out]?.device ?? "";
      const match = `oifname "${device}" ${keyword} saddr ${set(withoutContained(sources))}`;
      return translations(rule, sources, keyword).map(({ only, verdict }) => ({
        match: `${match}${only}`,
        verdict: `counter ${verdict}`,
        comment: rule.id,
      }));
    }),
  );
}

/** What is translated, of what matches the rule, and how. */
interface Translation {
  readonly only: string;
  readonly verdict: string;
}

/** Ports are kept where they are free: `random` would fail RFC 4787 REQ-1 (endpoint-independent mapping). */
function translations(rule: SourceRule, sources: readonly string[], keyword: "ip" | "ip6"): Translation[] {
  const target = sourceTarget(rule);
  if (target.kind === "prefix") {
    const elements = sources.map((from) => `${from} : ${String(rule.to)}`);
    return [
      { only: "", verdict: `snat ${keyword} prefix to ${keyword} saddr map { ${elements.join(", ")} }` },
    ];
  }
  return parts(target, keyword).flatMap(({ only, verdict, flags }) => {
    const plain = { only, verdict: `${verdict("")}${flags}` };
    if (rule.ports === undefined) return [plain];
    // Only what has ports can be given some of a range; what has none goes as it is.
    const ported = `${only} meta l4proto { tcp, udp, sctp, dccp, udplite }`;
    return [{ only: ported, verdict: `${verdict(`:${rule.ports}`)}${flags}` }, plain];
  });
}

interface PoolPart {
  readonly only: string;
  readonly flags: string;
  readonly verdict: (ports: string) => string;
}

/**
 * A source keeps its address of the pool, whatever it connects to (RFC 4787 REQ-2): the kernel chooses by a hash of the source
 * alone (`persistent`), the same on every node. Of a pool in several parts a hash of the source chooses the part first, by their sizes.
 */
function parts(target: Exclude<SourceTarget, { kind: "prefix" }>, keyword: "ip" | "ip6"): PoolPart[] {
  if (target.kind === "masquerade")
    return [
      { only: "", flags: "", verdict: (ports) => (ports === "" ? "masquerade" : `masquerade to ${ports}`) },
    ];
  const { ranges } = target;
  const weights = ranges.map((range) => Math.min(rangeSize(range), WEIGHT_MAX));
  const sum = weights.reduce((all, weight) => all + weight, 0);
  let below = 0;
  return ranges.map((range, index) => {
    below += weights[index] ?? 0;
    // The rules before this one have taken the smaller hashes, and the last one takes the rest.
    const isLast = index === ranges.length - 1;
    return {
      only: isLast ? "" : ` jhash ${keyword} saddr mod ${sum} seed ${POOL_SEED} < ${below}`,
      flags: rangeSize(range) > 1 ? " persistent" : "",
      verdict: (ports) => `snat ${keyword} to ${poolText(range, keyword, ports)}`,
    };
  });
}

function poolText(range: IpRange, keyword: "ip" | "ip6", ports: string): string {
  const text = formatIpEnds(range);
  if (ports === "" || keyword === "ip") return `${text}${ports}`;
  return `${text
    .split("-")
    .map((address) => `[${address}]`)
    .join("-")}${ports}`;
}
