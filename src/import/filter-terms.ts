import { type IpRange, mergeIpRanges, otherRanges, parseIpRange } from "../base/ip-range.ts";
import { mergePortRanges, type PortRange, parsePortRange } from "../base/port-range.ts";
import type { DeviceRoles } from "./filter-facts.ts";
import { type AddressTerm, LOOPBACK, otherPorts, type PortTerm } from "./filter-match.ts";
import { portText } from "./protocol-names.ts";

// What a condition compares with, from the texts of nftables and iptables. Each gives a term, or why there is none.

/** @param texts addresses, networks or ranges of one family */
export function addressTerm(
  texts: readonly string[],
  family: 4 | 6,
  isExcluded: boolean,
): AddressTerm | string {
  const ranges: IpRange[] = [];
  for (const text of texts) {
    const range = parseIpRange(text);
    if (range === undefined) return `"${text.slice(0, 40)}" is no address, network or range`;
    if (range.family !== family) return `"${text.slice(0, 40)}" is not of the rule's family`;
    ranges.push(range);
  }
  return { ranges: isExcluded ? otherRanges(ranges, family) : mergeIpRanges(ranges), set: undefined };
}

/** @param texts ports, by number or by name, or ranges of them */
export function portTerm(texts: readonly string[], isExcluded: boolean): PortTerm | string {
  const ranges: PortRange[] = [];
  for (const text of texts) {
    const range = parsePortRange(portText(text));
    if (range === undefined) return `"${text.slice(0, 40)}" is no port from 1 to 65535, and no range of them`;
    ranges.push(range);
  }
  return isExcluded ? otherPorts(ranges) : { ranges: mergePortRanges(ranges), set: undefined };
}

export interface DeviceTerm {
  readonly roles: readonly string[];
  /** Devices that the document does not know. */
  readonly unknown: readonly string[];
  /** Whether these are the interfaces of the document that were not excluded. */
  readonly isOthers: boolean;
}

export function deviceTerm(
  names: readonly string[],
  { roles, roleOf }: DeviceRoles,
  isExcluded: boolean,
): DeviceTerm | undefined | string {
  const wild = names.find((name) => /[*+]$/.test(name));
  if (wild !== undefined) return `the document names interfaces one by one, not "${wild.slice(0, 20)}"`;
  const known = names.map((name) => (name === "lo" ? LOOPBACK : roleOf(name)));
  if (!isExcluded) {
    const named = known.flatMap((role) => role ?? []);
    return {
      roles: [...new Set(named)],
      unknown: names.filter((_, index) => known[index] === undefined),
      isOthers: false,
    };
  }
  const others = roles.filter((role) => !known.includes(role));
  // Packets of the node to itself always pass: without them these are all.
  if (others.length === roles.length && names.every((name) => name === "lo")) return undefined;
  return { roles: others, unknown: [], isOthers: true };
}
