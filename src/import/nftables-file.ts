import type { SourceFile } from "./block-file.ts";
import { NftDefinitions } from "./nftables-definitions.ts";
import { type NftItem, nftItems } from "./nftables-items.ts";
import { addSetLine, type NftSet, newSet } from "./nftables-sets.ts";
import type { NftToken } from "./nftables-tokens.ts";
import type { Place, Remarks } from "./remark.ts";

// The text of nftables: tables with chains of rules, named sets, definitions, includes.

/** A word of a rule, or the elements of a set. */
export type NftWord = string | readonly string[];

export interface NftRule {
  readonly at: Place;
  /** Named sets and definitions are filled in. */
  readonly words: readonly NftWord[];
  /** Definitions are filled in; named sets are not. */
  readonly tokens: readonly NftToken[];
}

export interface NftChain {
  readonly at: Place;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of base chains: `nat`, `filter`, `route`. */
  type: string | undefined;
  hook: string | undefined;
  /** As written: a number, a name, or a name with a distance. */
  priority: string;
  policy: string | undefined;
  readonly rules: NftRule[];
}

export interface NftTables {
  readonly chains: readonly NftChain[];
  readonly sets: readonly NftSet[];
}

export interface NftablesOptions {
  readonly remarks: Remarks;
  readonly include: (pattern: string, from: string) => readonly SourceFile[];
}

const INCLUDES_MAX = 64;
const families = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
const removals = ["flush", "delete", "destroy", "reset"];

/** Reads the chains and sets of a file with all that it includes. Total: what is not understood becomes a remark. */
export function readNftables(source: SourceFile, options: NftablesOptions): NftTables {
  const reader = new NftReader(options);
  reader.file(source, 0);
  return reader;
}

class NftReader implements NftTables {
  readonly chains: NftChain[] = [];
  readonly sets: NftSet[] = [];
  readonly #options: NftablesOptions;
  readonly #definitions = new NftDefinitions();
  #includes = 0;

  constructor(options: NftablesOptions) {
    this.#options = options;
  }

  file(source: SourceFile, depth: number): void {
    for (const item of nftItems(source)) this.#fileItem(item, source.file, depth);
  }

  #fileItem(item: NftItem, file: string, depth: number): void {
    const { at, words, block } = item;
    const texts = words.map((word) => word.text);
    const [verb = ""] = texts;
    const [what, ...rest] = ["add", "create", "insert"].includes(verb) ? texts.slice(1) : texts;
    const [family, table, name] = familyAnd(rest);
    if (this.#define(item)) return;
    if (verb === "include") {
      this.#include(texts[1] ?? "", at, file, depth);
    } else if (removals.includes(verb)) {
      this.#remove(at, texts.slice(1));
    } else if (what === "table") {
      for (const inner of block ?? []) this.#tableItem(inner, family, table);
    } else if (what === "chain") {
      const chain = this.#chain(at, family, table, name);
      for (const inner of block ?? []) this.#chainItem(inner, chain);
    } else if (what === "rule") {
      const skipped = words.length - rest.length + (families.includes(rest[0] ?? "") ? 3 : 2);
      this.#rule(at, words.slice(skipped), this.#chain(at, family, table, name), verb === "insert");
    } else if (what === "set") {
      this.#setLines(this.#set(at, family, table, name), block);
    } else if (what === "element") {
      const elements = words.flatMap((word) => this.#definitions.resolve([word])[0]?.elements ?? []);
      this.#set(at, family, table, name).elements.push(...elements);
    } else {
      this.#options.remarks.lost(at, "tocha import does not know this statement of nftables");
    }
  }

  #define({ at, words }: NftItem): boolean {
    const [verb, name, sign] = words.map((word) => word.text);
    if (verb !== "define" && verb !== "redefine") return false;
    if (sign === "=") this.#definitions.define(name ?? "", words.slice(3));
    else this.#options.remarks.lost(at, "a definition is written define NAME = VALUE");
    return true;
  }

