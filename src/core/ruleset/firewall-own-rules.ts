import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { type MatchPlace, matchesOf } from "./firewall-matches.ts";
import type { Rule } from "./ruleset.ts";

// What reaches the gateway whatever the rules of the document say: without it there would be no cluster, no neighbours, and
// nobody who could mend the rules.

/** What passes before the rules of `firewall.input`. */
export function beforeInputRules(
  document: ClusterDocument,
  place: MatchPlace,
  clusterRules: readonly Rule[],
): readonly Rule[] {
  return [
    accept('iifname "lo"', "the node itself"),
    ...clusterRules.map(({ match, comment }) => accept(match, comment)),
    ...neighbours,
    ...addressConfiguration,
    ...managementRules(document, place),
    {
      match: "ct state invalid",
      verdict: "counter drop",
      comment: "packets that belong to no connection",
    },
  ];
}

/**
 * What passes behind them: rules of the document can forbid it, its default does not. The document says itself that nodes shall
 * listen there.
 */
export function afterInputRules(
  { metrics, api, management }: ClusterDocument,
  { node }: MatchPlace,
): readonly Rule[] {
  // Where it is said who administers, nobody else has to.
  const services = [
    ...(metrics === undefined ? [] : [{ ...metrics, name: "metrics" }]),
    ...(api === undefined || management !== undefined ? [] : [{ ...api, name: "API" }]),
  ];
  return services.map(({ interface: role, port, name }) => {
    const device = node.interfaces[role]?.device ?? "";
    return accept(`iifname "${device}" tcp dport ${port}`, name, "counter accept");
  });
}

function accept(match: string, comment: string, verdict = "accept"): Rule {
  return { match, verdict, comment };
}

/**
 * RFC 4890 4.4.1: neighbour discovery, and the questions by which switches learn who wants multicast, VRRP's above all. The hop
 * limit shows that it comes from the link itself (RFC 4861 11.2; MLD has no such check, RFC 2710 3).
 */
const neighbours: readonly Rule[] = [
  accept(
    "ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }",
    "neighbours of IPv6",
  ),
  accept(
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }",
    "who listens to multicast",
  ),
  accept("meta l4proto igmp", "who listens to multicast"),
];

/** A node may get its own addresses by DHCP: what renews them is no answer to the kernel, because it may be sent to everybody. */
const addressConfiguration: readonly Rule[] = [
  accept("udp sport 67 udp dport 68", "DHCP for the node itself"),
  accept("ip6 saddr fe80::/10 udp sport 547 udp dport 546", "DHCPv6 for the node itself"),
];

/** Against locking oneself out. The API is reached as SSH is. */
function managementRules({ management, api }: ClusterDocument, place: MatchPlace): readonly Rule[] {
  if (management === undefined) return [];
  const { interfaces, from, ports } = management;
  const matches = matchesOf(
    {
      ...(interfaces === undefined ? {} : { in: interfaces }),
      ...(from === undefined ? {} : { from }),
      protocol: ["tcp"],
      ports: [...ports, ...(api === undefined ? [] : [api.port])].map(String),
    },
    place,
  );
  return matches.map(({ text }) => accept(text, "management", "counter accept"));
}
