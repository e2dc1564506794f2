import { formatNetwork, networkBase, parseIp } from "./ip.ts";

/**
 * By what somebody is counted: an IPv4 address, or the /64 of an IPv6 one, because one machine has as many addresses there as it
 * likes. What is no address is its own key.
 */
export function addressKey(text: string): string {
  const plain = text.replace(/^::ffff:(?=[0-9.]+$)/i, "");
  const address = parseIp(plain);
  if (address === undefined || address.length === 4) return plain;
  return `${formatNetwork(networkBase({ address, prefixLength: 64 }))}`;
}
