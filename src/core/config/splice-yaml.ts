import { isCollection, isMap, isPair, isSeq, type Pair, stringify, type YAMLMap, type YAMLSeq } from "yaml";
import type { DocumentEdit, EditPlace } from "./edit-document.ts";

/**
 * The text after an edit, with nothing else in it changed: the new value is written where the old one stood. Undefined where
 * that is not simple; the caller compares what comes out with what should.
 */
export function splice(text: string, place: EditPlace, edit: DocumentEdit): string | undefined {
  const { parent, key, isThere } = place;
  if (edit.kind === "unset")
    return parent.flow === true ? cutFromFlow(text, parent, key) : withoutLines(text, parent, key);
  const value = flowText(edit.value);
  if (value === undefined) return undefined;
  if (isThere) return replaced(text, parent.get(key, true), value);
  const item = isMap(parent) ? `${flowText(key)}: ${value}` : value;
  return parent.flow === true ? addedInFlow(text, parent, item) : addedLine(text, parent, item);
}

/** A value on one line, as people write it: lists without blanks inside their brackets, maps with. */
function flowText(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const items = value.map(flowText);
    return items.includes(undefined) ? undefined : `[${items.join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${flowText(key)}: ${flowText(item)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  // As within a flow collection, where more texts need quotes.
  const text = stringify([value], {
    collectionStyle: "flow",
    lineWidth: 0,
    flowCollectionPadding: false,
  }).trim();
  return text.startsWith("[") && text.endsWith("]") && !text.includes("\n") ? text.slice(1, -1) : undefined;
}

function replaced(text: string, node: unknown, value: string): string | undefined {
  const range = rangeOf(node);
  // A block collection has lines of its own, and comments in them.
  if (range === undefined || (isCollection(node) && node.flow !== true)) return undefined;
  const [from, to] = range;
  const isMissing = from === to;
  return `${text.slice(0, from)}${isMissing ? " " : ""}${value}${text.slice(to)}`;
}

function addedInFlow(text: string, parent: YAMLMap | YAMLSeq, item: string): string | undefined {
  const range = rangeOf(parent);
  if (range === undefined) return undefined;
  const [from, to] = range;
  const close = to - 1;
  if (!"]}".includes(text[close] ?? " ")) return undefined;
  const last = bounds(parent.items.at(-1))?.to;
  if (last === undefined) {
    const padding = text[close] === "}" ? " " : "";
    return `${text.slice(0, from + 1)}${padding}${item}${padding}${text.slice(close)}`;
  }
  return `${text.slice(0, last)}, ${item}${text.slice(last)}`;
}

/** A new line behind the last one of a block collection, indented as its items are. */
function addedLine(text: string, parent: YAMLMap | YAMLSeq, item: string): string | undefined {
  const start = bounds(parent.items[0])?.from;
  const end = bounds(parent.items.at(-1))?.to;
  if (start === undefined || end === undefined) return undefined;
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const head = text.slice(lineStart, start);
  // In a list the dash is part of the head; before the first key of a map in a list, too.
  const indentation = isSeq(parent) ? head : head.replace(/-/g, " ");
  if (!/^[ -]*$/.test(head)) return undefined;
  const at = endOfLine(text, end);
  return `${text.slice(0, at)}\n${indentation}${item}${text.slice(at)}`;
}

/** The lines of one item of a block collection are taken away, with the comments that stand right above it. */
function withoutLines(text: string, parent: YAMLMap | YAMLSeq, key: string | number): string | undefined {
  // An empty block collection would be nothing at all.
  if (parent.items.length < 2) return undefined;
  const item: unknown = isMap(parent)
    ? parent.items.find((pair: Pair) => isKey(pair, key))
    : parent.items[Number(key)];
  const place = bounds(item);
  if (place === undefined) return undefined;
  const { from: start, to: end } = place;
  let from = text.lastIndexOf("\n", start - 1) + 1;
  // The first key of a map in a list stands behind the dash.
  if (isMap(parent) && text.slice(from, start).includes("-")) return undefined;
  const indentation = /^ */.exec(text.slice(from))?.[0] ?? "";
  for (;;) {
    const above = text.lastIndexOf("\n", from - 2) + 1;
    if (from === 0 || !text.slice(above, from).startsWith(`${indentation}#`)) break;
    from = above;
  }
  return text.slice(0, from) + text.slice(endOfLine(text, end) + 1);
}

/** The end of the line on which something ends; block collections end at the beginning of the next one. */
function endOfLine(text: string, end: number): number {
  if (text[end - 1] === "\n") return end - 1;
  const found = text.indexOf("\n", end);
  return found < 0 ? text.length : found;
}

/** An item of a flow collection is taken away with one comma. */
function cutFromFlow(text: string, parent: YAMLMap | YAMLSeq, key: string | number): string | undefined {
  const place = isMap(parent) ? parent.items.findIndex((pair: Pair) => isKey(pair, key)) : Number(key);
  const [before, item, after] = [place - 1, place, place + 1].map((at) => bounds(parent.items[at]));
  if (item === undefined) return undefined;
  if (after !== undefined) return text.slice(0, item.from) + text.slice(after.from);
  if (before !== undefined) return text.slice(0, before.to) + text.slice(item.to);
  const range = rangeOf(parent);
  return range === undefined ? undefined : `${text.slice(0, range[0] + 1)}${text.slice(range[1] - 1)}`;
}

function isKey({ key: node }: Pair, key: string | number): boolean {
  return String(scalarOf(node)) === String(key);
}

/** From where to where an item stands. */
function bounds(item: unknown): { readonly from: number; readonly to: number } | undefined {
  const from = rangeOf(isPair(item) ? item.key : item)?.[0];
  const to = rangeOf(isPair(item) ? (item.value ?? item.key) : item)?.[1];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function scalarOf(node: unknown): unknown {
  return typeof node === "object" && node !== null && "value" in node ? node.value : node;
}

function rangeOf(node: unknown): readonly [number, number] | undefined {
  const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
  if (!Array.isArray(range)) return undefined;
  const [from, to]: unknown[] = range;
  return typeof from === "number" && typeof to === "number" ? [from, to] : undefined;
}
