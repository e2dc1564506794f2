import { everyIp, type IpRange, rangesContain, rangesHaveFamily, rangesOverlap } from "../base/ip-range.ts";
import { everyPort, mergePortRanges, type PortRange } from "../base/port-range.ts";

// What rules match, as sets that can be cut with each other: a rule that is jumped to matches what both match.

/** Addresses; those of a named set as long as they are exactly these. */
export interface AddressTerm {
  readonly ranges: readonly IpRange[];
  readonly set: string | undefined;
}

export interface PortTerm {
  readonly ranges: readonly PortRange[];
  readonly set: string | undefined;
}

/** A part that is not there is no condition. */
export interface FilterMatch {
  readonly family?: 4 | 6;
  readonly in?: readonly string[];
  readonly out?: readonly string[];
  readonly from?: AddressTerm;
  readonly to?: AddressTerm;
  readonly protocol?: readonly string[];
  readonly ports?: PortTerm;
  readonly sourcePorts?: PortTerm;
  readonly types?: readonly string[];
}

export const everything: FilterMatch = {};

/** The device by which a node speaks to itself, among the roles of the document. */
export const LOOPBACK = "(loopback)";

/** What both match; undefined where that is nothing. */
export function bothMatch(a: FilterMatch, b: FilterMatch): FilterMatch | undefined {
  const match: { -readonly [Key in keyof FilterMatch]: FilterMatch[Key] } = { ...a, ...b };
  if (a.family !== undefined && b.family !== undefined && a.family !== b.family) return undefined;
  for (const key of ["in", "out", "protocol", "types"] as const) {
    const [one, other] = [a[key], b[key]];
    if (one !== undefined && other !== undefined) match[key] = one.filter((word) => other.includes(word));
    if (match[key]?.length === 0) return undefined;
  }
  for (const key of ["from", "to"] as const) {
    const [one, other] = [a[key], b[key]];
    if (one !== undefined && other !== undefined) match[key] = commonAddresses(one, other);
    const both = match[key];
    if (both === undefined || match.family === undefined) {
      if (both?.ranges.length === 0) return undefined;
      continue;
    }
    if (!rangesHaveFamily(both.ranges, match.family)) return undefined;
    const every = everyIp.filter(({ family }) => family === match.family);
    if (rangesContain(both.ranges, every)) delete match[key];
  }
  for (const key of ["ports", "sourcePorts"] as const) {
    const [one, other] = [a[key], b[key]];
    if (one !== undefined && other !== undefined) match[key] = commonPorts(one, other);
    if (match[key]?.ranges.length === 0) return undefined;
  }
  const foreign = match.family === 4 ? "icmpv6" : match.family === 6 ? "icmp" : undefined;
  if (match.protocol?.every((one) => one === foreign) === true) return undefined;
  return match;
}

function commonAddresses(a: AddressTerm, b: AddressTerm): AddressTerm {
  if (a === b || (a.set !== undefined && a.set === b.set)) return a;
  return { ranges: rangesOverlap(a.ranges, b.ranges), set: undefined };
}

function commonPorts(a: PortTerm, b: PortTerm): PortTerm {
  if (a.set !== undefined && a.set === b.set) return a;
  const ranges = a.ranges.flatMap((one) =>
    b.ranges.flatMap((other) => {
      const [first, last] = [Math.max(one.first, other.first), Math.min(one.last, other.last)];
      return first <= last ? [{ first, last }] : [];
    }),
  );
  return { ranges: mergePortRanges(ranges), set: undefined };
}

/** All ports but these. The document has no port 0. */
export function otherPorts(ranges: readonly PortRange[]): PortTerm {
  const others: PortRange[] = [];
  let next = 1;
  for (const { first, last } of mergePortRanges(ranges)) {
    if (first > next) others.push({ first: next, last: first - 1 });
    next = last + 1;
  }
  const end = everyPort[0]?.last ?? next;
  if (next <= end) others.push({ first: next, last: end });
  return { ranges: others, set: undefined };
}

/** Whether two rules match the same. */
export function sameMatch(a: FilterMatch, b: FilterMatch): boolean {
  const words = (key: "in" | "out" | "protocol" | "types") =>
    [a, b].map((one) => (one[key] === undefined ? undefined : [...one[key]].sort().join()));
  for (const key of ["in", "out", "protocol", "types"] as const) {
    const [one, other] = words(key);
    if (one !== other) return false;
  }
  return (
    a.family === b.family &&
    sameRanges(a.from, b.from) &&
    sameRanges(a.to, b.to) &&
    sameRanges(a.ports, b.ports) &&
    sameRanges(a.sourcePorts, b.sourcePorts)
  );
}

interface Ranges {
  readonly ranges: readonly (PortRange | IpRange)[];
}

function sameRanges(a: Ranges | undefined, b: Ranges | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.ranges.length !== b.ranges.length) return false;
  return a.ranges.every((one, index) => {
    const other = b.ranges[index];
    return (
      other !== undefined &&
      one.first === other.first &&
      one.last === other.last &&
      familyOf(one) === familyOf(other)
    );
  });
}

function familyOf(range: PortRange | IpRange): number | undefined {
  return "family" in range ? range.family : undefined;
}

/** Whether it matches every packet of its family. */
export function isUnconditional(match: FilterMatch): boolean {
  return (Object.keys(match) as (keyof FilterMatch)[]).every(
    (key) => key === "family" || match[key] === undefined,
  );
}
