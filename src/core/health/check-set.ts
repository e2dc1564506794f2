import { Check, type CheckSettings, type CheckState, type CheckView, type Reach } from "./check.ts";

/** What a failing check does to its node. */
export interface CheckEffect {
  /** Taken from the effective priority; 0 with a veto. */
  readonly weight: number;
  /** The node ranks below every healthy one. */
  readonly veto: boolean;
}

export interface NamedCheckSettings extends CheckSettings, CheckEffect {
  readonly name: string;
  readonly timeoutMs: number;
  /** Where all of these fail, a node that hears no other one does not serve: see TieBreak. */
  readonly tieBreaker: boolean;
}

/** What the tie-breakers of a group say together. */
export interface TieView {
  /** `no` where nobody answers, `yes` where somebody does or there are none. */
  readonly reach: Reach;
  /** What each of them said last. */
  readonly words: string;
}

/** What the election is told of a check. */
export interface CheckVerdict extends CheckEffect {
  readonly name: string;
  readonly state: CheckState;
  /** Of a failing check: why. */
  readonly failure: string;
  /** Within this time the other nodes have found out the same, if it is the same for them. */
  readonly settleMs: number;
}

/** All checks of this node for one group. */
export class CheckSet {
  readonly #checks: ReadonlyMap<string, { readonly settings: NamedCheckSettings; readonly check: Check }>;

  constructor(settings: readonly NamedCheckSettings[], nowMs: number) {
    this.#checks = new Map(
      settings.map((one) => [one.name, { settings: one, check: new Check(one, nowMs) }]),
    );
  }

  /** @returns true when the verdict is another now */
  result(nowMs: number, name: string, good: boolean, words: string): boolean {
    return this.#checks.get(name)?.check.result(nowMs, good, words) ?? false;
  }

  /** Of those that have a weight or a veto. */
  verdicts(nowMs: number): CheckVerdict[] {
    return [...this.#checks.values()].flatMap(({ settings, check }) => {
      const { name, weight, veto, intervalMs, timeoutMs } = settings;
      if (weight === 0 && !veto) return [];
      const { state, failure } = check.view(nowMs);
      // The probes of two nodes do not start together: the other's may be a whole interval behind.
      return [{ name, weight, veto, state, failure, settleMs: intervalMs + timeoutMs }];
    });
  }

  tie(nowMs: number): TieView {
    const all = [...this.#checks.values()].filter(({ settings }) => settings.tieBreaker);
    const words = all
      .map(({ settings: { name }, check }) => `${name}: ${check.view(nowMs).words}`)
      .join("; ");
    if (all.length === 0 || all.some(({ check }) => check.reach === "yes")) return { reach: "yes", words };
    return { reach: all.every(({ check }) => check.reach === "no") ? "no" : "unknown", words };
  }

  failure(nowMs: number, name: string): string {
    return this.#checks.get(name)?.check.view(nowMs).failure ?? "";
  }

  views(
    nowMs: number,
  ): (CheckView & CheckEffect & { readonly name: string; readonly tieBreaker: boolean })[] {
    return [...this.#checks.values()].map(({ settings: { name, weight, veto, tieBreaker }, check }) => ({
      ...{ name, weight, veto, tieBreaker },
      ...check.view(nowMs),
    }));
  }
}

/** What the checks of a node take from it together. */
export interface Ailments {
  readonly weight: number;
  readonly vetoed: boolean;
  /** `check upstream failed: no answer from 198.51.100.1 for 3 s`; empty when nothing fails. */
  readonly why: string;
  readonly settleMs: number;
}

export function ailments(verdicts: readonly CheckVerdict[]): Ailments {
  const failing = verdicts.filter(({ state }) => state === "failing");
  // What disqualifies is the news.
  const telling = failing.some(({ veto }) => veto) ? failing.filter(({ veto }) => veto) : failing;
  return {
    weight: failing.reduce((sum, { weight }) => sum + weight, 0),
    vetoed: failing.some(({ veto }) => veto),
    why: telling.map(({ name, failure }) => `check ${name} failed: ${failure}`).join("; "),
    settleMs: Math.max(0, ...failing.map(({ settleMs }) => settleMs)),
  };
}

/**
 * The verdicts that count: of a check that is pending nothing new is known, as after a restart of the process that makes
 * the checks, and what was known of it stays. Where nothing is new at all, they are the known ones themselves.
 */
export function newerVerdicts(
  known: readonly CheckVerdict[],
  told: readonly CheckVerdict[],
): readonly CheckVerdict[] {
  const newer = told.map((verdict) => {
    const before = known.find(({ name }) => name === verdict.name);
    return before !== undefined && isNoNews(before, verdict) ? before : verdict;
  });
  const isSame = newer.length === known.length && newer.every((verdict, i) => verdict === known[i]);
  return isSame ? known : newer;
}

function isNoNews(known: CheckVerdict, told: CheckVerdict): boolean {
  if (told.state === "pending") return true;
  return (
    known.state === told.state &&
    known.failure === told.failure &&
    known.weight === told.weight &&
    known.veto === told.veto &&
    known.settleMs === told.settleMs
  );
}
