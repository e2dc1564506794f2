import type { DeviceRoles, FilterFault, FilterRule, FilterVerdict } from "./filter-facts.ts";
import { deviceTerm } from "./filter-terms.ts";
import type { NftChain, NftRule } from "./nftables-file.ts";
import { NftMatches } from "./nftables-matches.ts";
import type { NftTerms } from "./nftables-terms.ts";
import type { NftToken } from "./nftables-tokens.ts";
import { rateOf } from "./protocol-names.ts";

/** A verdict map is a rule for each of its elements; so many at most. */
const ALTERNATIVES_MAX = 1_024;

const stops = /^(drop|reject|jump|goto|vmap|queue)$/;
const verdictWord = /^(accept|drop|jump|goto|return|continue)$/;

export interface NftRuleContext {
  readonly chain: Pick<NftChain, "family" | "table">;
  readonly sets: NftTerms;
  readonly devices: DeviceRoles;
}

/** Reads a rule of a chain that filters: one for each alternative of its verdict maps. Total. */
export function readNftFilter(
  { at, tokens }: NftRule,
  context: NftRuleContext,
): readonly (FilterRule | FilterFault)[] {
  const texts = tokens.flatMap((one) => [one, ...(one.elements?.flat() ?? [])]).map(({ text }) => text);
  const fault = (why: string): FilterFault => ({
    ...{ at, why },
    mayStop: texts.some((text) => stops.test(text)),
    mayReturn: texts.includes("return"),
  });
  const alternatives = expandMaps(tokens);
  if (typeof alternatives === "string") return [fault(alternatives)];
  return alternatives.flatMap((one) => {
    const reader = new NftFilterReader(one, context);
    const why = reader.read();
    return why === undefined ? reader.parts.rule(at) : [fault(why)];
  });
}

/** `tcp dport vmap { 22 : accept, 25 : drop }` as rules without a map. */
function expandMaps(tokens: readonly NftToken[]): readonly (readonly NftToken[])[] | string {
  const at = tokens.findIndex((one) => one.text === "vmap" && !one.isQuoted);
  if (at < 0) return [tokens];
  const [map, ...rest] = tokens.slice(at + 1);
  if (map?.elements === undefined) return "a named map of verdicts is not carried over";
  if (rest.some((one) => one.text === "vmap") || map.elements.length > ALTERNATIVES_MAX)
    return "its map of verdicts is too large for rules of the document";
  const alternatives: (readonly NftToken[])[] = [];
  for (const element of map.elements) {
    const parts = keyAndVerdict(element);
    if (parts === undefined) return "its map of verdicts is not understood";
    alternatives.push([...tokens.slice(0, at), ...parts.key, ...rest, ...parts.verdict]);
  }
  return alternatives;
}

function keyAndVerdict(element: readonly NftToken[]) {
  const end = element.findIndex((one) => verdictWord.test(one.text) && !one.isQuoted);
  const before = element.slice(0, Math.max(0, end));
  const last = before.at(-1);
  if (last === undefined || !last.text.endsWith(":")) return undefined;
  const key =
    last.text === ":"
      ? before.slice(0, -1)
      : [...before.slice(0, -1), { ...last, text: last.text.slice(0, -1) }];
  // A key of several words is a concatenation, or has a counter or a timeout of its own.
  return key.length === 1 ? { key, verdict: element.slice(end) } : undefined;
}

/** Reads statements: verdicts, logs, limits. Conditions are read by what it extends. */
class NftFilterReader extends NftMatches {
  readonly #devices: DeviceRoles;

  constructor(tokens: readonly NftToken[], { chain, sets, devices }: NftRuleContext) {
    super(tokens, { sets, family: chain.family, table: chain.table });
    this.#devices = devices;
  }

