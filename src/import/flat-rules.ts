import {
  type FilterBounds,
  type FilterChain,
  type FilterLog,
  type FilterRule,
  filterHints,
} from "./filter-facts.ts";
import { bothMatch, type FilterMatch, isUnconditional, LOOPBACK, sameMatch } from "./filter-match.ts";
import { VRRP } from "./protocol-names.ts";
import type { Place, Remarks } from "./remark.ts";

export type Action = "accept" | "drop" | "reject";

/** A rule as the document has it. */
export interface FlatRule {
  readonly at: Place;
  readonly match: FilterMatch;
  readonly verdict: Action;
  readonly log: FilterLog | undefined;
  readonly bounds: FilterBounds | undefined;
  readonly name: string | undefined;
}

interface Emitted extends FlatRule {
  readonly base: number;
  /** Whether answers to connections came to it too: they pass in the document. */
  readonly stopsAnswers: boolean;
}

interface Wish {
  readonly at: Place;
  readonly match: FilterMatch;
  /** Undefined: the policy of a chain. */
  readonly rule: FilterRule | undefined;
  readonly verdict: Action;
  readonly base: number;
  /** What comes to the base chain. A chain may be gone through several times, each with an entry of its own. */
  readonly entry: FilterMatch;
  readonly states?: ReadonlySet<string> | undefined;
}

/** Where answers to connections pass. */
interface Answers {
  readonly match: FilterMatch;
  readonly base: number;
  readonly entry: FilterMatch;
  /** Whether all pass that come to the base chain. */
  readonly isWhole: boolean;
}

/** A document has at most so many rules in a chain. */
const RULES_MAX = 1_024;

/** Collects the rules of one hook in order, and says of each line what is different. */
export class FlatRules {
  readonly rules: Emitted[] = [];
  /** Whether what port forwards let in was accepted as such. */
  hasPortForwards = false;
  readonly #bases: readonly FilterChain[];
  readonly #hook: "forward" | "input";
  readonly #remarks: Remarks;
  readonly #answers: Answers[] = [];
  readonly #lost: { readonly at: Place; readonly why: string; readonly before: number }[] = [];
  readonly #unmatched = new Map<string, Place>();
  /** Lines of which something was said, or that are rules of the document. */
  readonly #used = new Set<string>();
  /** Logs, and drops of what is beyond a limit: they belong to the rule that follows, if that matches the same. */
  #prepared: { readonly rule: FilterRule; readonly match: FilterMatch }[] = [];

  constructor(
    bases: readonly FilterChain[],
    { hook, remarks }: { readonly hook: "forward" | "input"; readonly remarks: Remarks },
  ) {
    this.#bases = bases;
    this.#hook = hook;
    this.#remarks = remarks;
  }

  /** Whether nothing comes behind the last rule any more. */
  get isClosed(): boolean {
    const last = this.rules.at(-1);
    return last !== undefined && isUnconditional(last.match) && last.match.family === undefined;
  }

  emit(wish: Wish): void {
    const { match } = wish;
    const family = match.family ?? this.#prepared.find(({ rule }) => rule.isOver)?.match.family;
    const ofFamily = family === undefined ? undefined : bothMatch(match, { family });
    // A limit of one family's sources, before a rule for both: that family gets a rule of its own.
    if (ofFamily !== undefined && match.family === undefined && this.#fits(ofFamily))
      this.#emit({ ...wish, match: ofFamily });
    this.#emit(wish);
  }

  #fits(match: FilterMatch): boolean {
    return this.#prepared.some((one) => one.rule.isOver && sameMatch(one.match, match));
  }

