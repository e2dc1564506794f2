import type { Random } from "./mutate.ts";

/** One decoder under attack, with the machine behind it where there is one. */
export interface FuzzTarget {
  /** Valid messages, which inputs are made of. */
  readonly corpus: readonly Uint8Array[];
  /** Makes checksums and the like right again, so that what lies behind their check is reached too. */
  readonly repair?: (bytes: Uint8Array) => void;
  /**
   * Decodes one input and throws where a promise is broken.
   *
   * @returns "accepted", or the reason of the refusal
   */
  readonly run: (input: Uint8Array, random: Random) => string;
}

export const ACCEPTED = "accepted";

/** Makes a target with fresh state. */
export type MakeTarget = () => FuzzTarget;
