import { formatIpRange, type IpRange } from "../base/ip-range.ts";
import { formatPortRange, type PortRange } from "../base/port-range.ts";
import { SET_ELEMENTS_MAX } from "../contract/sets-schema.ts";
import { documentName, freeName } from "./config-values.ts";
import { filterHints } from "./filter-facts.ts";
import type { AddressTerm, FilterMatch, PortTerm } from "./filter-match.ts";
import type { FlatRule } from "./flat-rules.ts";
import type { Remarks } from "./remark.ts";

/** A rule of the document, in the order of the keys that people expect; without its id. */
export type DocumentRule = Readonly<Record<string, unknown>>;

/** A rule names at most so many; more become a set. */
const ADDRESSES_MAX = 256;
const PORTS_MAX = 64;

interface DocumentSet {
  readonly kind: "addresses" | "ports";
  readonly elements: readonly string[];
}

/** Writes rules, and collects the sets that they name. */
export class DocumentRules {
  readonly #remarks: Remarks;
  readonly #sets = new Map<string, DocumentSet>();
  /** The set that a term became: terms of one named set share their ranges. */
  readonly #known = new Map<readonly unknown[], string>();

  constructor(remarks: Remarks) {
    this.#remarks = remarks;
  }

  /** @param id for sets that have no name of their own */
  written({ at, match, verdict, log, bounds }: FlatRule, id: string): DocumentRule {
    const one = (list: readonly unknown[]) => (list.length === 1 ? list[0] : list);
    const said = (key: string, list: readonly unknown[] | undefined) =>
      list === undefined ? {} : { [key]: one(list) };
    const addresses = (term: AddressTerm | undefined, end: string) => {
      if (term === undefined) return undefined;
      if (term.set === undefined && term.ranges.length <= ADDRESSES_MAX)
        return term.ranges.map(formatIpRange);
      return [this.#set(term, { kind: "addresses", wish: term.set ?? `${id}-${end}` })];
    };
    const ports = (term: PortTerm | undefined, end: string) => {
      if (term === undefined) return undefined;
      if (term.set === undefined && term.ranges.length <= PORTS_MAX) return term.ranges.map(portText);
      return [this.#set(term, { kind: "ports", wish: term.set ?? `${id}-${end}` })];
    };
    const large = [match.from, match.to].find((term) => (term?.ranges.length ?? 0) > SET_ELEMENTS_MAX);
    if (large !== undefined)
      this.#remarks.lost(
        at,
        `a set of the document has at most ${SET_ELEMENTS_MAX} elements`,
        filterHints.lost,
      );
    return {
      ...said("from", addresses(match.from, "from") ?? familyOf(match)),
      ...said("to", addresses(match.to, "to")),
      ...said("in", match.in),
      ...said("out", match.out),
      ...said("protocol", match.protocol),
      ...said("ports", ports(match.ports, "ports")),
      ...said("sourcePorts", ports(match.sourcePorts, "source-ports")),
      ...said("types", match.types),
      action: verdict,
      ...(log === undefined ? {} : { log: true }),
      ...bounds,
    };
  }

  /** Of the collected sets those that a part of the document names. */
  setsOf(part: unknown): Readonly<Record<string, unknown>> {
    const text = JSON.stringify(part);
    return Object.fromEntries(
      [...this.#sets]
        .filter(([name]) => text.includes(`"@${name}"`))
        .map(([name, { kind, elements }]) => [
          name,
          {
            ...(kind === "ports" ? { kind } : {}),
            elements: kind === "ports" ? elements.map(numberText) : elements,
          },
        ]),
    );
  }

  #set(
    term: AddressTerm | PortTerm,
    { kind, wish }: { readonly kind: DocumentSet["kind"]; readonly wish: string },
  ): string {
    const known = this.#known.get(term.ranges);
    if (known !== undefined) return known;
    const elements = term.ranges.map((range) => formatRange(range));
    const joined = elements.join();
    const base = documentName(wish, "set");
    const same = [...this.#sets].find(
      ([name, set]) =>
        (term.set === undefined || name.startsWith(base)) &&
        set.kind === kind &&
        set.elements.join() === joined,
    );
    const name = same?.[0] ?? freeName(base, new Set(this.#sets.keys()));
    if (same === undefined) this.#sets.set(name, { kind, elements });
    this.#known.set(term.ranges, `@${name}`);
    return `@${name}`;
  }
}

function formatRange(range: IpRange | PortRange): string {
  return "family" in range ? formatIpRange(range) : formatPortRange(range);
}

function portText(range: PortRange): number | string {
  return numberText(formatPortRange(range));
}

function numberText(text: string): number | string {
  return /^[0-9]+$/.test(text) ? Number(text) : text;
}

/** A rule for one family alone has that family's addresses as its source, where nothing else in it says so. */
function familyOf({ family, to, protocol }: FilterMatch): readonly string[] | undefined {
  if (family === undefined || to !== undefined) return undefined;
  const own = family === 4 ? "icmp" : "icmpv6";
  if (protocol?.every((one) => one === own) === true) return undefined;
  return [family === 4 ? "0.0.0.0/0" : "::/0"];
}
