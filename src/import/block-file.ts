import { type LineSyntax, type Word, wordsOf } from "./block-lines.ts";
import type { Place, Remarks } from "./remark.ts";

// Files of keepalived and conntrackd: statements of a line each, and blocks in braces.

export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

export interface Statement extends Place {
  /** The keyword. */
  readonly name: string;
  readonly values: readonly string[];
  /** The statements in braces, if there are any. */
  readonly block?: readonly Statement[];
}

export interface BlockFileOptions {
  readonly syntax: LineSyntax;
  readonly remarks: Remarks;
  /** What lines that begin with `@` are compared with (keepalived -i); without it they are no conditions. */
  readonly configId?: string;
  /** Gives the files that an `include` means; without it `include` is a word like others. */
  readonly include?: (pattern: string, from: string) => readonly SourceFile[];
}

// A configuration with 255 virtual routers on each of ten interfaces has 50,000 lines. Beyond that it is a mistake or an attack.
const LINES_MAX = 100_000;
const LINE_LENGTH_MAX = 8_192;
const DEPTH_MAX = 16;
const INCLUDES_MAX = 256;
const INCLUDE_DEPTH_MAX = 8;

interface MutableStatement extends Statement {
  block?: MutableStatement[];
}

/** Reads a file with all that it includes. Total: what cannot be read becomes a remark. */
export function readBlockFile(source: SourceFile, options: BlockFileOptions): readonly Statement[] {
  return new BlockReader(options).read(source);
}

class BlockReader {
  readonly #options: BlockFileOptions;
  readonly #parameters = new Map<string, string>();
  /** The statements of the blocks that are open, from the outermost. */
  readonly #open: MutableStatement[][] = [[]];
  /** Blocks that are too deep to be kept. */
  #tooDeep = 0;
  #lines = 0;
  #includes = 0;
  #includeDepth = 0;

  constructor(options: BlockFileOptions) {
    this.#options = options;
  }

  read(source: SourceFile): readonly Statement[] {
    this.#file(source);
    return this.#open[0] ?? [];
  }

  #file({ file, text }: SourceFile): void {
    const lines = text.split(/\r\n|\n|\r/);
    for (let index = 0; index < lines.length; index++) {
      if (++this.#lines > LINES_MAX) return;
      const line = lines[index] ?? "";
      const place = { file, line: index + 1, text: line.trim().slice(0, 200) };
      if (line.length > LINE_LENGTH_MAX) {
        this.#options.remarks.lost(place, "the line is too long to be a line of a configuration");
      } else if (/^\s*\$[A-Za-z_]\w*\s*=/.test(line) && this.#options.configId !== undefined) {
        index = this.#define(lines, index, place);
      } else {
        this.#line(line, place);
      }
    }
  }

  /** `$NAME=value`. @returns the index of its last line */
  #define(lines: readonly string[], first: number, place: Place): number {
    const [, name = "", value = ""] = /^\s*\$([A-Za-z_]\w*)\s*=(.*)$/.exec(lines[first] ?? "") ?? [];
    if (!/\\\s*$/.test(value)) {
      this.#parameters.set(name, this.#substitute(value.trim(), place));
      return first;
    }
    let last = first;
    while (last + 1 < lines.length && /\\\s*$/.test(lines[last] ?? "")) last++;
    this.#options.remarks.lost(
      place,
      `the parameter $${name} has several lines`,
      "Write what it stands for where it is used, and import again.",
    );
    return last;
  }

  #substitute(line: string, place: Place): string {
    if (!line.includes("$")) return line;
    let result = line.replace(
      /\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g,
      (whole, braced?: string, bare?: string) => {
        const value = this.#parameters.get(braced ?? bare ?? "");
        return value ?? whole;
      },
    );
    if (result.length > LINE_LENGTH_MAX) {
      this.#options.remarks.lost(place, "the line is too long when its parameters are filled in");
      result = "";
    }
    return result;
  }

  #line(raw: string, place: Place): void {
    const { syntax, remarks, configId } = this.#options;
    const line = configId === undefined ? raw : this.#substitute(raw, place);
    let words = wordsOf(line, syntax);
    const [first] = words;
    if (first === undefined) return;
    if (configId !== undefined && !first.isQuoted && first.text.startsWith("@")) {
      const isNegated = first.text.startsWith("@^");
      if ((first.text.slice(isNegated ? 2 : 1) === configId) === isNegated) return;
      words = words.slice(1);
    }
    const word = words[0];
    if (word === undefined) return;
    if (this.#options.include !== undefined && /^include[rmwba]?$/.test(word.text) && !word.isQuoted) {
      this.#include(line.slice(line.indexOf(word.text) + word.text.length).trim(), place);
      return;
    }
    if (configId !== undefined && word.text.startsWith("~")) {
      remarks.lost(place, "sequences (~SEQ, ~LST) are not filled in", "Write the lines that it stands for.");
      return;
    }
    this.#words(words, place);
  }

  #include(rest: string, place: Place): void {
    const { include, remarks } = this.#options;
    const pattern = rest.replace(/\s+[#!].*$/, "").replace(/^(["'])(.*)\1$/, "$2");
    const files = include?.(pattern, place.file) ?? [];
    if (files.length === 0) {
      remarks.lost(
        place,
        "no file was found for this",
        `Look whether "${pattern.slice(0, 100)}" is there on this machine.`,
      );
    }
    if (this.#includeDepth >= INCLUDE_DEPTH_MAX || this.#includes + files.length > INCLUDES_MAX) {
      remarks.lost(place, "too many files are included, or one includes itself");
      return;
    }
    this.#includes += files.length;
    this.#includeDepth++;
    for (const file of files) this.#file(file);
    this.#includeDepth--;
  }

  #words(words: readonly Word[], place: Place): void {
    let collected: Word[] = [];
    const flush = () => {
      const [name, ...values] = collected;
      collected = [];
      if (name === undefined || this.#tooDeep > 0) return;
      this.#open.at(-1)?.push({
        ...place,
        text: withoutSecret(name.text, place.text),
        name: name.text,
        values: values.map((value) => value.text),
      });
    };
    for (const word of words) {
      if (word.isQuoted || (word.text !== "{" && word.text !== "}")) {
        collected.push(word);
        continue;
      }
      flush();
      if (word.text === "{") this.#openBlock(place);
      else this.#closeBlock(place);
    }
    flush();
  }

  /** A brace may stand at the end of its line, or on the next one. */
  #openBlock(place: Place): void {
    const statement = this.#open.at(-1)?.at(-1);
    if (this.#tooDeep > 0 || this.#open.length > DEPTH_MAX || statement === undefined) {
      this.#tooDeep++;
      this.#options.remarks.lost(place, "this brace opens nothing that could be understood");
      return;
    }
    statement.block ??= [];
    this.#open.push(statement.block);
  }

  #closeBlock(place: Place): void {
    if (this.#tooDeep > 0) this.#tooDeep--;
    else if (this.#open.length > 1) this.#open.pop();
    else this.#options.remarks.lost(place, "this brace closes nothing");
  }
}

/** Reports are mailed and pasted: the password of VRRP does not belong there. */
function withoutSecret(name: string, text: string): string {
  return /^(auth_pass|sha256_pass|password)$/.test(name) ? `${name} ********` : text;
}
