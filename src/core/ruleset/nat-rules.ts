import type { ClusterDocument, ClusterNode } from "../../contract/cluster-document.ts";
import { routedNetworksOf } from "../../contract/nat-targets.ts";
import { cgnatMaps, cgnatRules } from "./nat-cgnat-rules.ts";
import { destinationRules } from "./nat-destination-rules.ts";
import { hairpinRules } from "./nat-hairpin-rules.ts";
import { oneToOneRules } from "./nat-one-to-one-rules.ts";
import { sourceRules } from "./nat-source-rules.ts";
import { isFamily, withoutContained } from "./nft-words.ts";
import type { Chain, NamedSet, Rule } from "./ruleset.ts";

/** Address translation of one node: what the document says in `nat`, as chains, sets and rules. */
export function natChains(document: ClusterDocument, node: ClusterNode): Chain[] {
  const destination = destinationRules(document, node);
  const chains: Chain[] = [
    {
      name: "translate-source",
      hook: "nat hook postrouting priority srcnat",
      // The first that matches counts.
      rules: [
        ...hairpinRules(document, node),
        ...oneToOneRules(document, node),
        ...cgnatRules(document, node),
        ...sourceRules(document, node),
      ],
    },
  ];
  if (destination.length === 0) return chains;
  return [
    { name: "translate-destination", hook: "nat hook prerouting priority dstnat", rules: destination },
    ...chains,
  ];
}

const families = [
  { family: 4, keyword: "ip", setName: "routed4", setType: "ipv4_addr" },
  { family: 6, keyword: "ip6", setName: "routed6", setType: "ipv6_addr" },
] as const;

export function natSets(document: ClusterDocument): NamedSet[] {
  const routed = families.flatMap(({ family, setName, setType }): NamedSet[] => {
    const elements = withoutContained(routedNetworksOf(document).filter(isFamily(family)));
    if (elements.length === 0) return [];
    return [{ kind: "set", name: setName, header: [`type ${setType}`, "flags interval"], elements }];
  });
  return [...routed, ...cgnatMaps(document)];
}

/**
 * What still has an address of a routed network when it is forwarded was for no connection and no rule. It would go back to the
 * router that sent it, and come again.
 */
export function routedRules(document: ClusterDocument): Rule[] {
  return families.flatMap(({ family, keyword, setName }): Rule[] =>
    routedNetworksOf(document).some(isFamily(family))
      ? [
          {
            match: `${keyword} daddr @${setName}`,
            verdict: "counter drop",
            comment: "an outside address that nobody has",
          },
        ]
      : [],
  );
}
