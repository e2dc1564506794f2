/**
 * What a gateway needs of its kernel, and of the programs beside it: the one list, for `tocha run`, which refuses to start, and for
 * `tocha doctor`. Each feature is a table that the kernel checks (`nft -c`) and that is never made.
 */
export interface KernelFeature {
  readonly name: string;
  readonly module: string;
  readonly table: string;
}

export const neededTools = [
  { name: "nft", debianPackage: "nftables", why: "it loads the translation rules", version: "--version" },
  { name: "git", debianPackage: "git", why: "it keeps the history of the document", version: "--version" },
  { name: "ip", debianPackage: "iproute2", why: "it shows and repairs addresses and links", version: "-V" },
] as const;

const inet = (chain: string) => `table inet tocha-check {\n${chain}\n}\n`;

export const kernelFeatures: readonly KernelFeature[] = [
  {
    name: "nftables with connection tracking",
    module: "nft_ct",
    table: inet("chain a {\n type filter hook forward priority filter\n ct state invalid drop\n}"),
  },
  {
    name: "selection of connection events (ct event set)",
    module: "nft_ct",
    table: inet("chain b {\n type filter hook forward priority filter\n ct event set assured,destroy\n}"),
  },
  {
    name: "address translation",
    module: "nft_chain_nat",
    table: inet("chain c {\n type nat hook postrouting priority srcnat\n snat ip to 192.0.2.1\n}"),
  },
  {
    name: "masquerade",
    module: "nft_masq",
    table: inet("chain d {\n type nat hook postrouting priority srcnat\n masquerade\n}"),
  },
  {
    name: "rules for ARP",
    module: "arp_tables",
    table: "table arp tocha-check {\nchain e {\n type filter hook input priority filter\n drop\n}\n}\n",
  },
];

/** All tables in one: one question, unless it is refused. */
export const allFeatureTables = kernelFeatures.map(({ table }) => table).join("");

/** What is not a matter of rules: a file that is there where the kernel has it. */
export const kernelFiles = {
  conntrackEvents: {
    name: "connection events (CONFIG_NF_CONNTRACK_EVENTS)",
    module: "nf_conntrack_netlink",
    path: "/proc/sys/net/netfilter/nf_conntrack_events",
  },
  packetSockets: {
    name: "packet sockets, for VRRP and ARP",
    module: "af_packet",
    path: "/proc/net/packet",
  },
} as const;

/** What nft's standard error says is the reason. */
export function refusalReason(standardError: string): string {
  const line = standardError.split("\n").find((one) => one.includes("Error"));
  return (line ?? "no reason").replace(/^.*Error: /, "").trim();
}

/** Where the programs are, also for those whose PATH leaves the administrator's folders out. */
export function programFolders(path: string | undefined): string[] {
  return [...(path ?? "").split(":"), "/usr/sbin", "/sbin"].filter((folder) => folder !== "");
}
