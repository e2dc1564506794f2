import { readFileSync } from "node:fs";
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from "../wire/conntrack-constants.ts";

/** Where the kernel says how long an established flow lives without a packet (Documentation/networking/nf_conntrack-sysctl.rst). */
const settings = [
  [IPPROTO_TCP, "tcp_timeout_established"],
  [IPPROTO_UDP, "udp_timeout_stream"],
  // As UDP's (nf_conntrack_proto_udp.c).
  [IPPROTO_UDPLITE, "udp_timeout_stream"],
  [IPPROTO_SCTP, "sctp_timeout_established"],
] as const;

/** @returns the seconds that a packet gives an established flow, by protocol; without those that this kernel does not have */
export function readPacketSeconds(): ReadonlyMap<number, number> {
  const result = new Map<number, number>();
  for (const [protocol, name] of settings) {
    const seconds = readSetting(`/proc/sys/net/netfilter/nf_conntrack_${name}`);
    if (seconds !== undefined) result.set(protocol, seconds);
  }
  return result;
}

function readSetting(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined; // A kernel without this protocol.
  }
}
