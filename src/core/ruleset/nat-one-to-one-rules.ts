import {
  type ClusterDocument,
  type ClusterNode,
  type OneToOneRule,
  virtualAddressesOf,
} from "../../contract/cluster-document.ts";
import { keywordOf, withoutWholeLength } from "./nft-words.ts";
import type { Rule } from "./ruleset.ts";

/** What leaves, translated one to one. */
export function oneToOneRules({ nat }: ClusterDocument, node: ClusterNode): Rule[] {
  return nat.oneToOne.map((rule) => {
    const { match, verdict } = outward(rule);
    const device = node.interfaces[rule.out]?.device ?? "";
    return { match: `oifname "${device}" ${match}`, verdict: `counter ${verdict}`, comment: rule.id };
  });
}

/** From the inside to the outside, by whichever device. */
export function outward({ inside, outside }: OneToOneRule): Pick<Rule, "match" | "verdict"> {
  const keyword = keywordOf(inside);
  const isOne = withoutWholeLength(inside) !== inside;
  return {
    match: `${keyword} saddr ${withoutWholeLength(inside)}`,
    verdict: isOne
      ? `snat ${keyword} to ${withoutWholeLength(outside)}`
      : `snat ${keyword} prefix to ${keyword} saddr map { ${inside} : ${outside} }`,
  };
}

/** What comes to the outside address, from anywhere, or only from outside where hairpin is off. */
export function inward(rule: OneToOneRule, document: ClusterDocument, node: ClusterNode): Rule {
  const { inside, outside } = rule;
  const keyword = keywordOf(outside);
  const from = rule.hairpin ? "" : `iifname "${node.interfaces[rule.out]?.device ?? ""}" `;
  const isOne = withoutWholeLength(outside) !== outside;
  return {
    match: `${from}${onlyHere(document, outside)}${keyword} daddr ${withoutWholeLength(outside)}`,
    verdict: isOne
      ? `counter dnat ${keyword} to ${withoutWholeLength(inside)}`
      : `counter dnat ${keyword} prefix to ${keyword} daddr map { ${outside} : ${inside} }`,
    comment: rule.id,
  };
}

/**
 * With several groups another node may hold the address: packets for it go on to that one. What is routed to the cluster is no
 * node's own address.
 */
export function onlyHere(document: ClusterDocument, outside: string): string {
  if (Object.keys(document.groups).length === 1) return "";
  const bare = withoutWholeLength(outside);
  const isVirtual = [...virtualAddressesOf(document).values()]
    .flat()
    .some((address) => address.split("/")[0] === bare);
  return isVirtual ? "fib daddr type local " : "";
}
