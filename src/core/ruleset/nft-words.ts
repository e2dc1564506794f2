import { type IpFamily, ipFamily, networkContains, parseIp, parseNetwork } from "../../base/ip.ts";

// Words of nft(8) that rules of every kind are made of.

/** One element as it is, several as an anonymous set. */
export function set(elements: readonly string[]): string {
  return elements.length === 1 ? (elements[0] ?? "") : `{ ${elements.join(", ")} }`;
}

/** Whether the text of an address, with or without a prefix length, is of this family. */
export function isFamily(family: IpFamily): (text: string) => boolean {
  return (text) => {
    const address = parseIp(text.split("/")[0] ?? "");
    return address !== undefined && ipFamily(address) === family;
  };
}

/** `ip` or `ip6`, by the family of an address or a network. */
export function keywordOf(text: string): "ip" | "ip6" {
  return isFamily(4)(text) ? "ip" : "ip6";
}

/** A network of one address is written as that. */
export function withoutWholeLength(network: string): string {
  return network.replace(isFamily(4)(network) ? /\/32$/ : /\/128$/, "");
}

/** An nftables set refuses intervals that overlap. */
export function withoutContained(networks: readonly string[]): string[] {
  const parsed = networks.flatMap((text) => {
    const network = parseNetwork(text);
    return network === undefined ? [] : [{ text, network }];
  });
  return parsed
    .filter(({ network, text }) => {
      return !parsed.some(
        (other) =>
          other.text !== text &&
          other.network.prefixLength < network.prefixLength &&
          networkContains(other.network, network.address),
      );
    })
    .map(({ text }) => text);
}

/** nft looks these names up in /etc/protocols, which small systems do not have; all others of the document it knows itself. */
const numbersOfNames: Readonly<Record<string, number>> = { gre: 47, ospf: 89, vrrp: 112 };

/** A protocol over IP as nft reads it after `meta l4proto`, on every system. */
export function protocolWord(name: string): string {
  return String(numbersOfNames[name] ?? name);
}
