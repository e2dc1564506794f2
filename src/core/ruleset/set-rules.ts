import { formatIpRange } from "../../base/ip-range.ts";
import { formatPortRange } from "../../base/port-range.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { type SetContents, setContents } from "../../contract/set-contents.ts";
import type { NamedSet } from "./ruleset.ts";

/** One family of IP, as rules and sets name it. */
export interface FamilyWords {
  readonly family: 4 | 6;
  readonly keyword: "ip" | "ip6";
  readonly type: "ipv4_addr" | "ipv6_addr";
}

export const familyWords: readonly FamilyWords[] = [
  { family: 4, keyword: "ip", type: "ipv4_addr" },
  { family: 6, keyword: "ip6", type: "ipv6_addr" },
];

/** What the sets of a checked document hold, by name. */
export function setsOf({ sets }: ClusterDocument): ReadonlyMap<string, SetContents> {
  return new Map(
    Object.entries(sets).map(([name, { kind, elements }]) => [name, setContents(kind, elements)]),
  );
}

/**
 * The sets of the document for the kernel: one for each family of addresses, for nft has no sets of both. One without
 * elements is not made.
 */
export function documentSets(document: ClusterDocument): readonly NamedSet[] {
  return [...setsOf(document)].flatMap(([name, { addresses, ports }]) => {
    const families = familyWords.map(({ family, type }) => ({
      name: addressSetName(name, family),
      type,
      elements: addresses.filter((one) => one.family === family).map(formatIpRange),
    }));
    const all = [
      ...families,
      { name: portSetName(name), type: "inet_service", elements: ports.map(formatPortRange) },
    ];
    return all
      .filter(({ elements }) => elements.length > 0)
      .map(
        ({ type, ...rest }): NamedSet => ({
          kind: "set",
          header: [`type ${type}`, "flags interval"],
          ...rest,
        }),
      );
  });
}

/** Endings of their own keep the names of sets apart from each other, and from tocha's own. */
export function addressSetName(name: string, family: 4 | 6): string {
  return `${name}-v${family}`;
}

export function portSetName(name: string): string {
  return `${name}-ports`;
}