  /** @returns why it cannot be carried over */
  read(): string | undefined {
    while (this.peek() !== undefined) {
      if (this.parts.verdict.kind !== "none" && this.text() !== "comment") return "words behind its verdict";
      const fault = this.#part();
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #part(): string | undefined {
    const word = this.take();
    switch (word) {
      case "accept":
      case "drop":
      case "return":
        return this.#verdict({ kind: word });
      case "continue":
        return undefined;
      case "jump":
      case "goto":
        return this.#verdict({ kind: word, chain: this.take() ?? "" });
      case "reject":
        return this.#reject();
      case "counter":
        if (this.text() === "name") return "named counters are not carried over";
        while (this.text() === "packets" || this.text() === "bytes") this.skip(2);
        return undefined;
      case "comment":
        this.parts.name = this.take();
        return undefined;
      case "log":
        return this.#log();
      case "limit":
        return this.#limit();
      case "meter":
        this.skip(1);
        if (this.text() === "size") this.skip(2);
        return this.#ofSource();
      case "add":
      case "update":
        this.skip(1);
        return this.#ofSource();
      case "iif":
      case "iifname":
      case "oif":
      case "oifname":
        return this.#device(word.startsWith("i") ? "in" : "out");
      case "meta":
        if (/^[io]if(name)?$/.test(this.text())) return undefined;
        return this.meta();
      default:
        return this.condition(word ?? "");
    }
  }

  #verdict(verdict: FilterVerdict): undefined {
    this.parts.verdict = verdict;
    return undefined;
  }

  #device(key: "in" | "out"): string | undefined {
    const value = this.value();
    if (typeof value === "string") return value;
    const names = value.set === undefined ? value.texts : this.setTexts(value.set);
    if (typeof names === "string") return names;
    const term = deviceTerm(names, this.#devices, value.isExcluded);
    return typeof term === "string" ? term : this.parts.devices(key, term);
  }

  /** The document answers TCP by a RST, and everything else that it is prohibited. */
  #reject(): string | undefined {
    const words: string[] = [];
    if (this.text() === "with") {
      this.skip(1);
      while (this.peek() !== undefined && this.text() !== "comment") words.push(this.take() ?? "");
    }
    const how = words.filter((word) => word !== "type").join(" ");
    if (!/^(tcp reset|icmpx admin-prohibited)$/.test(how))
      this.parts.notes.push({
        why: "TCP gets a RST, everything else the answer that it is prohibited",
        takesMore: false,
        takesLess: false,
      });
    return this.#verdict({ kind: "reject" });
  }

  #log(): undefined {
    let [prefix, group]: [string | undefined, number | undefined] = [undefined, undefined];
    for (;;) {
      const word = this.text();
      if (!["prefix", "group", "level", "flags", "snaplen", "queue-threshold"].includes(word)) break;
      this.skip(1);
      const value = this.take() ?? "";
      if (word === "prefix") prefix = value;
      if (word === "group") group = Number(value);
      if (word !== "flags") continue;
      if (value === "tcp" || value === "ip") this.skip(1);
      while (this.text() === ",") this.skip(2);
    }
    this.parts.log = { prefix, group };
    return undefined;
  }

  /** `limit rate [over] 10/second [burst 5 packets]`. */
  #limit(): string | undefined {
    const rate = this.#rate();
    return typeof rate === "string" ? rate : this.parts.bound({ limit: rate.rate }, rate.isOver);
  }

  #rate(): { readonly rate: string; readonly isOver: boolean } | string {
    if (this.take() !== "rate") return "named limits are not carried over";
    const isOver = this.text() === "over";
    if (isOver) this.skip(1);
    const rate = rateOf(this.take() ?? "");
    if (rate === undefined) return "the document limits connections in a second, a minute or an hour";
    if (this.text() === "burst") this.skip(3);
    return { rate, isOver };
  }

  /** `{ ip saddr limit rate over 10/minute }`, `{ ip saddr ct count over 20 }`. */
  #ofSource(): string | undefined {
    const elements = this.peek()?.elements;
    this.skip(1);
    const [element, ...others] = elements ?? [];
    const strange = "the document bounds what comes from one source, and nothing else";
    if (element === undefined || others.length > 0) return strange;
    const inner = new NftFilterReader(element, {
      chain: this.chain,
      sets: this.sets,
      devices: this.#devices,
    });
    const [family, field] = [inner.take(), inner.take()];
    if (!/^ip6?$/.test(family ?? "") || field !== "saddr") return strange;
    if (inner.text() === "timeout") inner.skip(2);
    this.parts.also({ family: family === "ip" ? 4 : 6 });
    const key = inner.take();
    if (key === "ct" && inner.take() === "count" && inner.take() === "over") {
      const count = Number(inner.take());
      if (!Number.isInteger(count) || count < 1 || count > 1_000_000 || inner.peek() !== undefined)
        return strange;
      return this.parts.bound({ connections: count }, true);
    }
    if (key !== "limit") return strange;
    const rate = inner.#rate();
    if (typeof rate === "string") return rate;
    if (!rate.isOver || inner.peek() !== undefined) return strange;
    return this.parts.bound({ sourceLimit: rate.rate }, true);
  }
}
