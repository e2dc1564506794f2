import type { SourceFile } from "./block-file.ts";
import { type NftToken, nftTokens } from "./nftables-tokens.ts";
import type { Place, Remarks } from "./remark.ts";

// The text of nftables: tables with chains of rules, named sets, definitions, includes.

/** A word of a rule, or the elements of a set. */
export type NftWord = string | readonly string[];

export interface NftRule {
  readonly at: Place;
  readonly words: readonly NftWord[];
}

export interface NftChain {
  readonly at: Place;
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of base chains: `nat`, `filter`, `route`. */
  type: string | undefined;
  hook: string | undefined;
  policy: string | undefined;
  readonly rules: NftRule[];
}

export interface NftablesOptions {
  readonly remarks: Remarks;
  readonly include: (pattern: string, from: string) => readonly SourceFile[];
}

/** A statement, or a block with its head. */
interface Item {
  readonly at: Place;
  readonly words: readonly NftToken[];
  readonly block?: readonly Item[];
}

type Context = "file" | "table" | "chain" | "other";

const DEPTH_MAX = 16;
const INCLUDES_MAX = 64;
const families = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/** Reads the chains of a file with all that it includes. Total: what is not understood becomes a remark. */
export function readNftables(source: SourceFile, options: NftablesOptions): readonly NftChain[] {
  const reader = new NftReader(options);
  reader.file(source, 0);
  return reader.chains;
}

class NftReader {
  readonly chains: NftChain[] = [];
  readonly #options: NftablesOptions;
  readonly #definitions = new Map<string, readonly NftToken[]>();
  readonly #sets = new Map<string, readonly string[]>();
  #includes = 0;

  constructor(options: NftablesOptions) {
    this.#options = options;
  }

  file(source: SourceFile, depth: number): void {
    const items = new ItemParser(nftTokens(source), source).items("file", 0);
    for (const item of items) this.#fileItem(item, source.file, depth);
  }

  #fileItem(item: Item, file: string, depth: number): void {
    const { at, words, block } = item;
    const texts = words.map((word) => word.text);
    const [verb = ""] = texts;
    const [what, ...rest] = ["add", "create", "insert"].includes(verb) ? texts.slice(1) : texts;
    if (verb === "define") {
      if (texts[2] === "=") this.#definitions.set(texts[1] ?? "", words.slice(3));
    } else if (verb === "include") {
      this.#include(texts[1] ?? "", at, file, depth);
    } else if (what === "table") {
      const [family, name] = familyAnd(rest);
      for (const inner of block ?? []) this.#tableItem(inner, family, name);
    } else if (what === "chain") {
      const [family, table, name] = familyAnd(rest);
      const chain = this.#chain(at, family, table, name);
      for (const inner of block ?? []) this.#chainItem(inner, chain);
    } else if (what === "rule") {
      const [family, table, name] = familyAnd(rest);
      const skipped = words.length - rest.length + (families.includes(rest[0] ?? "") ? 3 : 2);
      this.#rule(at, words.slice(skipped), this.#chain(at, family, table, name));
    } else if (!["flush", "delete", "destroy"].includes(verb)) {
      this.#options.remarks.lost(at, "tocha import does not know this statement of nftables");
    }
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

