import { otherRanges } from "../base/ip-range.ts";
import { type AddressTerm, otherPorts, type PortTerm } from "./filter-match.ts";
import { addressTerm, portTerm } from "./filter-terms.ts";
import type { NftSet } from "./nftables-sets.ts";
import type { NftToken } from "./nftables-tokens.ts";
import type { Remarks } from "./remark.ts";

/** The right side of a condition: words, or a named set. */
export interface NftValue {
  readonly texts: readonly string[];
  readonly set: string | undefined;
  readonly isExcluded: boolean;
}

/** The texts of elements; undefined where one is more than a value, such as a concatenation. */
export function elementTexts(elements: readonly (readonly NftToken[])[]): string[] | string {
  const texts: string[] = [];
  for (const element of elements) {
    const words = element.map(({ text }) => text);
    const end = words.findIndex((word) => /^(comment|counter)$/.test(word));
    const value = end < 0 ? words : words.slice(0, end);
    if (value.some((word) => /^(timeout|expires)$/.test(word)))
      return "it has elements that go away by themselves";
    if (value.includes(".")) return "the document has no conditions that belong together in pairs";
    if (value.length !== 1 && !(value.length === 3 && value[1] === "-"))
      return "its elements are not single values";
    texts.push(value.join(""));
  }
  return texts;
}

/** The named sets of a file, as terms. Each is worked out once. */
export class NftSetTerms {
  readonly #sets: readonly NftSet[];
  readonly #remarks: Remarks;
  readonly #addresses = new Map<NftSet, AddressTerm | string>();
  readonly #ports = new Map<NftSet, PortTerm | string>();

  constructor(sets: readonly NftSet[], remarks: Remarks) {
    this.#sets = sets;
    this.#remarks = remarks;
  }

  find(family: string, table: string, name: string): NftSet | undefined {
    return this.#sets.find((one) => one.family === family && one.table === table && one.name === name);
  }

  /** The texts of a set that is written out where it is named. */
  texts(set: NftSet | undefined): readonly string[] | string {
    if (set === undefined) return "there is no such set";
    const texts = set.changing ?? elementTexts(set.elements);
    if (typeof texts !== "string" && texts.length > 0) return texts;
    const why = typeof texts === "string" ? texts : "it is empty in the file";
    this.#remarks.lost(set.at, `the set is not carried over: ${why}`, "Give the document a set with a file.");
    return `the set "${set.name.slice(0, 40)}" is not carried over: ${why}`;
  }

  addresses(set: NftSet | undefined, family: 4 | 6, isExcluded: boolean): AddressTerm | string {
    const term = this.#once(this.#addresses, set, (texts) => addressTerm(texts, family, false));
    if (typeof term === "string" || !isExcluded) return term;
    return { ranges: otherRanges(term.ranges, family), set: undefined };
  }

  ports(set: NftSet | undefined, isExcluded: boolean): PortTerm | string {
    const term = this.#once(this.#ports, set, (texts) => portTerm(texts, false));
    if (typeof term === "string" || !isExcluded) return term;
    return otherPorts(term.ranges);
  }

  #once<Term extends AddressTerm | PortTerm>(
    known: Map<NftSet, Term | string>,
    set: NftSet | undefined,
    read: (texts: readonly string[]) => Term | string,
  ): Term | string {
    const before = set === undefined ? undefined : known.get(set);
    if (before !== undefined) return before;
    const texts = this.texts(set);
    const term = typeof texts === "string" ? texts : read(texts);
    const named = typeof term === "string" || set === undefined ? term : { ...term, set: set.name };
    if (set !== undefined) known.set(set, named);
    return named;
  }
}
