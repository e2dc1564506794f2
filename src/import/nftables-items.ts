import type { SourceFile } from "./block-file.ts";
import { type NftToken, nftTokens } from "./nftables-tokens.ts";
import type { Place } from "./remark.ts";

// The text of nftables as statements and blocks.

/** A statement, or a block with its head. */
export interface NftItem {
  readonly at: Place;
  readonly words: readonly NftToken[];
  readonly block?: readonly NftItem[];
}

type Context = "file" | "table" | "chain" | "other";

const DEPTH_MAX = 16;

/** The statements of a file. Total. */
export function nftItems(source: SourceFile): readonly NftItem[] {
  return new ItemParser(nftTokens(source), source).items("file", 0);
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
  items(context: Context, depth: number): NftItem[] {
    const items: NftItem[] = [];
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
  #elements(): NftToken[][] {
    const elements: NftToken[][] = [];
    let element: NftToken[] = [];
    let depth = 1;
    for (let token = this.#take(); token !== undefined; token = this.#take()) {
      if (!token.isQuoted && token.text === "{") depth++;
      else if (!token.isQuoted && token.text === "}") depth--;
      else if (token.isQuoted || ![",", "\n", ";"].includes(token.text)) element.push(token);
      if (element.length > 0 && (depth === 0 || (!token.isQuoted && token.text === ","))) {
        elements.push(element);
        element = [];
      }
      if (depth === 0) break;
    }
    return element.length > 0 ? [...elements, element] : elements;
  }

  #take(): NftToken | undefined {
    return this.#tokens[this.#next++];
  }
}

function opensBlock(words: readonly NftToken[], context: Context): boolean {
  if (context !== "file" && context !== "table") return false;
  return !words.some((word) => word.text === "=") && !["rule", "element"].includes(words[1]?.text ?? "");
}

function contextOf(words: readonly NftToken[]): Context {
  const [first, second] = words.map((word) => word.text);
  const what = ["add", "create", "insert"].includes(first ?? "") ? second : first;
  return what === "table" || what === "chain" ? what : "other";
}
