import {
  type DeviceRoles,
  type FilterChain,
  type FilterFault,
  type FilterRule,
  type FilterRuleSource,
  filterHints,
  isFault,
} from "./filter-facts.ts";
import { bothMatch, type FilterMatch, isUnconditional } from "./filter-match.ts";
import { FlatRules } from "./flat-rules.ts";
import type { Place, Remarks } from "./remark.ts";

// Chains that jump to each other, as one list in which the first rule that matches counts.

/** Chains that jump to chains that jump to chains may be a large tree: so many rules are looked at. */
const STEPS_MAX = 20_000;
const DEPTH_MAX = 16;

/** Where a rule is looked at. */
interface Spot {
  /** What packets match that come here, by the chains before. */
  readonly match: FilterMatch;
  readonly states: ReadonlySet<string> | undefined;
  /** The place of the base chain among those of the hook, and what comes to it. */
  readonly base: number;
  readonly entry: FilterMatch;
  readonly isBase: boolean;
  readonly table: string;
  readonly depth: number;
}

export interface FlattenOptions {
  readonly hook: "forward" | "input";
  readonly devices: DeviceRoles;
  readonly remarks: Remarks;
}

/**
 * Makes one list of the base chains of a hook: each decides in the order of their priorities, and what one accepts goes on to
 * the next.
 */
export class FilterFlattening {
  readonly flat: FlatRules;
  /** Chains that were looked at. */
  readonly visited = new Set<FilterChain>();
  readonly #chains: readonly FilterChain[];
  readonly #bases: readonly FilterChain[];
  readonly #options: FlattenOptions;
  readonly #read = new Map<FilterRuleSource, readonly (FilterRule | FilterFault)[]>();
  #steps = 0;

