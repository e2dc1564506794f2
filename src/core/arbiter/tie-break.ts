import type { TieView } from "../health/check-set.ts";
import type { Standing } from "./arbitration.ts";

/** How long it must be alone as an active: who has just taken over, and a peer that stands still for a moment, are no reason. */
const HOLD_MS_MIN = 1_000;
const HOLD_INTERVALS = 10;

const NEVER = Number.POSITIVE_INFINITY;

/** What the failover role is to be told: stay down, and why, or (Null) do not. */
export interface TieRuling {
  readonly cutOff: string | null;
}

/**
 * The tie-breaker of a node without a third to ask: an active that hears no other node, and for which none of the group's named
 * targets answers, is on the wrong side of the cut, and steps down until it hears somebody or a target answers. It takes over
 * first, as with an arbiter (docs/decisions/0035-targets-that-break-a-tie.md).
 */
export class TieBreak {
  readonly #holdMs: number;
  #standing: Standing | undefined;
  #tie: TieView = { reach: "unknown", words: "" };
  /** Since when it has been active, alone and cut off. */
  #sinceMs = NEVER;
  #isDown = false;

  /** @param intervalMs of pulses */
  constructor(intervalMs: number) {
    this.#holdMs = Math.max(HOLD_MS_MIN, HOLD_INTERVALS * intervalMs);
  }

  /** Must be called for every change. @returns undefined when there is nothing to tell */
  stands(nowMs: number, standing: Standing): TieRuling | undefined {
    this.#standing = standing;
    // Either of both roles may have started again, and know nothing of it.
    if (standing.cutOff !== null) this.#isDown = true;
    const ruling = this.#decide(nowMs);
    const isForgotten = this.#isDown && standing.cutOff === null;
    return ruling ?? (isForgotten ? this.#ruling : undefined);
  }

  reaches(nowMs: number, tie: TieView): TieRuling | undefined {
    this.#tie = tie;
    return this.#decide(nowMs);
  }

  timeout(nowMs: number): TieRuling | undefined {
    return this.#decide(nowMs);
  }

  /** When `timeout` is next due; Infinity when it never is. */
  get deadline(): number {
    return this.#isDown ? NEVER : this.#sinceMs + this.#holdMs;
  }

  #decide(nowMs: number): TieRuling | undefined {
    const { role, isAlone } = this.#standing ?? { role: "init", isAlone: false };
    if (this.#isDown) {
      if (isAlone && this.#tie.reach !== "yes" && role !== "stopped") return undefined;
      this.#isDown = false;
      return this.#ruling;
    }
    const isCutOff = role === "active" && isAlone && this.#tie.reach === "no";
    this.#sinceMs = isCutOff ? Math.min(this.#sinceMs, nowMs) : NEVER;
    if (nowMs < this.#sinceMs + this.#holdMs) return undefined;
    this.#sinceMs = NEVER;
    this.#isDown = true;
    return this.#ruling;
  }

  get #ruling(): TieRuling {
    const why = `it hears no other node, and no tie-breaker answers (${this.#tie.words})`;
    return { cutOff: this.#isDown ? why : null };
  }
}
