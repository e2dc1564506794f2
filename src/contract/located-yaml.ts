import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from "yaml";
import type { ProblemCode } from "./problem-codes.ts";

/** A place in the text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type DocumentPath = readonly (string | number)[];

/** A YAML text as plain values, and where each of them stands. */
export interface LocatedYaml {
  readonly value: unknown;
  readonly faults: readonly YamlFault[];
  /** Where a value begins; for a path that leads nowhere, the nearest value around it. */
  valueAt(path: DocumentPath): Position;
  /** Where the key of a value stands; for the items of a list the item itself. */
  keyAt(path: DocumentPath): Position;
}

export interface YamlFault extends Position {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint: string;
  readonly path?: DocumentPath;
}

// A cluster of 16 nodes with 1,024 rules has about 100 KiB, 8 levels and 20,000 values. Beyond these limits a
// text is a mistake or an attack (aliases of aliases grow without bound; deep nesting exhausts the stack).
export const maxTextLength = 262_144;
const maxDepth = 16;
const maxValues = 50_000;
const maxAliases = 64;

/** One open bracket can make every later line an error: the first ones tell. */
const maxSyntaxFaults = 20;

interface Place {
  readonly key: number;
  readonly value: number;
  readonly children?: Map<string, Place>;
}

/** Reads YAML 1.2. Total: any text gives values, faults, or both. */
export function readLocatedYaml(text: string): LocatedYaml {
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const failed = (fault: YamlFault): LocatedYaml => ({
    value: undefined,
    faults: [fault],
    valueAt: () => ({ line: 1, column: 1 }),
    keyAt: () => ({ line: 1, column: 1 }),
  });
  if (text.length > maxTextLength)
    return failed({ line: 1, column: 1, ...tooLarge(`${text.length} characters`) });
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
    });
  } catch (error) {
    // The parser recurses into nested collections; a stack that does not suffice is the one thing it throws.
    return failed({
      line: 1,
      column: 1,
      ...tooLarge(`parts nested too deep (${String(error).slice(0, 60)})`),
    });
  }
  const walk = new Walk(document, position);
  const root: Place = {
    key: 0,
    value: document.contents?.range?.[0] ?? 0,
    ...walk.read(document.contents, []),
  };
  const faults = [...document.errors, ...document.warnings].slice(0, maxSyntaxFaults).map((error) => ({
    ...position(error.pos[0]),
    code: "yaml-syntax" as const,
    message: error.message,
    hint: syntaxHint(error.code),
  }));
  const find = (path: DocumentPath): { place: Place; whole: boolean } => {
    let place = root;
    for (const step of path) {
      const next = place.children?.get(String(step));
      if (next === undefined) return { place, whole: false };
      place = next;
    }
    return { place, whole: true };
  };
  return {
    value: walk.value,
    faults: [...faults, ...walk.faults],
    valueAt(path) {
      const { place, whole } = find(path);
      return position(whole ? place.value : place.key);
    },
    keyAt: (path) => position(find(path).place.key),
  };
}

function tooLarge(what: string) {
  return {
    code: "document-too-large" as const,
    message: `the text has ${what}: more than a cluster document may have`,
    hint: `At most ${maxTextLength} characters, ${maxDepth} levels, ${maxValues} values and ${maxAliases} aliases.`,
  };
}

function syntaxHint(code: string): string {
  if (code === "TAB_AS_INDENT") return "Indent with spaces.";
  if (code === "MULTIPLE_DOCS")
    return "Keep one document in the file: remove the line `---` and what follows.";
  if (code === "BLOCK_AS_IMPLICIT_KEY")
    return 'Quote a text that holds ": " or ends with ":", such as "2001:db8::".';
  if (code === "MISSING_CHAR") return "Close the quote or the bracket.";
  if (code === "BAD_INDENT") return "Give all keys of one map the same indentation, and close every bracket.";
  return "Correct the text at this place, or just before it.";
}

/** One pass over the nodes: plain values, their places, keys that stand twice, and the limits. */
class Walk {
  value: unknown;
  readonly faults: YamlFault[] = [];
  readonly #document: Document.Parsed;
  readonly #position: (offset: number) => Position;
  #values = 0;
  #aliases = 0;
  #exhausted = false;

