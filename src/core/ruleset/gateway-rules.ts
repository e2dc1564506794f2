import { type IpFamily, parseIp } from "../../base/ip.ts";
import { type ClusterDocument, virtualAddressesOf } from "../../contract/cluster-document.ts";
import { pulsePaths } from "../../contract/pulse-paths.ts";
import { liveness } from "../liveness.ts";
import { acceptModeRules } from "./accept-mode-rules.ts";
import { firewallRuleset } from "./firewall-rules.ts";
import { eventRules, type Helper, helperObjects, helperRules } from "./gateway-event-rules.ts";
import { natChains, natSets, routedRules } from "./nat-rules.ts";
import { isFamily, protocolWord, set } from "./nft-words.ts";
import type { Chain, NamedSet, Rule, Ruleset, Table } from "./ruleset.ts";
import { removalText, rulesetText } from "./ruleset-text.ts";
import { documentSets } from "./set-rules.ts";

const table = "tocha";
const vrrp = `meta l4proto ${protocolWord("vrrp")}`;

/** All tables of ours, whatever the document says. */
const tableNames: Ruleset = {
  tables: (["inet", "arp"] as const).map((family) => ({
    ...{ family, name: table, objects: [], sets: [], chains: [] },
  })),
};

/**
 * The nftables rules of one node, as the text of one atomic transaction for `nft -f -`. Loading it again
 * replaces the tables and nothing else; connections keep their translations, which live in the kernel's table.
 */
export function renderGatewayRules(
  document: ClusterDocument,
  node: string,
  without: readonly Helper[] = [],
): string {
  return rulesetText(gatewayRuleset(document, node, without));
}

/** Takes the rules away again. */
export function renderGatewayRulesRemoval(): string {
  return removalText(tableNames);
}

/**
 * The nftables rules of one node.
 *
 * Needs nftables 1.0.6 and a kernel with nf_tables, nft_ct, nft_nat and nft_masq. What each chain is for is told
 * in docs/guide/gateway-rules.md.
 *
 * @param without helpers that this kernel lacks: it would refuse all rules because of one
 */
export function gatewayRuleset(
  document: ClusterDocument,
  node: string,
  without: readonly Helper[] = [],
): Ruleset {
  const own = document.nodes[node];
  if (own === undefined) throw new Error(`no node ${node} in a checked document`);
  const helpers = document.nat.helpers.filter((helper) => !without.includes(helper));
  const helping =
    helpers.length > 0
      ? [chain("helpers", "filter hook prerouting priority mangle", helperRules(helpers))]
      : [];
  const controlIn = controlRules(document, node, "in");
  const firewall = firewallRuleset(document, node, controlIn);
  const chains = [
    chain("control-in", "filter hook prerouting priority raw", controlIn),
    chain("control-out", "filter hook output priority raw", controlRules(document, node, "out")),
    ...helping,
    chain("forwarded", "filter hook forward priority filter", [
      noConnection,
      ...routedRules(document),
      ...eventRules(document, helpers),
    ]),
    chain("own-in", "filter hook input priority filter", [
      ...neighborRules(document),
      ...acceptModeRules(document),
      ...ownInRules(document),
    ]),
    chain("own-out", "filter hook output priority filter", ownOutRules(document)),
    ...natChains(document, own),
    ...firewall.chains,
  ];
  const inet: Table = {
    ...{ family: "inet", name: table, chains },
    objects: helperObjects(helpers),
    sets: [
      ...virtualAddressSets(document),
      ...natSets(document),
      ...documentSets(document),
      ...firewall.sets,
    ],
  };
  return { tables: [inet, arpTable(document)] };
}

const noLivenessMark = `meta mark != 0x${liveness.mark.toString(16)}`;

/** ARP for virtual addresses is answered only while the failover role lives (src/core/liveness.ts). */
function arpTable(document: ClusterDocument): Table {
  const addresses = virtualAddresses(document, 4);
  const rule = {
    match: `arp daddr ip ${set(addresses)} ${noLivenessMark}`,
    verdict: "drop",
    comment: "nobody defends the virtual addresses any more",
  };
  const chains = addresses.length === 0 ? [] : [chain("own-in", "filter hook input priority filter", [rule])];
  return { family: "arp", name: table, objects: [], sets: [], chains };
}

/** The same for IPv6: the target of a neighbour solicitation stands 8 bytes into ICMPv6 (RFC 4861 4.3). */
function neighborRules(document: ClusterDocument): Rule[] {
  const addresses = virtualAddresses(document, 6).map((text) => `0x${hexadecimal(text)}`);
  if (addresses.length === 0) return [];
  return [
    {
      match: `icmpv6 type nd-neighbor-solicit @th,64,128 ${set(addresses)} ${noLivenessMark}`,
      verdict: "drop",
      comment: "nobody defends the virtual addresses any more",
    },
  ];
}

