import { equalIp, formatIp, type IpAddress, ipFamily, validIp } from "../base/ip.ts";
import { ipInRange, placeInRange, rangeContains, rangeOfNetwork } from "../base/ip-range.ts";
import type { ClusterDocument, ForwardRule } from "./cluster-document.ts";
import { validPortRange } from "./nat-schema.ts";
import { portBlocksOf, sourceTarget, validNetwork } from "./nat-targets.ts";
import type { PortBlock } from "./port-blocks.ts";

/** Whose an outside address and port are, as the document has it. */
export type OutsideOwner =
  | {
      readonly kind: "forward";
      readonly rule: string;
      readonly host: string;
      readonly port: number;
      readonly protocol: ForwardRule["protocol"];
    }
  | { readonly kind: "one-to-one"; readonly rule: string; readonly host: string }
  | { readonly kind: "subscriber"; readonly rule: string; readonly host: string; readonly block: PortBlock }
  /** Of several hosts, and only the connection table knows which one. */
  | { readonly kind: "shared"; readonly rule: string; readonly from: readonly string[] };

/**
 * Everything that the document says of an outside address and port, in the order in which the kernel tries the rules. It tells what
 * holds now: for a time in the past, ask the revision of the document of that time.
 */
export function outsideOwners(
  { nat }: ClusterDocument,
  address: IpAddress,
  port: number,
): readonly OutsideOwner[] {
  return [
    ...nat.forward.flatMap((rule): OutsideOwner[] => {
      const { first, last } = validPortRange(rule.port);
      if (!equalIp(validIp(rule.address), address) || port < first || port > last) return [];
      const target = (rule.targetPort ?? first) + port - first;
      return [{ kind: "forward", rule: rule.id, host: rule.target, port: target, protocol: rule.protocol }];
    }),
    ...nat.oneToOne.flatMap(({ id, inside, outside }): OutsideOwner[] => {
      const place = placeInRange(rangeOfNetwork(validNetwork(outside)), address);
      if (place === undefined) return [];
      const host = ipInRange(rangeOfNetwork(validNetwork(inside)), place);
      return [{ kind: "one-to-one", rule: id, host: formatIp(host) }];
    }),
    ...nat.cgnat.flatMap((rule): OutsideOwner[] => {
      const blocks = portBlocksOf(rule);
      const subscriber = blocks.subscriberOf(address, port);
      const block = subscriber === undefined ? undefined : blocks.blockOf(subscriber);
      if (subscriber === undefined || block === undefined) return [];
      return [{ kind: "subscriber", rule: rule.id, host: formatIp(subscriber), block }];
    }),
    ...nat.source.flatMap((rule): OutsideOwner[] => {
      const target = sourceTarget(rule);
      const isIn = target.kind === "pool" && target.ranges.some((range) => rangeContains(range, address));
      const { first, last } = validPortRange(rule.ports ?? "1-65535");
      return isIn && first <= port && port <= last
        ? [{ kind: "shared", rule: rule.id, from: rule.from }]
        : [];
    }),
  ];
}

/** The address and ports of a subscriber, and the rule that gives them. */
export function blockOfSubscriber(
  { nat }: ClusterDocument,
  subscriber: IpAddress,
): { readonly rule: string; readonly block: PortBlock } | undefined {
  if (ipFamily(subscriber) === 6) return undefined;
  for (const rule of nat.cgnat) {
    const block = portBlocksOf(rule).blockOf(subscriber);
    if (block !== undefined) return { rule: rule.id, block };
  }
  return undefined;
}
