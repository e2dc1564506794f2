import { parseDocument } from "yaml";
import { ProblemError } from "../../base/problem.ts";
import { type EditStep, formatEditPath, parseEditPath } from "./edit-path.ts";

/** A path that a written beginning can become, and what is there. */
export interface PathOffer {
  readonly text: string;
  readonly about: string;
}

/** Longer values are shown by their beginning. */
const ABOUT_LENGTH_MAX = 40;

/**
 * The paths into the text of a document that begin as `written` does, one step further than it: what is inside of something is
 * offered when its dot or bracket is there. What goes on ends in that dot or bracket.
 *
 * @param kind what is set is a value or a list; anything can be taken out
 * @returns none where the text is not YAML, or the path leads nowhere
 */
export function pathsFrom(text: string, written: string, kind: "set" | "unset"): PathOffer[] {
  const yaml = parseDocument(text, { uniqueKeys: false, logLevel: "error" });
  if (yaml.errors.length > 0) return [];
  const around = stepsBefore(written);
  if (around === undefined) return [];
  let value: unknown = yaml.toJS();
  for (const step of around) value = inside(value, step);
  return childrenOf(value)
    .flatMap(({ step, child }) => offersOf(formatEditPath([...around, step]), child, kind))
    .filter((offer) => offer.text.startsWith(written) && !/[\s\p{C}]/u.test(offer.text));
}

/** The steps that are written to their end: those before the last dot or bracket. Undefined: it is no path. */
function stepsBefore(written: string): EditStep[] | undefined {
  const outside = written.replace(/\[[^\]]*\]?/g, (inBrackets) => `[${" ".repeat(inBrackets.length - 1)}`);
  const end = Math.max(outside.lastIndexOf("."), outside.lastIndexOf("["));
  if (end <= 0) return [];
  try {
    return parseEditPath(written.slice(0, end));
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

function childrenOf(value: unknown): { readonly step: EditStep; readonly child: unknown }[] {
  if (Array.isArray(value))
    return value.map((child: unknown, place) => {
      const name = nameOf(child);
      return { step: name === undefined ? { kind: "place", place } : { kind: "name", name }, child };
    });
  if (!isObject(value)) return [];
  return Object.entries(value).map(([name, child]) => ({ step: { kind: "name", name }, child }));
}

function inside(value: unknown, step: EditStep): unknown {
  if (step.kind === "end") return undefined;
  if (Array.isArray(value) && step.kind === "place") return value[step.place];
  const name = step.kind === "name" ? step.name : String(step.place);
  return childrenOf(value).find((one) => one.step.kind === "name" && one.step.name === name)?.child;
}

/** Items of lists are called by their ids, or by what they are (edit-document.ts). */
function nameOf(item: unknown): string | undefined {
  const name = isObject(item) ? (item["id"] ?? item["prefix"]) : item;
  return typeof name === "string" || typeof name === "number" ? String(name) : undefined;
}

function offersOf(path: string, value: unknown, kind: "set" | "unset"): PathOffer[] {
  const children = childrenOf(value);
  const isList = Array.isArray(value);
  if (!isList && !isObject(value)) return [{ text: path, about: shortened(JSON.stringify(value) ?? "") }];
  const about = isList ? `list of ${children.length}` : `with ${children.length} keys`;
  const ways = new Set(
    children.map(({ step }) => formatEditPath([{ kind: "name", name: "x" }, step]).slice(1, 2)),
  );
  return [
    ...(isList || kind === "unset" ? [{ text: path, about }] : []),
    ...[...ways].map((way) => ({ text: path + way, about })),
    ...(isList && kind === "set" ? [{ text: `${path}[+]`, about: "a new item" }] : []),
  ];
}

function shortened(text: string): string {
  return text.length > ABOUT_LENGTH_MAX ? `${text.slice(0, ABOUT_LENGTH_MAX - 2)}..` : text;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