  #tableItem(item: Item, family: string, table: string): void {
    const [what = "", name = ""] = item.words.map((word) => word.text);
    if (what === "chain") {
      const chain = this.#chain(item.at, family, table, name);
      for (const inner of item.block ?? []) this.#chainItem(inner, chain);
    } else if (what === "set") {
      for (const { words } of item.block ?? []) {
        if (words[0]?.text === "elements")
          this.#sets.set(
            name,
            words
              .slice(2)
              .flatMap((word) => this.#filled(word))
              .flat(),
          );
      }
    } else {
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
      ...{ type: undefined, hook: undefined, policy: undefined, rules: [] },
    };
    this.chains.push(chain);
    return chain;
  }

  #chainItem({ at, words }: Item, chain: NftChain): void {
    const texts = words.map((word) => word.text);
    if (texts[0] === "type") {
      chain.type = texts[1];
      const hook = texts.indexOf("hook");
      chain.hook = hook < 0 ? undefined : texts[hook + 1];
    } else if (texts[0] === "policy") {
      chain.policy = texts[1];
    } else if (texts[0] !== "comment" || texts.length > 2) {
      this.#rule(at, words, chain);
    }
  }

  #rule(at: Place, words: readonly NftToken[], chain: NftChain): void {
    if (words.length === 0) return;
    chain.rules.push({ at, words: words.flatMap((word) => this.#filled(word)) });
  }

  /** A word with its definition, or its named set, in its place. */
  #filled(word: NftToken): NftWord[] {
    if (word.isQuoted) return [word.text];
    if (word.elements !== undefined) {
      return [word.elements.flatMap((one) => this.#filled(one).flat()).slice(0, 1_024)];
    }
    if (word.text.startsWith("@")) return [this.#sets.get(word.text.slice(1)) ?? word.text];
    const definition = word.text.startsWith("$") ? this.#definitions.get(word.text.slice(1)) : undefined;
    if (definition === undefined) return [word.text];
    // A definition may use another one, but not without end.
    return definition.map((one) =>
      one.elements === undefined ? one.text : one.elements.map((element) => element.text),
    );
  }
}

/** `[family] a b`: without a family, nftables means ip. */
function familyAnd(words: readonly string[]): [string, string, string] {
  const [first = "", second = "", third = ""] = words;
  return families.includes(first) ? [first, second, third] : ["ip", first, second];
}

/** Tokens to statements and blocks. */
class ItemParser {
  readonly #tokens: readonly NftToken[];
  readonly #lines: readonly string[];
  readonly #file: string;
  #next = 0;

  constructor(tokens: readonly NftToken[], { file, text }: SourceFile) {
    this.#tokens = tokens;
    this.#file = file;
    this.#lines = text.split("\n");
  }

  /** Up to the brace that closes, or the end. */
  items(context: Context, depth: number): Item[] {
    const items: Item[] = [];
    let words: NftToken[] = [];
    const place = (token: NftToken | undefined): Place => {
      const line = token?.line ?? 1;
      return { file: this.#file, line, text: (this.#lines[line - 1] ?? "").trim().slice(0, 200) };
    };
    const end = () => {
      if (words[0] !== undefined) items.push({ at: place(words[0]), words });
      words = [];
    };
    for (let token = this.#take(); token !== undefined; token = this.#take()) {
      if (token.isQuoted || !["{", "}", ";", "\n"].includes(token.text)) {
        words.push(token);
      } else if (token.text === "}") {
        end();
        if (depth > 0) return items;
      } else if (token.text !== "{") {
        end();
      } else if (opensBlock(words, context) && depth < DEPTH_MAX) {
        const block = this.items(contextOf(words), depth + 1);
        items.push({ at: place(words[0] ?? token), words, block });
        words = [];
      } else {
        words.push({ ...token, text: "{}", elements: this.#elements() });
      }
    }
    end();
    return items;
  }

  /** The elements of a set up to its closing brace; sets within it are flattened. */
  #elements(): NftToken[] {
    const elements: NftToken[] = [];
    let depth = 1;
    for (let token = this.#take(); token !== undefined; token = this.#take()) {
      if (!token.isQuoted && token.text === "{") depth++;
      else if (!token.isQuoted && token.text === "}") depth--;
      else if (token.isQuoted || ![",", "\n", ";"].includes(token.text)) elements.push(token);
      if (depth === 0) break;
    }
    return elements;
  }

  #take(): NftToken | undefined {
    return this.#tokens[this.#next++];
  }
}

function opensBlock(words: readonly NftToken[], context: Context): boolean {
  if (context !== "file" && context !== "table") return false;
  return !words.some((word) => word.text === "=") && words[1]?.text !== "rule";
}

function contextOf(words: readonly NftToken[]): Context {
  const [first, second] = words.map((word) => word.text);
  const what = ["add", "create", "insert"].includes(first ?? "") ? second : first;
  return what === "table" || what === "chain" ? what : "other";
}
