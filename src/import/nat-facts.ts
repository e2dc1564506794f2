import type { Place } from "./remark.ts";

/** A source translation, of nftables or of iptables. */
export interface SourceTranslation {
  readonly at: Place;
  /** Networks, as written; none means every address. */
  readonly from: readonly string[];
  readonly family: 4 | 6 | undefined;
  /** The device that packets leave by. */
  readonly device: string | undefined;
  /** An address, or `masquerade`. */
  readonly to: string;
  /** What the rule's comment calls it. */
  readonly name: string | undefined;
}

/** What is said of rules that are not carried over. */
export const natHints = {
  filter:
    "Tocha's own tables stand beside those of others: load these rules from a file of their own on every node.",
  forward: "Load it from a file of its own on every node; the connections survive a takeover all the same.",
} as const;
