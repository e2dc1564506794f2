import { formatNetwork, type IpNetwork, networkContains } from "../base/ip.ts";
import {
  formatIpEnds,
  type IpRange,
  overlappingPairs,
  rangeOfNetwork,
  rangeOverlap,
} from "../base/ip-range.ts";
import type { Fact } from "./document-facts.ts";
import { blocksOf, type NatFacts } from "./document-nat-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import type { PortRange } from "./nat-schema.ts";

/** Addresses that packets leave with, and the ports that they may have there. */
interface Use {
  readonly id: string;
  readonly range: Fact<IpRange>;
  readonly ports: PortRange;
  /** Nobody else may use these ports: only then is it known whose they are. */
  readonly isExclusive: boolean;
}

const allPorts: PortRange = { first: 1, last: 65_535 };

/**
 * Source rules may share addresses, for the kernel sees to it that no two connections look alike. What is translated one to one, and
 * the blocks of subscribers, must be nobody else's: there the address and port alone say whose a connection is.
 */
export function checkPools(nat: NatFacts): Finding[] {
  // In the order in which the kernel tries them: the later one is told.
  const uses = [...oneToOneUses(nat), ...blockUses(nat), ...sourceUses(nat)];
  return overlappingPairs(uses, ({ range }) => range.value, mayShare).map(([other, use]): Finding => {
    const shared = rangeOverlap(other.range.value, use.range.value);
    const text = shared === undefined ? "" : formatIpEnds(shared);
    return {
      code: "overlapping-pools",
      path: use.range.path,
      on: "value",
      message: `${text} is used by the rule "${clip(other.id)}" as well: nobody could say whose a connection is`,
      hint: "Give each rule addresses of its own, or ports that do not overlap.",
    };
  });
}

/** The parts of one pool are looked at where the rule is. */
function mayShare(a: Use, b: Use): boolean {
  if (a.id === b.id || (!a.isExclusive && !b.isExclusive)) return true;
  return a.ports.last < b.ports.first || b.ports.last < a.ports.first;
}

/** Parts of one pool that overlap. */
export function checkParts(pool: readonly Fact<IpRange>[]): Finding[] {
  return overlappingPairs(pool, ({ value }) => value).map(([earlier, part]) => ({
    code: "overlapping-pools",
    path: part.path,
    on: "value",
    message: `${formatIpEnds(part.value)} overlaps ${formatIpEnds(earlier.value)} of the same pool`,
    hint: "Name every address of a pool once.",
  }));
}

function sourceUses({ sources }: NatFacts): Use[] {
  return sources.flatMap(({ id, pool, ports }) =>
    pool.map((range) => ({
      ...{ id: id?.value ?? "", range, ports: ports?.value ?? allPorts },
      isExclusive: false,
    })),
  );
}

function oneToOneUses({ oneToOne }: NatFacts): Use[] {
  return oneToOne.flatMap(({ id, outside }) =>
    outside === undefined
      ? []
      : [
          {
            ...{ id: id?.value ?? "", ports: allPorts, isExclusive: true },
            range: { value: rangeOfNetwork(outside.value), path: outside.path },
          },
        ],
  );
}

function blockUses({ cgnat }: NatFacts): Use[] {
  return cgnat.flatMap((rule) => {
    const ports = { first: rule.firstPort?.value ?? 1, last: blocksOf(rule)?.lastPort ?? 65_535 };
    return rule.pool.map((range) => ({ id: rule.id?.value ?? "", range, ports, isExclusive: true }));
  });
}

/** Source rules whose networks are all translated by rules that come before all sources. */
export function coveredNotices({ sources, oneToOne, cgnat }: NatFacts): Finding[] {
  const before = [
    ...oneToOne.flatMap(({ id, inside, out }) =>
      inside === undefined ? [] : [{ id, out, networks: [inside] }],
    ),
    ...cgnat.map(({ id, subscribers, out }) => ({ id, out, networks: subscribers.items })),
  ];
  return sources.flatMap(({ id, out, from, path }): Finding[] => {
    if (!from.complete || from.items.length === 0 || out === undefined) return [];
    const covering = from.items.map(({ value }) =>
      before.find(
        (one) => one.out?.value === out.value && one.networks.some((network) => within(network.value, value)),
      ),
    );
    const [first] = covering;
    if (first === undefined || covering.includes(undefined)) return [];
    return [
      {
        code: "rule-never-matches",
        path,
        on: "value",
        message: `the rule "${clip(id?.value ?? "")}" never matches: ${from.items.map(({ value }) => formatNetwork(value)).join(", ")} belongs to "${clip(first.id?.value ?? "")}", which comes before all sources`,
        hint: "Take one of the two away.",
      },
    ];
  });
}

function within(outer: IpNetwork, inner: IpNetwork): boolean {
  return outer.prefixLength <= inner.prefixLength && networkContains(outer, inner.address);
}
