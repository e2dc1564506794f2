import { compareIp, type IpNetwork, parseNetwork, validIp } from "../base/ip.ts";
import {
  type IpRange,
  mergeIpRanges,
  parseIpRange,
  rangeContains,
  rangeOfNetwork,
} from "../base/ip-range.ts";
import {
  type CgnatRule,
  type ClusterDocument,
  type SourceRule,
  virtualAddressesOf,
} from "./cluster-document.ts";
import { PortBlocks } from "./port-blocks.ts";

/** What the rules of a checked document translate to. */
export type SourceTarget =
  | { readonly kind: "masquerade" }
  | { readonly kind: "prefix"; readonly network: IpNetwork }
  /** In the order of their addresses, none next to another. */
  | { readonly kind: "pool"; readonly ranges: readonly IpRange[] };

export function sourceTarget({ to }: Pick<SourceRule, "to">): SourceTarget {
  if (to === "masquerade") return { kind: "masquerade" };
  if (typeof to === "string" && to.includes("/")) return { kind: "prefix", network: validNetwork(to) };
  return { kind: "pool", ranges: mergeIpRanges((typeof to === "string" ? [to] : to).map(validRange)) };
}

/** The port blocks of a rule's subscribers. */
export function portBlocksOf({ subscribers, pool, ...ports }: CgnatRule): PortBlocks {
  return new PortBlocks({
    ...ports,
    subscribers: subscribers.map(validNetwork),
    pool: mergeIpRanges(pool.map(validRange)),
  });
}

/** Every address that inside hosts have outside, by whichever rule: packets from there are not the node's own. */
export function translatedRanges({ nat }: ClusterDocument): readonly IpRange[] {
  const sources = nat.source.map(sourceTarget);
  return [
    ...sources.flatMap((target) => (target.kind === "pool" ? target.ranges : [])),
    ...nat.forward.map(({ address }) => validRange(address)),
    ...nat.oneToOne.map(({ outside }) => rangeOfNetwork(validNetwork(outside))),
    ...nat.cgnat.flatMap(({ pool }) => pool.map(validRange)),
  ];
}

/** The interface where an outside address is at home: as a virtual address, or in a network that is routed there. */
export function homeOf(document: ClusterDocument, address: string): string | undefined {
  const wanted = validIp(address);
  for (const [role, list] of virtualAddressesOf(document)) {
    if (list.some((one) => compareIp(validNetwork(one).address, wanted) === 0)) return role;
  }
  for (const { routedNetworks } of Object.values(document.groups)) {
    for (const [role, list] of Object.entries(routedNetworks)) {
      if (list.some((one) => rangeContains(rangeOfNetwork(validNetwork(one)), wanted))) return role;
    }
  }
  return undefined;
}

/** All networks that are routed to the cluster. */
export function routedNetworksOf({ groups }: ClusterDocument): readonly string[] {
  return [
    ...new Set(Object.values(groups).flatMap(({ routedNetworks }) => Object.values(routedNetworks).flat())),
  ];
}

export function validNetwork(text: string): IpNetwork {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`not a network: ${text}`);
  return network;
}

function validRange(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === undefined) throw new Error(`not a range: ${text}`);
  return range;
}
