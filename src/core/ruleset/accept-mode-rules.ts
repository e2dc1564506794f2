import { formatIp, parseNetwork } from "../../base/ip.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { Rule } from "./ruleset.ts";

/**
 * Accept_Mode of RFC 9568 6.1: where a group has it off, nothing that is sent to its virtual addresses reaches the node
 * itself. Answers to what the gateway has translated are none of it: they have been translated back by then.
 */
export function acceptModeRules(document: ClusterDocument): readonly Rule[] {
  const closed = Object.values(document.groups).filter(({ acceptMode }) => !acceptMode);
  const addresses = closed
    .flatMap((group) => Object.values(group.addresses).flat())
    .flatMap((text) => parseNetwork(text)?.address ?? []);
  const drop = (match: string): Rule => ({ match, verdict: "counter drop", comment: "accept mode is off" });
  const v4 = setOf(addresses.filter((address) => address.length === 4));
  const v6 = setOf(addresses.filter((address) => address.length === 16));
  return [
    ...(v4 === undefined ? [] : [drop(`ip daddr ${v4}`)]),
    ...(v6 === undefined
      ? []
      : [
          {
            match: `ip6 daddr ${v6} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }`,
            verdict: "accept",
            comment: "RFC 9568 6.1: these must not be dropped",
          },
          drop(`ip6 daddr ${v6}`),
        ]),
  ];
}

function setOf(addresses: readonly Uint8Array[]): string | undefined {
  if (addresses.length === 0) return undefined;
  return `{ ${[...new Set(addresses.map(formatIp))].join(", ")} }`;
}
