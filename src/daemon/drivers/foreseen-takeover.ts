import type { Election } from "../../core/election/election.ts";
import type { HeldAddresses } from "./held-addresses.ts";

const NEVER = Number.POSITIVE_INFINITY;
/**
 * So long before silence would make a standby take over it prepares for that. Two pulses of 10 ms are missing by then, and what was prepared
 * is still in the processor's caches afterwards. With more frequent pulses an interval of them, for the same reason.
 */
const AHEAD_MS_MAX = 8;
/** Whoever has less time than this, because it woke late or the end was set so near, would only be later. */
const AHEAD_MS_MIN = 3;

export interface ForeseenTakeoverOptions {
  readonly election: Pick<Election, "silenceMs">;
  readonly addresses: Pick<HeldAddresses, "prepare">;
  readonly pulseIntervalMs: number;
  readonly count: (event: string) => void;
}

/**
 * The takeover that comes if the active stays silent. A standby's code and data for it were used long ago, if ever, and are not in the caches: with a
 * million connections in the kernel's table its first millisecond took three. So it is rehearsed when it is at hand, which costs
 * nothing as long as pulses come.
 */
export class ForeseenTakeover {
  readonly #options: ForeseenTakeoverOptions;
  readonly #aheadMs: number;
  /** The end of the silence that was last prepared for. */
  #preparedFor = Number.NaN;

  constructor(options: ForeseenTakeoverOptions) {
    this.#options = options;
    this.#aheadMs = Math.min(AHEAD_MS_MAX, options.pulseIntervalMs);
  }

  /** When prepare() is to be called; Infinity when it need not be. */
  get dueMs(): number {
    const { silenceMs } = this.#options.election;
    return silenceMs === this.#preparedFor ? NEVER : silenceMs - this.#aheadMs;
  }

  /**
   * Prepares the addresses, once for each end of a silence, when it is at hand.
   *
   * @returns whether it did, so that the role rehearses the rest
   */
  prepare(nowMs: number): boolean {
    if (nowMs < this.dueMs) return false;
    const { election, addresses, count } = this.#options;
    this.#preparedFor = election.silenceMs;
    if (election.silenceMs - nowMs < AHEAD_MS_MIN) return false;
    addresses.prepare();
    count("takeover-foreseen");
    return true;
  }
}
