import type { ClusterDocument, ClusterNode } from "../../contract/cluster-document.ts";
import { cgnatHairpinRules } from "./nat-cgnat-rules.ts";
import { outward } from "./nat-one-to-one-rules.ts";
import { isFamily, set, withoutContained, withoutWholeLength } from "./nft-words.ts";
import type { Rule } from "./ruleset.ts";

/**
 * Hairpin: a host behind the gateway has reached another one by an outside address. Without a translation of its source the answer
 * would go straight to it, from an address that it never asked. It appears with its own outside address where it has one (RFC 4787
 * REQ-9), else with the one that it asked: both bring the answer back through the gateway.
 */
export function hairpinRules(document: ClusterDocument, node: ClusterNode): Rule[] {
  const outside = [
    ...document.nat.forward.filter(({ hairpin }) => hairpin).map(({ address }) => address),
    ...document.nat.oneToOne.filter(({ hairpin }) => hairpin).map((rule) => withoutWholeLength(rule.outside)),
  ];
  if (outside.length === 0) return [];
  const returns = `${sameDevice(document, node)} ct status dnat`;
  return [
    ...document.nat.oneToOne.map((rule): Rule => {
      const { match, verdict } = outward(rule);
      return {
        match: `${returns} ${match}`,
        verdict: `counter ${verdict}`,
        comment: `${rule.id}, hairpin`,
      };
    }),
    ...cgnatHairpinRules(document, returns),
    ...([4, 6] as const).flatMap((family): Rule[] => {
      const keyword = family === 4 ? "ip" : "ip6";
      const asked = withoutContained([...new Set(outside.filter(isFamily(family)))]);
      if (asked.length === 0) return [];
      return [
        {
          match: `${returns} ct original ${keyword} daddr ${set(asked)}`,
          verdict: `counter snat ${keyword} to ct original ${keyword} daddr`,
          comment: "hairpin: the answer comes back through the gateway",
        },
      ];
    }),
  ];
}

/** Packets that leave by the device that they came by. The interface between the nodes carries none. */
function sameDevice({ replication }: ClusterDocument, { interfaces }: ClusterNode): string {
  const pairs = Object.entries(interfaces)
    .filter(([role]) => role !== replication.interface)
    .map(([, { device }]) => `"${device}" . "${device}"`);
  return `iifname . oifname { ${pairs.join(", ")} }`;
}