function hexadecimal(address: string): string {
  return Array.from(parseIp(address) ?? [], (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function chain(name: string, hook: string, rules: readonly Rule[]): Chain {
  return { name, hook, rules };
}

const families = [
  { family: 4, keyword: "ip", setName: "virtual4", setType: "ipv4_addr" },
  { family: 6, keyword: "ip6", setName: "virtual6", setType: "ipv6_addr" },
] as const;

/** The virtual addresses of one family on all interfaces; a link-local one may stand on several. */
function virtualAddresses(document: ClusterDocument, family: IpFamily): string[] {
  const all = [...virtualAddressesOf(document).values()].flat().filter(isFamily(family));
  return [...new Set(all.map((address) => address.split("/")[0] ?? ""))];
}

function virtualAddressSets(document: ClusterDocument): NamedSet[] {
  return families.flatMap(({ family, setName, setType }): NamedSet[] => {
    const elements = virtualAddresses(document, family);
    if (elements.length === 0) return [];
    return [{ kind: "set", name: setName, header: [`type ${setType}`], elements }];
  });
}

/**
 * What the nodes say to each other must not depend on the table that it is about: it is not tracked, causes no
 * events, and passes when the table is full. Only traffic between the nodes' own addresses is meant.
 */
function controlRules(document: ClusterDocument, node: string, direction: "in" | "out"): Rule[] {
  const role = document.replication.interface;
  const device = document.nodes[node]?.interfaces[role]?.device ?? "";
  const [own = "", ...peers] = [node, ...Object.keys(document.nodes).filter((name) => name !== node)].map(
    (name) => document.nodes[name]?.interfaces[role]?.addresses[0]?.split("/")[0] ?? "",
  );
  const inward = direction === "in";
  const onDevice = (name: string) => `${inward ? "iifname" : "oifname"} "${name}"`;
  const keyword = isFamily(4)(own) ? "ip" : "ip6";
  const ends = inward
    ? `saddr ${set(peers)} ${keyword} daddr ${own}`
    : `saddr ${own} ${keyword} daddr ${set(peers)}`;
  const between = `${onDevice(device)} ${keyword} ${ends}`;
  const tcpPorts = set([document.replication.port, document.control.port].map(String));
  const notTracked = (match: string, comment: string): Rule => ({ match, verdict: "notrack", comment });
  const pairwise =
    peers.length === 0
      ? []
      : [
          ...pulseRules(document, node, direction),
          notTracked(`${between} tcp dport ${tcpPorts}`, "flow-sync and control, to the server"),
          notTracked(`${between} tcp sport ${tcpPorts}`, "flow-sync and control, to the client"),
        ];
  // VRRP goes to 224.0.0.18 and ff02::12 (RFC 9568 5.1.1.2, 5.1.2.2), on the interfaces with virtual addresses, or to
  // the other routers' own addresses.
  const faces = [...virtualAddressesOf(document)].flatMap(([face, addresses]) => {
    const name = document.nodes[node]?.interfaces[face]?.device ?? "";
    const isUnicast = Object.values(document.groups).some(({ unicastPeers }) => face in unicastPeers);
    const multicast = [
      { group: "ip daddr 224.0.0.18", present: addresses.some(isFamily(4)) },
      { group: "ip6 daddr ff02::12", present: addresses.some(isFamily(6)) },
    ]
      .filter((one) => one.present)
      .map((one) => notTracked(`${onDevice(name)} ${one.group} ${vrrp}`, `VRRP on ${face}`));
    const unicast = notTracked(`${onDevice(name)} ${vrrp}`, `VRRP on ${face}, to single routers too`);
    return isUnicast ? [unicast] : multicast;
  });
  return [...pairwise, ...faces];
}

/** Pulses take every network that the nodes share. */
function pulseRules(document: ClusterDocument, node: string, direction: "in" | "out"): Rule[] {
  const inward = direction === "in";
  return pulsePaths(document, node).map(({ name, device, address, peers }) => {
    const keyword = isFamily(4)(address) ? "ip" : "ip6";
    const others = set(peers.map((peer) => peer.address));
    const [from, to] = inward ? [others, address] : [address, others];
    const on = `${inward ? "iifname" : "oifname"} "${device}"`;
    const match = `${on} ${keyword} saddr ${from} ${keyword} daddr ${to} udp dport ${document.pulses.port}`;
    return { match, verdict: "notrack", comment: `pulses on ${name}` };
  });
}

const noConnection: Rule = {
  match: "ct state invalid",
  verdict: "counter drop",
  // Forwarded without its connection it would leave untranslated, and the peer would answer with RST.
  comment: "packets that belong to no connection",
};

/**
 * A node that has just become active may see packets of a connection before it has the entry. An answer of its
 * own, a RST above all, would end the connection: it stays silent, and the sender repeats.
 */
function ownInRules(document: ClusterDocument): Rule[] {
  const silent = families.flatMap(({ family, keyword, setName }): Rule[] => {
    if (virtualAddresses(document, family).length === 0) return [];
    const match = `${keyword} daddr @${setName}`;
    return [
      { match: `${match} ct state invalid`, verdict: "counter drop", comment: "no connection: stay silent" },
      {
        match: `${match} ct state new tcp flags & (fin | syn | rst | ack) != syn`,
        verdict: "counter drop",
        comment: "begins no connection: stay silent",
      },
    ];
  });
  return [...silent, ownEvents];
}

function ownOutRules(document: ClusterDocument): Rule[] {
  const silent = families.flatMap(({ family, keyword, setName }): Rule[] => {
    if (virtualAddresses(document, family).length === 0) return [];
    const match = `${keyword} saddr @${setName}`;
    const unreachable =
      family === 4 ? "icmp type destination-unreachable" : "icmpv6 type destination-unreachable";
    const code = family === 4 ? "icmp code port-unreachable" : "icmpv6 code port-unreachable";
    return [
      {
        match: `${match} tcp flags & rst == rst ct state invalid,new,untracked`,
        verdict: "counter drop",
        comment: "no RST for a packet without a connection",
      },
      {
        match: `${match} ${unreachable} ${code}`,
        verdict: "counter drop",
        comment: "no port unreachable for a datagram",
      },
    ];
  });
  return [...silent, ownEvents];
}

/**
 * A mask with the one event that never happens here; an empty one cannot be written. Only for new connections:
 * an ICMP error that the node sends about a forwarded flow counts as related to that flow, and would silence it.
 */
const ownEvents: Rule = {
  match: "ct state new",
  verdict: "ct event set label",
  comment: "own connections are not copied",
};
