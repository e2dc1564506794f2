/** Whose configuration a file is. */
export type ConfigKind = "keepalived" | "conntrackd" | "nftables" | "iptables" | "routes";

// In this order: the saved rules of iptables may hold nearly anything in comments, and nftables' tables look like blocks.
const signs: readonly (readonly [ConfigKind, RegExp])[] = [
  ["iptables", /^\*(nat|filter|mangle|raw|security)\s*$/m],
  [
    "nftables",
    /^(#!.*\bnft\b|\s*(add\s+|create\s+)?table\s+(ip6?|inet|arp|bridge|netdev)\s|\s*table\s+\w+\s*\{|\s*flush\s+ruleset\b)/m,
  ],
  ["conntrackd", /^\s*(Sync|General|Stats|Helper)\s*\{?\s*$/m],
  [
    "keepalived",
    /^\s*(@\S+\s+)?(global_defs|vrrp_\w+|virtual_server\w*|static_\w+|bfd_instance|include[rmwba]?)\b/m,
  ],
  [
    "routes",
    /^\s*((sudo\s+)?(\/\S+\/)?ip\s+(-[46]\s+)?r(oute)?\s+(add|replace|append)\s|(default|[0-9a-fA-F.:]+(\/[0-9]+)?)\s+(via|dev)\s)/m,
  ],
];

/** @returns whose configuration a text is, by what stands in it; undefined when it is nobody's */
export function configKind(text: string): ConfigKind | undefined {
  return signs.find(([, sign]) => sign.test(text))?.[0];
}
