import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
  tcpStates,
} from "../../wire/conntrack-constants.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";

/** IP protocol numbers (IANA, protocol-numbers) by the names that people use for what a NAT gateway carries. */
export const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: IPPROTO_ICMP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  dccp: 33,
  gre: 47,
  icmpv6: IPPROTO_ICMPV6,
  sctp: 132,
  udplite: 136,
};

const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));

/** `tcp`, or the number of a protocol without a name here. */
export function protocolName(protocol: number): string {
  return protocolNames.get(protocol) ?? String(protocol);
}

const withPorts: ReadonlySet<number> = new Set([IPPROTO_TCP, IPPROTO_UDP, 33, 132, 136]);

export function hasPorts(protocol: number): boolean {
  return withPorts.has(protocol);
}

/** States of flows whose protocol has none of its own, by what the kernel has seen. */
export const replyStates = ["UNREPLIED", "REPLIED", "ASSURED"] as const;

/** The state that a flow is shown with: TCP's own, otherwise whether there were answers. */
export function stateName(fields: FlowFields): string {
  if (fields.protocol === IPPROTO_TCP && fields.tcpState > 0) return tcpStates[fields.tcpState] ?? "UNKNOWN";
  return replyState(fields);
}

export function replyState({ status }: FlowFields): (typeof replyStates)[number] {
  if ((status & IPS_ASSURED) !== 0) return "ASSURED";
  return (status & IPS_SEEN_REPLY) === 0 ? "UNREPLIED" : "REPLIED";
}
