import { otherRanges } from "../base/ip-range.ts";
import { type AddressTerm, otherPorts, type PortTerm } from "./filter-match.ts";
import { addressTerm, portTerm } from "./filter-terms.ts";
import type { NftSet } from "./nftables-sets.ts";
import type { NftToken } from "./nftables-tokens.ts";
import type { Remarks } from "./remark.ts";

/** The right side of a condition: words, or a named set. */
export interface NftValue {
  readonly texts: readonly string[];
  /** What tells one list from another: rules that name one definition share what is worked out of it. */
  readonly key: object;
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

type Term = AddressTerm | PortTerm;

/** What conditions compare with, as terms. Each is worked out once: thousands of rules may name one large set. */
export class NftTerms {
  readonly #sets: readonly NftSet[];
  readonly #remarks: Remarks;
  readonly #known = new Map<string, WeakMap<object, unknown>>();

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

  addresses(
    { isExcluded, ...value }: NftValue,
    set: NftSet | undefined,
    family: 4 | 6,
  ): AddressTerm | string {
    const plain = this.#once(`ip${family}`, value, set, (texts) => addressTerm(texts, family, false));
    if (!isExcluded || typeof plain === "string") return plain;
    return this.#derived(`not ip${family}`, plain, () => ({
      ranges: otherRanges(plain.ranges, family),
      set: undefined,
    }));
  }

  ports({ isExcluded, ...value }: NftValue, set: NftSet | undefined): PortTerm | string {
    const plain = this.#once("ports", value, set, (texts) => portTerm(texts, false));
    if (!isExcluded || typeof plain === "string") return plain;
    return this.#derived("not ports", plain, () => otherPorts(plain.ranges));
  }

  #once<Kind extends Term>(
    what: string,
    { key, texts, set: name }: Omit<NftValue, "isExcluded">,
    set: NftSet | undefined,
    read: (texts: readonly string[]) => Kind | string,
  ): Kind | string {
    return this.#derived(what, name === undefined ? key : (set ?? key), () => {
      const all = name === undefined ? texts : this.texts(set);
      const term = typeof all === "string" ? all : read(all);
      return typeof term === "string" || name === undefined ? term : { ...term, set: name };
    });
  }

  /** The texts of elements in braces. */
  written(elements: NonNullable<NftToken["elements"]>): readonly string[] | string {
    return this.#derived("texts", elements, () => elementTexts(elements));
  }

  #derived<Kind>(what: string, key: object, make: () => Kind): Kind {
    const known = this.#known.get(what) ?? new WeakMap<object, unknown>();
    this.#known.set(what, known);
    const before = known.get(key);
    // What is kept under a name and a key was made by the same function.
    if (before !== undefined) return before as Kind;
    const term = make();
    known.set(key, term);
    return term;
  }
}
