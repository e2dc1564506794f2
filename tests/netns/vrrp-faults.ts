import type { NodeStatus } from "../../src/contract/status.ts";
import { countersThatBegin } from "./daemon-node.ts";

const faults = ["vrrp-", "ipv4-", "ipv6-", "ethernet-", "advertisement-not-sent", "advertisement-of"];

/** What decoders refused, and what could not be sent, by the beginning of the counter's name. */
export function vrrpFaults(status: NodeStatus): Record<string, number> {
  const counted = faults.map((prefix) => [prefix, countersThatBegin(status, prefix)] as const);
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}
