import { icmpTypes, icmpv6Types } from "../contract/firewall-schema.ts";

// Names and numbers, as other programs write them, and the document's names.

/** VRRP, which the document's rules do not name: tocha lets it in by itself. */
export const VRRP = "vrrp";

const protocols: Readonly<Record<string, string>> = {
  ...{ tcp: "tcp", "6": "tcp", udp: "udp", "17": "udp", udplite: "udplite", "136": "udplite" },
  ...{ sctp: "sctp", "132": "sctp", dccp: "dccp", "33": "dccp", gre: "gre", "47": "gre" },
  ...{ icmp: "icmp", "1": "icmp", icmpv6: "icmpv6", "ipv6-icmp": "icmpv6", "58": "icmpv6" },
  ...{ esp: "esp", "50": "esp", ah: "ah", "51": "ah", igmp: "igmp", "2": "igmp" },
  ...{ ospf: "ospf", ospfigp: "ospf", "89": "ospf", vrrp: VRRP, carp: VRRP, "112": VRRP },
};

export function protocolOf(text: string): string | undefined {
  return entry(protocols, text);
}

/** What administrators write by name; everything else they have to write by number (services(5)). */
const services: Readonly<Record<string, string>> = {
  ...{ "ftp-data": "20", ftp: "21", ssh: "22", telnet: "23", smtp: "25", domain: "53", bootps: "67" },
  ...{ bootpc: "68", tftp: "69", http: "80", kerberos: "88", pop3: "110", sunrpc: "111", ntp: "123" },
  ...{ "netbios-ns": "137", "netbios-dgm": "138", "netbios-ssn": "139", imap2: "143", imap: "143" },
  ...{ snmp: "161", "snmp-trap": "162", bgp: "179", ldap: "389", https: "443", "microsoft-ds": "445" },
  ...{ submissions: "465", isakmp: "500", syslog: "514", submission: "587", ipp: "631", ldaps: "636" },
  ...{ "domain-s": "853", imaps: "993", pop3s: "995", openvpn: "1194", "ms-sql-s": "1433" },
  ...{ radius: "1812", "radius-acct": "1813", nfs: "2049", mysql: "3306", "ipsec-nat-t": "4500" },
  ...{ sip: "5060", "sip-tls": "5061", mdns: "5353", postgresql: "5432", "http-alt": "8080" },
};

/** A port as a number; a text that is no name of a service stays. */
export function portText(text: string): string {
  return entry(services, text) ?? text;
}

const icmpNumbers: Readonly<Record<string, string>> = {
  ...{ "0": "echo-reply", "3": "destination-unreachable", "4": "source-quench", "5": "redirect" },
  ...{ "8": "echo-request", "9": "router-advertisement", "10": "router-solicitation" },
  ...{ "11": "time-exceeded", "12": "parameter-problem", "13": "timestamp-request" },
  ...{ "14": "timestamp-reply", "15": "info-request", "16": "info-reply", "17": "address-mask-request" },
  ...{
    "18": "address-mask-reply",
    ping: "echo-request",
    pong: "echo-reply",
    "ttl-exceeded": "time-exceeded",
  },
};

const icmpv6Numbers: Readonly<Record<string, string>> = {
  ...{ "1": "destination-unreachable", "2": "packet-too-big", "3": "time-exceeded" },
  ...{ "4": "parameter-problem", "128": "echo-request", "129": "echo-reply" },
  ...{ "130": "mld-listener-query", "131": "mld-listener-report", "132": "mld-listener-done" },
  ...{ "133": "nd-router-solicit", "134": "nd-router-advert", "135": "nd-neighbor-solicit" },
  ...{ "136": "nd-neighbor-advert", "137": "nd-redirect", "143": "mld2-listener-report" },
  ...{ "router-solicitation": "nd-router-solicit", "router-advertisement": "nd-router-advert" },
  ...{ "neighbour-solicitation": "nd-neighbor-solicit", "neighbor-solicitation": "nd-neighbor-solicit" },
  ...{ "neighbour-advertisement": "nd-neighbor-advert", "neighbor-advertisement": "nd-neighbor-advert" },
};

export function icmpTypeOf(protocol: "icmp" | "icmpv6", text: string): string | undefined {
  const known: readonly string[] = protocol === "icmp" ? icmpTypes : icmpv6Types;
  const name = entry(protocol === "icmp" ? icmpNumbers : icmpv6Numbers, text) ?? text;
  return known.includes(name) ? name : undefined;
}

/** Rates of the document from `10/second`, `3/min`; undefined for what it cannot say. */
export function rateOf(text: string): string | undefined {
  const [, count = "", unit = ""] = /^([1-9][0-9]{0,5})\/([a-z]+)$/.exec(text) ?? [];
  if (/^(s|sec|second)$/.test(unit)) return `${count}/s`;
  if (/^(m|min|minute)$/.test(unit)) return `${count}/m`;
  return /^(h|hour)$/.test(unit) ? `${count}/h` : undefined;
}

function entry(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
