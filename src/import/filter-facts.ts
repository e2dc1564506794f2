import type { FilterMatch } from "./filter-match.ts";
import type { Place } from "./remark.ts";

// Rules that filter, of nftables and of iptables, in one form.

/** What is done with a packet. */
export type FilterVerdict =
  | { readonly kind: "accept" | "drop" | "reject" | "return" | "none" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

/** So many at most; what is beyond is dropped. */
export interface FilterBounds {
  readonly limit?: string;
  readonly sourceLimit?: string;
  readonly connections?: number;
}

export interface FilterLog {
  readonly prefix: string | undefined;
  readonly group: number | undefined;
}

export interface FilterRule {
  readonly at: Place;
  readonly match: FilterMatch;
  /** States of connections, in nft's words; undefined: any. */
  readonly states: ReadonlySet<string> | undefined;
  /** Whether it is for what a port forward has translated. */
  readonly isForwarded: boolean;
  readonly log: FilterLog | undefined;
  /** How much it takes; of an accepting rule, or, with `isOver`, of the next rule: this one drops what is beyond. */
  readonly bounds: FilterBounds | undefined;
  readonly isOver: boolean;
  readonly verdict: FilterVerdict;
  readonly name: string | undefined;
  /** What is different in the document all the same. */
  readonly notes: readonly FilterNote[];
}

export interface FilterNote {
  readonly why: string;
  /** Whether it makes the rule take more than it did. */
  readonly takesMore: boolean;
  /** Whether it makes the rule take less than it did. */
  readonly takesLess: boolean;
}

/** A rule that cannot be carried over. */
export interface FilterFault {
  readonly at: Place;
  readonly why: string;
  /** Whether it can stop packets: what it stopped then passes. */
  readonly mayStop: boolean;
  /** Whether packets leave its chain by it. */
  readonly mayReturn: boolean;
}

export interface FilterChain {
  readonly at: Place;
  /** Undefined: both. */
  readonly family: 4 | 6 | undefined;
  /** In one of these, chains know each other by name. */
  readonly table: string;
  readonly name: string;
  /** Undefined for chains that others jump to. */
  readonly hook: string | undefined;
  readonly priority: number;
  /** Of base chains. */
  readonly policy: "accept" | "drop";
  /** Whether its rules filter, rather than translate. */
  readonly isFilter: boolean;
  /** In order; a rule of several alternatives is several. */
  readonly rules: readonly FilterRuleSource[];
}

/** A rule that is read once it is known which devices the document has. */
export interface FilterRuleSource {
  readonly at: Place;
  readonly read: (devices: DeviceRoles) => readonly (FilterRule | FilterFault)[];
}

/** The interfaces of the document, for one node. */
export interface DeviceRoles {
  readonly roles: readonly string[];
  readonly roleOf: (device: string) => string | undefined;
}

export function isFault(one: FilterRule | FilterFault): one is FilterFault {
  return "why" in one;
}

/** What is said of filters that are not carried over. */
export const filterHints = {
  lost: "Write it as a rule of the firewall (docs/guide/firewall.md), or load it from a file of its own on every node.",
  opened:
    "Write a rule that stops this before you use the document, or load it from a file of its own on every node.",
  device: (device: string, node: string) =>
    `Give every node an own address there: --device NAME=${device.slice(0, 15)} --address ${node}/NAME=ADDRESS/LENGTH.`,
} as const;
