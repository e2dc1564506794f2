//                     first result good
//      +---------+ ---------------------> +----+
//      | pending |                        | ok | <--------------+
//      +---------+                        +----+                | `rise` good results in a row,
//           | first result bad              |                   | and the back-off is over
//           |                               | `fall` bad        |
//           |                               v in a row          |
//           |                          +---------+              |
//           +------------------------> | failing | -------------+
//                                      +---------+

export const checkStates = ["pending", "ok", "failing"] as const;
export type CheckState = (typeof checkStates)[number];

/** Whether somebody answers: what a tie goes by. `unknown` until enough probes have ended. */
export type Reach = "unknown" | "yes" | "no";

export interface CheckSettings {
  readonly intervalMs: number;
  /** Good results in a row after which a failing check is ok again. */
  readonly rise: number;
  /** Bad results in a row after which it fails. */
  readonly fall: number;
}

export interface CheckView {
  readonly state: CheckState;
  readonly sinceMs: number;
  /** What the last probe said: a few words. */
  readonly words: string;
  /** Of a failing check: why, in words that can stand in a sentence; empty otherwise. */
  readonly failure: string;
  /** It would be ok, but it flapped, and is believed from then on. */
  readonly heldUntilMs: number | undefined;
  /** Times that it failed again soon after it had been ok. */
  readonly flaps: number;
}

/** A check that fails again within this time, or ten of its intervals, flaps. */
const FLAP_MS_MIN = 60_000;
const FLAP_INTERVALS = 10;
/** The first back-off; it doubles with each further flap. */
const HOLD_MS_MIN = 5_000;
export const HOLD_MS_MAX = 300_000;

/** One check of this node: from the results of its probes to what is believed. */
export class Check {
  readonly #settings: CheckSettings;
  #state: CheckState = "pending";
  #sinceMs: number;
  #words = "";
  #failure = "";
  /** Results in a row that speak against the state. */
  #contrary = 0;
  /** The last good result, or the start. */
  #lastGoodMs: number;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #holdMs = 0;
  #flaps = 0;
  #hasFailed = false;
  #reach: Reach = "unknown";
  /** Results in a row that were as the last one. */
  #alike = 0;
  #wasGood: boolean | undefined;

  constructor(settings: CheckSettings, nowMs: number) {
    this.#settings = settings;
    this.#sinceMs = this.#lastGoodMs = nowMs;
  }

  /**
   * Takes the result of one probe.
   *
   * @param words what it says, for people
   * @returns true when the state is another now
   */
  result(nowMs: number, good: boolean, words: string): boolean {
    this.#words = words;
    if (good) this.#lastGoodMs = nowMs;
    this.#countAlike(good);
    // Of a node that has just started nothing is known: the first result is better than none.
    if (this.#state === "pending") return this.#become(nowMs, good);
    if (good === (this.#state === "ok")) {
      this.#contrary = 0;
      return false;
    }
    this.#contrary += 1;
    if (this.#contrary < (good ? this.#settings.rise : this.#settings.fall)) return false;
    if (good && nowMs < this.#heldUntilMs) return false;
    return this.#become(nowMs, good);
  }

  view(nowMs: number): CheckView {
    const isHeld = this.#state === "failing" && this.#contrary > 0 && nowMs < this.#heldUntilMs;
    return {
      state: this.#state,
      sinceMs: this.#sinceMs,
      words: this.#words,
      failure: this.#failure,
      heldUntilMs: isHeld ? this.#heldUntilMs : undefined,
      flaps: this.#flaps,
    };
  }

  /** By `rise` and `fall` alone: unlike the state it believes no single first result, and nothing that flaps is held down. */
  get reach(): Reach {
    return this.#reach;
  }

  #countAlike(good: boolean): void {
    this.#alike = good === this.#wasGood ? this.#alike + 1 : 1;
    this.#wasGood = good;
    if (this.#alike >= (good ? this.#settings.rise : this.#settings.fall)) this.#reach = good ? "yes" : "no";
  }

  #become(nowMs: number, good: boolean): boolean {
    if (!good && this.#state === "ok") this.#countFlap(nowMs);
    if (!good) this.#hasFailed = true;
    this.#state = good ? "ok" : "failing";
    this.#failure = good ? "" : failureText(this.#words, nowMs - this.#lastGoodMs);
    this.#sinceMs = nowMs;
    this.#contrary = 0;
    return true;
  }

  /** The first failure is believed and forgiven at once; whoever fails again and again must be well for longer. */
  #countFlap(nowMs: number): void {
    const okMs = nowMs - this.#sinceMs;
    const isFlap = this.#hasFailed && okMs < this.#flapWindowMs;
    this.#flaps = isFlap ? this.#flaps + 1 : 0;
    this.#holdMs = isFlap ? Math.min(HOLD_MS_MAX, Math.max(HOLD_MS_MIN, 2 * this.#holdMs)) : 0;
    this.#heldUntilMs = nowMs + this.#holdMs;
  }

  get #flapWindowMs(): number {
    return Math.max(FLAP_MS_MIN, FLAP_INTERVALS * this.#settings.intervalMs);
  }
}

function failureText(words: string, forMs: number): string {
  const seconds = Math.round(forMs / 100) / 10;
  return seconds > 0 ? `${words} for ${seconds} s` : words;
}
