/**
 * The nftables tables of one node as values: what is loaded, compared with what was loaded before, and shown in plans. Texts are
 * in the language of nft(8), in the form in which they are written into a script; names are unique within their table.
 */
export interface Ruleset {
  readonly tables: readonly Table[];
}

export interface Table {
  readonly family: "inet" | "arp";
  readonly name: string;
  /** Before the chains that use them, in the order in which they are made. */
  readonly objects: readonly TableObject[];
  readonly sets: readonly NamedSet[];
  readonly chains: readonly Chain[];
}

/** A stateful object or a helper: what stands between its braces. */
export interface TableObject {
  readonly kind: "ct helper" | "limit" | "counter";
  readonly name: string;
  readonly body: readonly string[];
}

/** A named set or map. */
export interface NamedSet {
  readonly kind: "set" | "map";
  readonly name: string;
  /** Its type, flags, size and the like, a statement each: fixed when it is made. */
  readonly header: readonly string[];
  /** For a map: `key : value`. Intervals must not overlap. */
  readonly elements: readonly string[];
}

export interface Chain {
  readonly name: string;
  /** `type … hook … priority …`; undefined for one that others jump to. */
  readonly hook: string | undefined;
  readonly rules: readonly Rule[];
}

/** One rule. */
export interface Rule {
  /** Empty for all packets. */
  readonly match: string;
  readonly verdict: string;
  /** For a rule of the document its id there, else why it is here. */
  readonly comment: string;
}

/** A table as nft(8) names it. */
export function tableTitle({ family, name }: { readonly family: string; readonly name: string }): string {
  return `${family} ${name}`;
}
