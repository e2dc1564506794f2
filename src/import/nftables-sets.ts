import type { NftToken } from "./nftables-tokens.ts";
import type { Place } from "./remark.ts";

/** A named set, as it stands in the file. */
export interface NftSet {
  readonly at: Place;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of its elements: `ipv4_addr`, or what follows `typeof`. */
  type: string;
  /** Why what it holds is not known: it changes while the rules are loaded. */
  changing: string | undefined;
  readonly elements: (readonly NftToken[])[];
}

export function newSet(place: Pick<NftSet, "at" | "family" | "table" | "name">): NftSet {
  return { ...place, type: "", changing: undefined, elements: [] };
}

/** What a line of the set's block says. */
export function addSetLine(set: NftSet, words: readonly NftToken[]): void {
  const [key, ...rest] = words;
  const values = rest.map((word) => word.text);
  switch (key?.text) {
    case "type":
    case "typeof":
      set.type = values.join(" ");
      break;
    case "flags":
      if (values.includes("dynamic") || values.includes("timeout"))
        set.changing = "it is filled while the gateway runs";
      break;
    case "timeout":
      set.changing = "its elements go away by themselves";
      break;
    case "elements":
      set.elements.push(...rest.flatMap((word) => word.elements ?? []));
      break;
    default:
  }
}