  #emit({ at, match, rule, verdict, base, entry, states }: Wish): void {
    const stops = verdict !== "accept";
    if (this.isClosed) {
      if (rule !== undefined) this.unmatched(at);
      return;
    }
    const own = this.#withoutOwn(at, match, stops);
    const { logs, bounds } = this.#take(match, stops);
    if (own === undefined) return;
    if (this.rules.length >= RULES_MAX) {
      this.lost({ at, why: `a document has at most ${RULES_MAX} rules in a chain`, mayStop: stops });
      return;
    }
    this.#used.add(placeKey(at));
    if (rule !== undefined) this.#notes(rule, stops);
    const isNew = states !== undefined && !states.has("established");
    const all = { ...bounds, ...rule?.bounds };
    this.rules.push({
      ...{ at, match: own, verdict, base, name: rule?.name ?? logs[0]?.name },
      log: rule?.log ?? logs[0]?.log,
      bounds: stops || Object.keys(all).length === 0 ? undefined : all,
      stopsAnswers: stops && !isNew && rule !== undefined && !this.#answersPass(match, base, entry),
    });
  }

  /** A log, or a drop of what is beyond a limit. */
  prepare(rule: FilterRule, match: FilterMatch): void {
    if (this.isClosed) this.unmatched(rule.at);
    else if (rule.log === undefined && !rule.isOver)
      this.#remarks.needless(rule.at, "it decides nothing; tocha counts for each rule by itself");
    else this.#prepared.push({ rule, match });
  }

  /** What a rule accepts goes on to another chain, which decides. */
  passOn(rule: FilterRule): void {
    this.#used.add(placeKey(rule.at));
    this.#notes(rule, false);
    if (rule.log !== undefined)
      this.#remarks.lost(
        rule.at,
        "another chain decides on what it accepts: that is not logged",
        filterHints.lost,
      );
  }

  /** Answers to connections are accepted here. */
  answers(match: FilterMatch, base: number, entry: FilterMatch): void {
    this.#answers.push({ match, base, entry, isWhole: sameMatch(match, entry) });
  }

  portForwards(at: Place, isWhole: boolean): void {
    this.hasPortForwards = true;
    if (isWhole)
      this.#remarks.needless(at, "what a port forward lets in passes behind all rules, before the default");
    else
      this.#remarks.opened(
        at,
        "all port forwards of the document pass behind its rules, not only these",
        filterHints.opened,
      );
  }

  lost({ at, why, mayStop }: { readonly at: Place; readonly why: string; readonly mayStop: boolean }): void {
    this.#used.add(placeKey(at));
    if (mayStop) this.#lost.push({ at, why, before: this.rules.length });
    else this.#remarks.lost(at, why, filterHints.lost);
  }

  /** Nothing comes to it here. It may elsewhere. */
  unmatched(at: Place): void {
    this.#unmatched.set(placeKey(at), at);
  }

  /** Lines to which no packet comes; those that are in use at another hook are none. */
  unmatchedBeside(others: readonly FlatRules[]): readonly Place[] {
    return [...this.#unmatched].flatMap(([key, at]) =>
      [this, ...others].some((one) => one.#used.has(key)) ? [] : [at],
    );
  }

  /** Says what could not be said before the whole list was there. */
  finish(): void {
    this.#take(undefined, false);
    for (const { at, why, before } of this.#lost) {
      // What a lost rule stopped is stopped all the same where nothing accepts behind it.
      if (this.rules.slice(before).some((one) => one.verdict === "accept"))
        this.#remarks.opened(at, `${why}; what it stopped may pass`, filterHints.opened);
      else this.#remarks.lost(at, why, filterHints.lost);
    }
    for (const [index, chain] of this.#bases.entries()) this.#finishBase(chain, index);
  }

  #finishBase(chain: FilterChain, base: number): void {
    const own = this.rules.filter((one) => one.base === base);
    for (const { at } of own.filter((one) => one.stopsAnswers)) {
      const why =
        "it also stopped the answers of these hosts: rules of the document are for new connections alone";
      this.#remarks.opened(at, why, "Add a rule with to: where nobody may connect to them either.");
    }
    if (own.every((one) => one.verdict === "accept")) return;
    const answers = this.#answers.filter((one) => one.base === base);
    if (answers.some((one) => one.isWhole || isUnconditional(one.match))) return;
    const passing = answers.map(({ match }) => match);
    const isWithin = (inner: readonly string[] | undefined, outer: readonly string[] | undefined) =>
      outer === undefined || (inner?.every((role) => outer.includes(role)) ?? false);
    const lacking = own.find(
      ({ match, verdict }) =>
        verdict === "accept" &&
        !passing.some(
          (one) =>
            isUnconditional(withoutInterfaces(one)) &&
            isWithin(match.out, one.in) &&
            isWithin(match.in, one.out),
        ),
    );
    if (lacking === undefined && this.#hook === "forward") return;
    const why = `the chain "${chain.name}" does not accept all answers: in the document those of accepted connections always pass`;
    this.#remarks.opened(chain.at, why, filterHints.opened);
  }

  #answersPass({ family }: FilterMatch, base: number, entry: FilterMatch): boolean {
    const own = this.#bases[base]?.family ?? family;
    return this.#answers.some(
      (one) =>
        one.entry === entry &&
        (one.isWhole || (isUnconditional(one.match) && (one.match.family ?? own) === own)),
    );
  }

  /** What tocha lets in by itself needs no rule, and no rule can forbid it. */
  #withoutOwn(at: Place, match: FilterMatch, stops: boolean): FilterMatch | undefined {
    const roles = match.in?.filter((role) => role !== LOOPBACK);
    const protocol = match.protocol?.filter((one) => one !== VRRP);
    const isNode = roles?.length === 0;
    if (!isNode && protocol?.length !== 0)
      return {
        ...match,
        ...(roles === undefined ? {} : { in: roles }),
        ...(protocol === undefined ? {} : { protocol }),
      };
    this.#used.add(placeKey(at));
    if (this.#hook === "forward")
      this.#remarks.lost(
        at,
        isNode ? "nothing is forwarded from the node itself" : "the document has no rule for VRRP",
        filterHints.lost,
      );
    else if (stops) this.#remarks.opened(at, "tocha lets this in before all rules", filterHints.opened);
    else
      this.#remarks.needless(
        at,
        isNode ? "the node itself always passes" : "the nodes' own traffic always passes",
      );
    return undefined;
  }

  /** Takes the logs and bounds that belong to a rule with this match; others are lost. */
  #take(match: FilterMatch | undefined, stops: boolean) {
    const logs: FilterRule[] = [];
    let bounds: FilterBounds = {};
    for (const one of this.#prepared) {
      const { at, log, isOver } = one.rule;
      const fits = match !== undefined && sameMatch(one.match, match);
      if (fits && log !== undefined) logs.push(one.rule);
      if (fits && isOver) bounds = { ...bounds, ...one.rule.bounds };
      if (fits) {
        if (isOver && !stops) this.#notes(one.rule, true);
        continue;
      }
      if (isOver)
        this.lost({
          at,
          why: "no rule that accepts the same follows: the limit has nothing to be a limit of",
          mayStop: true,
        });
      else
        this.#remarks.lost(
          at,
          "no rule with the same conditions follows: the document logs what a rule decides on",
          "Add log: true to the rules that matter.",
        );
    }
    this.#prepared = [];
    return { logs, bounds };
  }

  #notes({ at, notes, bounds, isOver, log }: FilterRule, stops: boolean): void {
    for (const { why, takesLess, takesMore } of notes) {
      // How a limit answers is not how the rule does that it belongs to.
      if (isOver && !takesLess && !takesMore) continue;
      if (stops ? takesLess : takesMore) this.#remarks.opened(at, why, filterHints.opened);
      else this.#remarks.changed(at, why);
    }
    if (bounds !== undefined && log === undefined) {
      const more = isOver
        ? ", what is beyond is dropped without an answer"
        : ", what is beyond is dropped and does not go on to later rules";
      this.#remarks.changed(
        at,
        `it bounds new connections, and a period's whole allowance may come at once${more}`,
      );
    }
  }
}

function withoutInterfaces({ in: _in, out: _out, ...rest }: FilterMatch): FilterMatch {
  return rest;
}

function placeKey({ file, line }: Place): string {
  return `${file}:${line}`;
}