  constructor(document: Document.Parsed, position: (offset: number) => Position) {
    this.#document = document;
    this.#position = position;
  }

  /** Reads the root. */
  read(node: Node | null, path: DocumentPath): { children?: Map<string, Place> } {
    const { value, children } = this.#read(node, path);
    this.value = value;
    return children === undefined ? {} : { children };
  }

  #read(node: unknown, path: DocumentPath): { value: unknown; children?: Map<string, Place> } {
    this.#values += 1;
    if (this.#values > maxValues) return this.#stop(node, path, "too many values");
    if (path.length > maxDepth) return this.#stop(node, path, "parts nested too deep");
    if (isAlias(node)) return this.#readAlias(node, path);
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) {
      const children = new Map<string, Place>();
      const value = node.items.map((item, index) => {
        const offset = offsetOf(item) ?? offsetOf(node) ?? 0;
        const read = this.#read(item, [...path, index]);
        children.set(String(index), { key: offset, value: offset, ...withChildren(read.children) });
        return read.value;
      });
      return { value, children };
    }
    return { value: isScalar(node) ? plainScalar(node.value) : null };
  }

  #readMap(
    items: readonly { key: unknown; value: unknown }[],
    path: DocumentPath,
  ): { value: unknown; children: Map<string, Place> } {
    const children = new Map<string, Place>();
    const entries: [string, unknown][] = [];
    for (const { key, value } of items) {
      const name = keyName(key);
      const keyOffset = offsetOf(key) ?? offsetOf(value) ?? 0;
      if (name === undefined) {
        this.faults.push({
          ...this.#position(keyOffset),
          code: "wrong-type",
          message: "a list, a map or an alias stands where a key must be",
          hint: "A key is a text, followed by a colon.",
          path,
        });
        continue;
      }
      if (children.has(name)) {
        this.faults.push({
          ...this.#position(keyOffset),
          code: "duplicate-key",
          message: `"${name.slice(0, 60)}" stands twice in this map`,
          hint: "Keep one of the two.",
          path: [...path, name],
        });
        continue;
      }
      const read = this.#read(value, [...path, name]);
      children.set(name, {
        key: keyOffset,
        value: offsetOf(value) ?? keyOffset,
        ...withChildren(read.children),
      });
      entries.push([name, read.value]);
    }
    // fromEntries defines own properties, so that a key `__proto__` is a key like any other.
    return { value: Object.fromEntries(entries), children };
  }

  #readAlias(alias: Alias, path: DocumentPath): { value: unknown; children?: Map<string, Place> } {
    this.#aliases += 1;
    // Each resolution walks the document, and an alias may stand inside its own anchor: the limits end both.
    if (this.#aliases > maxAliases) return this.#stop(alias, path, "too many aliases");
    const target = alias.resolve(this.#document);
    if (target !== undefined) return this.#read(target, path);
    this.faults.push({
      ...this.#position(offsetOf(alias) ?? 0),
      code: "yaml-syntax",
      message: `the alias *${alias.source.slice(0, 60)} has no anchor before it`,
      hint: `Write &${alias.source.slice(0, 60)} at the value that is meant, before this place.`,
      path,
    });
    return { value: undefined };
  }

  #stop(node: unknown, path: DocumentPath, what: string): { value: undefined } {
    if (!this.#exhausted) {
      this.#exhausted = true;
      this.faults.push({ ...this.#position(offsetOf(node) ?? 0), ...tooLarge(what), path });
    }
    return { value: undefined };
  }
}

/** Texts, numbers and nothing are keys in YAML as in JSON; collections are keys in YAML only. */
function keyName(key: unknown): string | undefined {
  if (isScalar(key)) return String(key.value ?? "");
  return key === null ? "" : undefined;
}

function withChildren(children: Map<string, Place> | undefined): { children?: Map<string, Place> } {
  return children === undefined ? {} : { children };
}

function offsetOf(node: unknown): number | undefined {
  const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
  return Array.isArray(range) && typeof range[0] === "number" ? range[0] : undefined;
}

/** YAML knows numbers beyond what a document has use for: they come out as what JSON can hold. */
function plainScalar(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
