import type { Problem } from "../base/problem.ts";
import type { ClusterDocument } from "./cluster-document.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import type { DocumentPath } from "./located-yaml.ts";
import { type SetContents, setContents, setElements } from "./set-contents.ts";
import { elementOf, type ReadFile, readSetFile } from "./set-file.ts";
import { namedSet, SET_ELEMENTS_MAX } from "./sets-schema.ts";
import { mapEntries } from "./understood.ts";

/** The sets of a document, as far as they can be understood. */
export interface SetFacts {
  /** Every name, also of sets that are wrong. */
  readonly names: ReadonlySet<string>;
  /** Of those that are right, with what their files hold. */
  readonly contents: ReadonlyMap<string, SetContents>;
}

/** Checks the sets, reads their files, and says what each holds. `problems` are in the files. */
export function checkSets(
  root: unknown,
  readFile: ReadFile,
): {
  readonly facts: SetFacts;
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
} {
  const contents = new Map<string, SetContents>();
  const findings: Finding[] = [];
  const problems: Problem[] = [];
  const entries = mapEntries(root, ["sets"]);
  for (const { key, value, path } of entries) {
    const set = namedSet.safeParse(value);
    if (!set.success) continue;
    const { kind, elements, file } = set.data;
    const own = elements.flatMap((element, index): Finding[] =>
      elementOf(element, kind) === undefined ? [wrongKind(element, kind, [...path, "elements", index])] : [],
    );
    const fromFile = file === undefined ? undefined : readElements(file, kind, path, readFile);
    findings.push(...own, ...(fromFile?.findings ?? []));
    problems.push(...(fromFile?.problems ?? []));
    const all = [...elements, ...(fromFile?.elements ?? [])];
    if (all.length > SET_ELEMENTS_MAX) findings.push(tooMany(all.length, path));
    else if (own.length === 0 && fromFile?.isWhole !== false) contents.set(key, setContents(kind, all));
  }
  return { facts: { names: new Set(entries.map(({ key }) => key)), contents }, findings, problems };
}

/** Sets that hold nothing: rules that name them match nothing. */
export function setNotices({ contents }: SetFacts): Finding[] {
  return [...contents].flatMap(([name, set]): Finding[] =>
    setElements(set).length > 0
      ? []
      : [
          {
            ...({ code: "empty-set", path: ["sets", name], on: "key" } as const),
            message: `the set "${clip(name)}" holds nothing: rules that name it match nothing`,
            hint: "Nothing else follows from it.",
          },
        ],
  );
}

/** The document with what the files hold, each set in canonical form: all nodes that agree have equal documents. */
export function withSetContents(document: ClusterDocument, { contents }: SetFacts): ClusterDocument {
  const sets = Object.entries(document.sets).map(([name, set]) => {
    const held = contents.get(name);
    return [name, held === undefined ? set : { ...set, elements: setElements(held) }] as const;
  });
  return { ...document, sets: Object.fromEntries(sets) };
}

function readElements(file: string, kind: SetContents["kind"], set: DocumentPath, readFile: ReadFile) {
  const read = readFile(file);
  if ("failed" in read) {
    const finding: Finding = {
      ...({ code: "bad-set-file", path: [...set, "file"], on: "value" } as const),
      message: `the file "${clip(file)}" of the set cannot be read: ${read.failed}`,
      hint: "The path is relative to the document's folder; the file must be there on the machine where the document is read.",
    };
    return { elements: [], findings: [finding], problems: [], isWhole: false };
  }
  const { elements, problems } = readSetFile(read.text, { name: read.name, kind });
  return { elements, findings: [], problems, isWhole: problems.length === 0 };
}

function wrongKind(element: string, kind: SetContents["kind"], path: DocumentPath): Finding {
  const is =
    kind === "ports"
      ? "is no port, and the set is one of ports"
      : "is a port, and the set is one of addresses";
  const hint =
    kind === "ports"
      ? "Take kind: ports away, or the element."
      : "Add kind: ports to the set, or take the element away.";
  return { code: "bad-set-element", path, on: "value", message: `"${clip(element)}" ${is}`, hint };
}

function tooMany(count: number, path: DocumentPath): Finding {
  return {
    ...({ code: "out-of-range", path, on: "key" } as const),
    message: `the set has ${count} elements, but must have at most ${SET_ELEMENTS_MAX}`,
    hint: "Write neighbouring addresses as networks or ranges.",
  };
}