  constructor(chains: readonly FilterChain[], options: FlattenOptions) {
    this.#chains = chains;
    this.#options = options;
    this.#bases = chains
      .filter((chain) => chain.isFilter && chain.hook === options.hook)
      .toSorted((a, b) => a.priority - b.priority);
    this.flat = new FlatRules(this.#bases, options);
    if (this.#bases.length > 0) this.#base(0, {}, undefined);
    for (const chain of this.#bases) {
      if (this.visited.has(chain)) continue;
      // What the chains before it leave is nothing.
      this.visited.add(chain);
      for (const { at } of chain.rules) this.flat.unmatched(at);
    }
    this.flat.finish();
  }

  get isEmpty(): boolean {
    return this.#bases.length === 0;
  }

  /** What comes to a base chain; behind the last one it is accepted. */
  #base(index: number, match: FilterMatch, rule: FilterRule | undefined): void {
    const chain = this.#bases[index];
    if (chain === undefined) {
      const at = rule?.at ?? this.#bases.at(-1)?.at;
      if (at !== undefined)
        this.flat.emit({ at, match, rule, verdict: "accept", base: index - 1, entry: match });
      return;
    }
    this.visited.add(chain);
    const own = bothMatch(match, chain.family === undefined ? {} : { family: chain.family });
    if (own !== undefined) {
      const { table } = chain;
      this.#body(chain.rules, {
        ...{ match: own, entry: own, states: undefined, base: index, isBase: true, table, depth: 0 },
      });
      if (chain.policy === "drop")
        this.flat.emit({
          at: chain.at,
          match: own,
          rule: undefined,
          verdict: "drop",
          base: index,
          entry: own,
        });
    }
    if (own !== undefined && chain.policy === "accept") this.flat.answers(own, index, own);
    if (own === undefined || chain.policy === "accept" || chain.family !== undefined)
      this.#base(index + 1, match, undefined);
  }

  #body(rules: readonly FilterRuleSource[], spot: Spot): void {
    for (const [index, source] of rules.entries()) {
      for (const rule of this.#rulesOf(source)) {
        if (++this.#steps > STEPS_MAX) {
          this.flat.lost({
            at: source.at,
            why: "the chains jump to each other in too many ways",
            mayStop: true,
          });
          continue;
        }
        const fate = this.#rule(rule, spot);
        if (fate === "left") return;
        if (fate === "torn") {
          const why = "it stands behind a return on a condition, which the document does not have";
          for (const later of rules.slice(index + 1))
            for (const one of this.#rulesOf(later))
              this.flat.lost({
                at: later.at,
                why,
                mayStop: isFault(one) ? one.mayStop : one.verdict.kind !== "accept",
              });
          return;
        }
      }
    }
  }

  #rulesOf(source: FilterRuleSource): readonly (FilterRule | FilterFault)[] {
    const known = this.#read.get(source);
    if (known !== undefined) return known;
    const rules = source.read(this.#options.devices);
    this.#read.set(source, rules);
    if (rules.length === 0) this.#options.remarks.needless(source.at, "no packet can match it");
    return rules;
  }

  /** @returns left: the chain ends here; torn: what follows in the chain cannot be carried over */
  #rule(rule: FilterRule | FilterFault, spot: Spot): "left" | "torn" | undefined {
    if (isFault(rule)) {
      const policy = spot.isBase ? this.#bases[spot.base]?.policy : undefined;
      this.flat.lost({ ...rule, mayStop: rule.mayStop || (rule.mayReturn && policy === "drop") });
      return rule.mayReturn && !spot.isBase ? "torn" : undefined;
    }
    const match = bothMatch(spot.match, rule.match);
    const states = bothStates(spot.states, rule.states);
    const isElsewhere = this.#options.hook === "input" && match?.out !== undefined;
    if (match === undefined || states?.size === 0 || isElsewhere) {
      this.flat.unmatched(rule.at);
      return undefined;
    }
    if (states !== undefined && !states.has("new")) {
      this.#running(rule, match, states, spot);
      return undefined;
    }
    return this.#decide(rule, match, { ...spot, states });
  }

  #decide(rule: FilterRule, match: FilterMatch, spot: Spot): "left" | "torn" | undefined {
    const { verdict, at } = rule;
    if (rule.isForwarded) {
      const isLast = spot.base === this.#bases.length - 1;
      if (verdict.kind === "accept" && isLast && this.#options.hook === "forward")
        this.flat.portForwards(at, isUnconditional(match));
      else
        this.flat.lost({
          at,
          why: "the document has this of port forwards alone",
          mayStop: verdict.kind !== "accept",
        });
      return undefined;
    }
    if (verdict.kind === "none" || rule.isOver) {
      if (rule.isOver && verdict.kind !== "drop" && verdict.kind !== "reject")
        this.flat.lost({
          at,
          why: "the document drops what is beyond a limit",
          mayStop: verdict.kind !== "accept",
        });
      else this.flat.prepare(rule, match);
      return undefined;
    }
    if (verdict.kind === "accept") {
      this.#accept(rule, match, spot);
      if (spot.states?.has("established") !== false) this.flat.answers(match, spot.base, spot.entry);
    } else if (verdict.kind === "drop" || verdict.kind === "reject") {
      if (rule.bounds !== undefined)
        this.flat.lost({
          at,
          why: "a limit says how much is accepted, not how much is stopped",
          mayStop: true,
        });
      else
        this.flat.emit({
          at,
          match,
          rule,
          verdict: verdict.kind,
          base: spot.base,
          entry: spot.entry,
          states: spot.states,
        });
    } else return this.#leave(rule, match, spot);
    return undefined;
  }

  #accept(rule: FilterRule, match: FilterMatch, spot: Spot): void {
    const isLast = spot.base === this.#bases.length - 1;
    if (isLast || rule.bounds === undefined) {
      if (!isLast) this.flat.passOn(rule);
      this.#base(spot.base + 1, match, rule);
    } else
      this.flat.lost({
        at: rule.at,
        why: "it accepts up to a limit, and another chain of this hook decides as well",
        mayStop: false,
      });
  }

  /** Jumps and returns. */
  #leave(rule: FilterRule, match: FilterMatch, spot: Spot): "left" | "torn" | undefined {
    const { at, verdict, bounds } = rule;
    const isAlways = isUnconditional(rule.match) && rule.states === undefined && bounds === undefined;
    if (bounds !== undefined) {
      this.flat.lost({ at, why: "a limit before a jump is not one of the document's", mayStop: true });
      return spot.isBase || verdict.kind !== "return" ? undefined : "torn";
    }
    if (rule.log !== undefined) this.flat.prepare(rule, match);
    if (verdict.kind === "jump" || verdict.kind === "goto") {
      const chain = this.#chains.find((one) => one.table === spot.table && one.name === verdict.chain);
      const isBack = verdict.kind === "goto" && !spot.isBase && !isAlways;
      if (chain === undefined || spot.depth >= DEPTH_MAX || isBack) {
        const why = isBack
          ? "goto on a condition comes back to another place than the document can say"
          : "the chain that it jumps to is not there, or too many jump to each other";
        this.flat.lost({ at, why, mayStop: true });
        return undefined;
      }
      this.visited.add(chain);
      this.#body(chain.rules, { ...spot, match, isBase: false, depth: spot.depth + 1 });
      if (verdict.kind === "jump") return undefined;
      if (!spot.isBase) return "left";
    } else if (!spot.isBase) {
      if (isAlways) return "left";
      this.flat.lost({ at, why: "a return on a condition is not one of the document's", mayStop: true });
      return "torn";
    }
    // Back in the base chain's end: its policy.
    if (this.#bases[spot.base]?.policy === "drop")
      this.flat.emit({
        at,
        match,
        rule,
        verdict: "drop",
        base: spot.base,
        entry: spot.entry,
        states: spot.states,
      });
    else this.#base(spot.base + 1, match, rule);
    return undefined;
  }

  /** A rule for what belongs to a connection, or to none: tocha decides that by itself. */
  #running(
    rule: FilterRule,
    match: FilterMatch,
    states: ReadonlySet<string>,
    { base, table, entry }: Spot,
  ): void {
    const { at, verdict } = rule;
    const isAnswers = states.has("established") || states.has("related");
    const { remarks } = this.#options;
    if (verdict.kind === "jump" || verdict.kind === "goto") {
      const chain = this.#chains.find((one) => one.table === table && one.name === verdict.chain);
      if (chain !== undefined) this.visited.add(chain);
    }
    if (verdict.kind === "accept" && isAnswers) {
      this.flat.answers(match, base, entry);
      remarks.needless(at, "what belongs to an accepted connection passes before all rules");
    } else if ((verdict.kind === "drop" || verdict.kind === "reject") && !isAnswers) {
      remarks.needless(at, "tocha drops packets that belong to no connection");
    } else if (verdict.kind === "accept" || verdict.kind === "none") {
      remarks.lost(at, "rules of the document are for what begins a connection", filterHints.lost);
    } else if (isAnswers) {
      const why = "it decides on running connections: in the document these always pass";
      remarks.opened(at, why, filterHints.opened);
    } else remarks.needless(at, "tocha drops packets that belong to no connection");
  }
}

function bothStates(
  a: ReadonlySet<string> | undefined,
  b: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return new Set([...a].filter((one) => b.has(one)));
}

/** A line that is lost, wherever it is met. */
export interface LostRule {
  readonly at: Place;
  readonly why: string;
  readonly mayStop: boolean;
}
