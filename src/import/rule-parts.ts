import type {
  FilterBounds,
  FilterFault,
  FilterLog,
  FilterNote,
  FilterRule,
  FilterVerdict,
} from "./filter-facts.ts";
import { bothMatch, type FilterMatch } from "./filter-match.ts";
import type { DeviceTerm } from "./filter-terms.ts";
import type { Place } from "./remark.ts";

/** A rule that is being read, condition by condition. */
export class RuleParts {
  readonly notes: FilterNote[] = [];
  isForwarded = false;
  states: ReadonlySet<string> | undefined;
  log: FilterLog | undefined;
  bounds: FilterBounds | undefined;
  isOver = false;
  verdict: FilterVerdict = { kind: "none" };
  name: string | undefined;
  #match: FilterMatch | undefined = {};

  /** A further condition. */
  also(match: FilterMatch): undefined {
    this.#match = this.#match === undefined ? undefined : bothMatch(this.#match, match);
    return undefined;
  }

  /** @returns why the condition cannot be carried over */
  devices(key: "in" | "out", term: DeviceTerm | undefined): string | undefined {
    if (term === undefined) return undefined;
    const unknown = term.unknown
      .map((name) => name.slice(0, 20))
      .slice(0, 4)
      .join(", ");
    if (term.roles.length === 0)
      return `${unknown === "" ? "it names no interface" : `${unknown} is no interface`} of the document`;
    if (unknown !== "")
      this.notes.push({
        why: `${unknown} is no interface of the document, and left out`,
        takesMore: false,
        takesLess: true,
      });
    if (term.isOthers) {
      const why = `it is for the other interfaces of the document, which are ${term.roles.join(", ")}`;
      this.notes.push({ why, takesMore: false, takesLess: true });
    }
    return this.also({ [key]: term.roles });
  }

  withStates(states: readonly string[]): undefined {
    const before = this.states;
    this.states = new Set(before === undefined ? states : states.filter((state) => before.has(state)));
    return undefined;
  }

  /** Bounds of one rule come together. @returns why they cannot */
  bound(bounds: FilterBounds, isOver: boolean): string | undefined {
    if (this.bounds !== undefined && this.isOver !== isOver)
      return "the document has no such combination of bounds";
    if (Object.keys(bounds).some((key) => key in (this.bounds ?? {})))
      return "a rule of the document has one limit";
    this.bounds = { ...this.bounds, ...bounds };
    this.isOver = isOver;
    return undefined;
  }

  /** @returns the rule; none where nothing can match it */
  rule(at: Place): readonly (FilterRule | FilterFault)[] {
    const { states, isForwarded, log, bounds, isOver, verdict, name, notes } = this;
    if (this.#match === undefined || states?.size === 0) return [];
    return [{ at, match: this.#match, states, isForwarded, log, bounds, isOver, verdict, name, notes }];
  }
}
