import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { type Problem, ProblemError } from "../../base/problem.ts";
import { canonicalJson } from "../../contract/document-revision.ts";
import { type EditStep, formatEditPath } from "./edit-path.ts";
import { splice } from "./splice-yaml.ts";

/** What is done to the text of a document. */
export type DocumentEdit =
  | { readonly kind: "set"; readonly path: readonly EditStep[]; readonly value: unknown }
  | { readonly kind: "unset"; readonly path: readonly EditStep[] };

/** Where an edit takes place: what is there, and what is around it. */
export interface EditPlace {
  readonly parent: YAMLMap | YAMLSeq;
  /** A key, or a place in a list: one behind the last for a new item. */
  readonly key: string | number;
  readonly isThere: boolean;
}

/**
 * Sets or takes away one value in the text of a document. Comments, and the way in which everything else is written, stay as
 * they are wherever that is possible. Throws ProblemError when the path leads nowhere; whether the result is a valid document is
 * for readDocument() to say.
 */
export function editDocument(text: string, edit: DocumentEdit): string {
  const yaml = parseDocument(text, { uniqueKeys: false, logLevel: "error" });
  const [error] = yaml.errors;
  if (error !== undefined) {
    const hint = "Correct it first: tocha check shows the place.";
    throw new ProblemError({ code: "yaml-syntax", message: "the file is not YAML", hint });
  }
  const [place, deeper] = findPlace(yaml, edit);
  const whole = edit.kind === "set" ? { ...edit, value: within(deeper, edit.value) } : edit;
  const spliced = splice(text, place, whole);
  apply(yaml, place, whole);
  try {
    // Where the small cut does not come to the same, for whatever reason, the whole text is written anew.
    if (spliced !== undefined && isSame(spliced, yaml)) return spliced;
    return yaml.toString({ lineWidth: 0, flowCollectionPadding: true });
  } catch {
    // The one thing that a document of values cannot be written with: an alias of what is gone.
    throw new ProblemError({
      code: "bad-usage",
      message: `${formatEditPath(edit.path)} is needed: other parts of the file refer to it by an alias`,
      hint: "Use tocha config edit, and write out what *NAME stands for.",
    });
  }
}

function isSame(text: string, wanted: Document): boolean {
  const yaml = parseDocument(text, { uniqueKeys: false, logLevel: "error" });
  return yaml.errors.length === 0 && canonicalJson(yaml.toJS()) === canonicalJson(wanted.toJS());
}

function apply(yaml: Document, { parent, key }: EditPlace, edit: DocumentEdit): void {
  if (edit.kind === "unset") parent.delete(key);
  else if (isSeq(parent) && typeof key === "number" && key >= parent.items.length)
    parent.add(yaml.createNode(edit.value));
  else parent.set(key, yaml.createNode(edit.value));
}

/** Where the path leads, and the steps that lead on from there into what is not there yet. */
function findPlace(yaml: Document, { path, kind }: DocumentEdit): [EditPlace, readonly EditStep[]] {
  let node: unknown = yaml.contents;
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1;
    const place = placeIn(node, step, path.slice(0, depth));
    if (place.isThere && isLast) return [place, []];
    if (!place.isThere) {
      const deeper = path.slice(depth + 1);
      if (kind === "set" && canBeNew(place, step) && deeper.every((one) => one.kind !== "place"))
        return [place, deeper];
      throw nothingThere(path.slice(0, depth + 1), node);
    }
    node = place.parent.get(place.key, true);
  }
  throw new Error("a path has a step");
}

/** A value with the maps and lists around it that are still missing. */
function within(steps: readonly EditStep[], value: unknown): unknown {
  return steps.reduceRight((inner, step) => (step.kind === "name" ? { [step.name]: inner } : [inner]), value);
}

/** A map gets any key; a list grows at its end only. */
function canBeNew({ parent }: EditPlace, step: EditStep): boolean {
  return isMap(parent) || step.kind === "end";
}

function placeIn(node: unknown, step: EditStep, around: readonly EditStep[]): EditPlace {
  if (isMap(node)) {
    if (step.kind === "end") throw notAList(around);
    const key = step.kind === "name" ? step.name : String(step.place);
    return { parent: node, key, isThere: node.has(key) };
  }
  if (isSeq(node)) {
    if (step.kind === "end") return { parent: node, key: node.items.length, isThere: false };
    const key =
      step.kind === "place" ? step.place : node.items.findIndex((item) => isCalled(item, step.name));
    return { parent: node, key, isThere: key >= 0 && key < node.items.length };
  }
  const where = around.length === 0 ? "the document" : formatEditPath(around);
  const what = isAlias(node) ? "an alias of another part" : "a single value";
  const hint = "Set it as a whole, or use tocha config edit.";
  throw new ProblemError({ code: "bad-usage", message: `${where} is ${what}: nothing is inside`, hint });
}

/** Items of lists are called by their ids, or by what they are. */
function isCalled(item: unknown, name: string): boolean {
  if (isMap(item)) return [item.get("id"), item.get("prefix")].includes(name);
  return isScalar(item) && String(item.value) === name;
}

function notAList(around: readonly EditStep[]): ProblemError {
  const message = `${formatEditPath(around)} is not a list: [+] adds to lists`;
  return new ProblemError({ code: "bad-usage", message, hint: "Name the key that is to be set." });
}

function nothingThere(path: readonly EditStep[], around: unknown): ProblemError {
  const known = isMap(around)
    ? around.items.map(({ key }) => String(isScalar(key) ? key.value : key))
    : isSeq(around)
      ? around.items.map((item, place) => nameOf(item) ?? `[${place}]`)
      : [];
  const shown = known.slice(0, 12).join(", ");
  const list: Problem["hint"] =
    known.length === 0 ? "It is empty." : `There is: ${shown}${known.length > 12 ? ", ..." : ""}.`;
  const add = isSeq(around) ? " A new item is added with [+]." : "";
  return new ProblemError({
    code: "bad-usage",
    message: `the document has no ${formatEditPath(path)}`,
    hint: `${list}${add}`,
  });
}

function nameOf(item: unknown): string | undefined {
  const id: unknown = isMap(item) ? item.get("id") : isScalar(item) ? item.value : undefined;
  return id === undefined || id === null ? undefined : String(id);
}
