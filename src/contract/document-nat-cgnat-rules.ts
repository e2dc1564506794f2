import { formatNetwork, type IpNetwork, ipFamily } from "../base/ip.ts";
import { formatIpEnds } from "../base/ip-range.ts";
import type { DocumentFacts, Fact } from "./document-facts.ts";
import { checkOutside } from "./document-nat-address-rules.ts";
import { blocksOf, type CgnatFacts, type NatFacts } from "./document-nat-facts.ts";
import { checkParts } from "./document-nat-pool-rules.ts";
import { overlaps } from "./document-node-rules.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import { SUBSCRIBERS_MAX } from "./nat-schema.ts";
import { grouped } from "./port-blocks.ts";

/** What must hold for subscribers that share addresses. */
export function checkCgnat(facts: DocumentFacts, nat: NatFacts): Finding[] {
  return nat.cgnat.flatMap((rule, index) => [
    ...checkSubscribers(rule, nat.cgnat.slice(0, index)),
    ...checkParts(rule.pool),
    ...rule.pool.flatMap((part): Finding[] => {
      if (part.value.family === 6) return [onlyIpv4(formatIpEnds(part.value), part.path)];
      return rule.out === undefined ? [] : checkOutside(part, rule.out.value, facts, nat);
    }),
    ...checkArithmetic(rule, subscribersOf(nat.cgnat.slice(0, index))),
  ]);
}

function onlyIpv4(text: string, path: Finding["path"]): Finding {
  return {
    code: "family-mismatch",
    path,
    on: "value",
    message: `${text} is IPv6: only IPv4 addresses are shared`,
    hint: "Give IPv6 hosts addresses of their own, or translate their prefix in nat.source.",
  };
}

function checkSubscribers(rule: CgnatFacts, earlier: readonly CgnatFacts[]): Finding[] {
  const seen: { readonly network: IpNetwork; readonly id: string }[] = earlier
    .filter(({ out }) => out?.value === rule.out?.value)
    .flatMap(({ subscribers, id }) =>
      subscribers.items.map(({ value }) => ({ network: value, id: id?.value ?? "" })),
    );
  return rule.subscribers.items.flatMap((fact: Fact<IpNetwork>): Finding[] => {
    const { value, path } = fact;
    if (ipFamily(value.address) === 6) return [onlyIpv4(formatNetwork(value), path)];
    const same = seen.find(({ network }) => overlaps(network, value));
    seen.push({ network: value, id: rule.id?.value ?? "" });
    if (same === undefined) return [];
    return [
      {
        code: "overlapping-sources",
        path,
        on: "value",
        message: `${formatNetwork(value)} overlaps ${formatNetwork(same.network)} of the rule "${clip(same.id)}"`,
        hint: "Name every subscriber once.",
      },
    ];
  });
}

function subscribersOf(rules: readonly CgnatFacts[]): number {
  return rules.reduce((sum, rule) => sum + (blocksOf(rule)?.subscribers ?? 0), 0);
}

/** All subscribers must have a block, and a whole one. @param before how many the rules before this one have */
function checkArithmetic(rule: CgnatFacts, before: number): Finding[] {
  const blocks = blocksOf(rule);
  if (blocks === undefined) return [];
  const { subscribers, addresses, addressesNeeded, blocksPerAddress, portsPerSubscriber } = blocks;
  const firstPort = rule.firstPort?.value ?? 1;
  if (before + subscribers > SUBSCRIBERS_MAX) {
    const message = `${grouped(before + subscribers)} subscribers are more than a node can load in good time`;
    const hint = `At most ${grouped(SUBSCRIBERS_MAX)} in all rules together: divide them among several clusters.`;
    return [{ code: "out-of-range", path: rule.subscribersPath, on: "value", message, hint }];
  }
  if (blocksPerAddress === 0) {
    const message = `a block of ${grouped(portsPerSubscriber)} ports does not fit between ${firstPort} and 65535`;
    const hint = `At most ${grouped(65_536 - firstPort)} ports fit.`;
    const path = rule.portsPerSubscriber?.path ?? rule.path;
    return [{ code: "out-of-range", path, on: "value", message, hint }];
  }
  if (addressesNeeded <= addresses) return [];
  const fitting = Math.floor((65_536 - firstPort) / Math.ceil(subscribers / addresses));
  const smaller = fitting >= 1 ? `, or give each subscriber at most ${grouped(fitting)} ports` : "";
  return [
    {
      code: "pool-too-small",
      path: rule.poolPath,
      on: "value",
      message: `${grouped(subscribers)} subscribers, ${grouped(blocksPerAddress)} to an address, need ${grouped(addressesNeeded)} addresses; the pool has ${grouped(addresses)}: ${grouped(addressesNeeded - addresses)} are missing`,
      hint: `Add addresses to the pool${smaller}.`,
    },
  ];
}
