import { formatIp } from "../../base/ip.ts";
import { formatIpEnds, type IpRange, rangeOfIp } from "../../base/ip-range.ts";
import type { CgnatRule, ClusterDocument, ClusterNode } from "../../contract/cluster-document.ts";
import { contentName } from "../../contract/document-revision.ts";
import { portBlocksOf } from "../../contract/nat-targets.ts";
import { protocolWord, set } from "./nft-words.ts";
import type { NamedSet, Rule } from "./ruleset.ts";

/**
 * What the kernel tells apart by ports, or by what stands in their place: ICMP's identifier, GRE's key. nft wants them named before
 * it takes ports from a map.
 */
const PORTED = `meta l4proto { icmp, tcp, udp, dccp, ${protocolWord("gre")}, sctp, udplite }`;

/**
 * Two maps for each rule: from the subscriber to its address and ports, and to the address alone for protocols without ports. One
 * look-up finds it, however many there are.
 */
export function cgnatMaps({ nat }: ClusterDocument): NamedSet[] {
  return nat.cgnat.flatMap((rule): NamedSet[] => [
    {
      kind: "map",
      name: blockMap(rule),
      header: ["type ipv4_addr : interval ipv4_addr . inet_service", "flags interval", madeOf(rule)],
      elements: Array.from(portBlocksOf(rule).entries(), ({ subscriber, block }) => {
        const { address, firstPort, lastPort } = block;
        return `${formatIp(subscriber)} : ${formatIp(address)} . ${firstPort}-${lastPort}`;
      }),
    },
    {
      kind: "map",
      name: addressMap(rule),
      header: ["type ipv4_addr : ipv4_addr", "flags interval", madeOf(rule)],
      elements: sharedAddresses(rule),
    },
  ]);
}

/**
 * What a map follows from. With other subscribers, addresses or ports most elements are others, and the kernel takes much longer to
 * delete them one by one than to make the map anew: another comment makes it another map.
 */
function madeOf({ subscribers, pool, portsPerSubscriber, firstPort }: CgnatRule): string {
  return `comment "blocks ${contentName({ subscribers, pool, portsPerSubscriber, firstPort })}"`;
}

/** Subscribers that follow one another share an address, as many as have blocks there: an element for each address, not for each. */
function sharedAddresses(rule: CgnatRule): string[] {
  const groups: { subscribers: IpRange; address: string }[] = [];
  for (const { subscriber, block } of portBlocksOf(rule).entries()) {
    const address = formatIp(block.address);
    const group = groups.at(-1);
    const range = rangeOfIp(subscriber);
    if (group?.address === address && group.subscribers.last + 1n === range.first)
      group.subscribers = { ...group.subscribers, last: range.last };
    else groups.push({ subscribers: range, address });
  }
  return groups.map(({ address, subscribers }) => `${formatIpEnds(subscribers)} : ${address}`);
}

/** Subscribers leave with the address and the ports of their block. */
export function cgnatRules(document: ClusterDocument, node: ClusterNode): Rule[] {
  return document.nat.cgnat.flatMap((rule) =>
    cgnatTranslations(rule, `oifname "${node.interfaces[rule.out]?.device ?? ""}"`, rule.id),
  );
}

/** The same on the way back to where the packets came from (nat-hairpin-rules.ts). */
export function cgnatHairpinRules({ nat }: ClusterDocument, match: string): Rule[] {
  return nat.cgnat.flatMap((rule) => cgnatTranslations(rule, match, `${rule.id}, hairpin`));
}

function cgnatTranslations(rule: CgnatRule, where: string, comment: string): Rule[] {
  const match = `${where} ip saddr ${set(rule.subscribers)}`;
  return [
    { match: `${match} ${PORTED}`, verdict: `counter snat ip to ip saddr map @${blockMap(rule)}`, comment },
    { match, verdict: `counter snat ip to ip saddr map @${addressMap(rule)}`, comment },
  ];
}

function blockMap({ id }: CgnatRule): string {
  return `blocks-${id}`;
}

function addressMap({ id }: CgnatRule): string {
  return `addresses-${id}`;
}
