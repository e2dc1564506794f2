import { formatIpRange, type IpRange, mergeIpRanges, parseIpRange } from "../base/ip-range.ts";
import { formatPortRange, mergePortRanges, type PortRange, parsePortRange } from "../base/port-range.ts";
import type { SetKind } from "./set-file.ts";

/** What a set holds, in as few ranges as possible; one of the two lists is empty. */
export interface SetContents {
  readonly kind: SetKind;
  readonly addresses: readonly IpRange[];
  readonly ports: readonly PortRange[];
}

/** @param elements as the schema or elementOf() leaves them */
export function setContents(kind: SetKind, elements: readonly string[]): SetContents {
  return kind === "ports"
    ? { kind, addresses: [], ports: mergePortRanges(elements.flatMap((text) => parsePortRange(text) ?? [])) }
    : { kind, addresses: mergeIpRanges(elements.flatMap((text) => parseIpRange(text) ?? [])), ports: [] };
}

/** The same as texts: equal sets have equal texts, however they were written. */
export function setElements({ addresses, ports }: SetContents): string[] {
  return [...addresses.map(formatIpRange), ...ports.map(formatPortRange)];
}
