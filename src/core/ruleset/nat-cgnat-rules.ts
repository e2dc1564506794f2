import { formatIp } from "../../base/ip.ts";
import type { CgnatRule, ClusterDocument, ClusterNode } from "../../contract/cluster-document.ts";
import { portBlocksOf } from "../../contract/nat-targets.ts";
import { set } from "./nft-words.ts";
import type { NamedSet, Rule } from "./ruleset.ts";

/** A map for each rule: from the subscriber to its address and ports. One look-up finds it, however many there are. */
export function cgnatMaps({ nat }: ClusterDocument): NamedSet[] {
  return nat.cgnat.map((rule) => ({
    kind: "map",
    name: mapName(rule),
    header: ["type ipv4_addr : interval ipv4_addr . inet_service", "flags interval"],
    elements: Array.from(portBlocksOf(rule).entries(), ({ subscriber, block }) => {
      const { address, firstPort, lastPort } = block;
      return `${formatIp(subscriber)} : ${formatIp(address)} . ${firstPort}-${lastPort}`;
    }),
  }));
}

/**
 * Subscribers leave with the address and the ports of their block. What has no ports of its own has an identifier in their place:
 * that of ICMP echo lies in the block, too.
 */
export function cgnatRules({ nat }: ClusterDocument, node: ClusterNode): Rule[] {
  return nat.cgnat.map((rule) => ({
    match: `oifname "${node.interfaces[rule.out]?.device ?? ""}" ${cgnatSources(rule)}`,
    verdict: `counter ${cgnatVerdict(rule)}`,
    comment: rule.id,
  }));
}

export function cgnatSources({ subscribers }: CgnatRule): string {
  return `ip saddr ${set(subscribers)}`;
}

export function cgnatVerdict(rule: CgnatRule): string {
  return `snat ip to ip saddr map @${mapName(rule)}`;
}

function mapName({ id }: CgnatRule): string {
  return `blocks-${id}`;
}