  #include(pattern: string, at: Place, file: string, depth: number): void {
    const { include, remarks } = this.#options;
    const found = include(pattern, file);
    if (found.length === 0)
      remarks.lost(at, "no file was found for this", "Look whether it is there on this machine.");
    if (depth >= 8 || this.#includes + found.length > INCLUDES_MAX) {
      remarks.lost(at, "too many files are included, or one includes itself");
      return;
    }
    this.#includes += found.length;
    for (const one of found) this.file(one, depth + 1);
  }

  /** `flush ruleset` and the like: what stood before is gone. */
  #remove(at: Place, [what = "", ...rest]: readonly string[]): void {
    const [family, table, name] = familyAnd(rest);
    const isOf = (one: { readonly family: string; readonly table: string }) =>
      what === "ruleset" || (one.family === family && one.table === table);
    if (what === "ruleset" || what === "table") {
      for (const chain of this.chains) if (isOf(chain)) chain.rules.length = 0;
    } else if (what === "chain") {
      for (const chain of this.chains) if (isOf(chain) && chain.name === name) chain.rules.length = 0;
    } else if (what === "set") {
      for (const set of this.sets) if (isOf(set) && set.name === name) set.elements.length = 0;
    } else {
      this.#options.remarks.lost(at, `it is not known which "${what.slice(0, 20)}" is meant`);
    }
  }

  #tableItem(item: NftItem, family: string, table: string): void {
    const [what = "", name = ""] = item.words.map((word) => word.text);
    if (this.#define(item)) return;
    if (what === "chain") {
      const chain = this.#chain(item.at, family, table, name);
      for (const inner of item.block ?? []) this.#chainItem(inner, chain);
    } else if (what === "set") {
      this.#setLines(this.#set(item.at, family, table, name), item.block);
    } else if (what !== "comment") {
      const hint = "Tocha's own tables stand beside those of others: load it from a file of its own.";
      this.#options.remarks.lost(item.at, `a "${what.slice(0, 20)}" of nftables is not carried over`, hint);
    }
  }

  #chain(at: Place, family: string, table: string, name: string): NftChain {
    const known = this.chains.find(
      (one) => one.family === family && one.table === table && one.name === name,
    );
    if (known !== undefined) return known;
    const chain: NftChain = {
      ...{ at, family, table, name },
      ...{ type: undefined, hook: undefined, priority: "0", policy: undefined, rules: [] },
    };
    this.chains.push(chain);
    return chain;
  }

  #set(at: Place, family: string, table: string, name: string): NftSet {
    const known = this.sets.find((one) => one.family === family && one.table === table && one.name === name);
    if (known !== undefined) return known;
    const set = newSet({ at, family, table, name });
    this.sets.push(set);
    return set;
  }

  #setLines(set: NftSet, block: readonly NftItem[] | undefined): void {
    for (const { words } of block ?? []) addSetLine(set, this.#definitions.resolve(words));
  }

  #chainItem(item: NftItem, chain: NftChain): void {
    const texts = item.words.map((word) => word.text);
    if (texts[0] === "type") {
      const after = (key: string) => (texts.includes(key) ? texts.slice(texts.indexOf(key) + 1) : []);
      chain.type = texts[1];
      chain.hook = after("hook")[0];
      chain.priority = after("priority").join(" ");
    } else if (texts[0] === "policy") {
      chain.policy = texts[1];
    } else if (!this.#define(item) && (texts[0] !== "comment" || texts.length > 2)) {
      this.#rule(item.at, item.words, chain, false);
    }
  }

  #rule(at: Place, words: readonly NftToken[], chain: NftChain, isFirst: boolean): void {
    if (words.length === 0) return;
    const tokens = this.#definitions.resolve(words);
    const rule = { at, tokens, words: tokens.map((token) => this.#filled(token, chain)) };
    if (isFirst) chain.rules.unshift(rule);
    else chain.rules.push(rule);
  }

  /** A word with its named set in its place. */
  #filled(word: NftToken, { family, table }: NftChain): NftWord {
    if (word.isQuoted) return word.text;
    const set = word.text.startsWith("@")
      ? this.sets.find(
          (one) => one.name === word.text.slice(1) && one.family === family && one.table === table,
        )
      : undefined;
    const elements = word.elements ?? set?.elements;
    return elements === undefined
      ? word.text
      : elements.slice(0, 1_024).flatMap((one) => one.map(({ text }) => text));
  }
}

/** `[family] a b`: without a family, nftables means ip. */
function familyAnd(words: readonly string[]): [string, string, string] {
  const [first = "", second = "", third = ""] = words;
  return families.includes(first) ? [first, second, third] : ["ip", first, second];
}
