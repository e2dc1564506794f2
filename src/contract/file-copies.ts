import type { ClusterDocument } from "./cluster-document.ts";
import type { ReadFile } from "./set-file.ts";

/**
 * Copies of the files that a document names, at the end of its text, in comments: the text that nodes hand to each other, apply and
 * keep in their history says all by itself, and to every reader of YAML it is the same document.
 *
 *     # Copies of the files that this document names; …
 *     #file "blocked.txt"
 *     #| 198.51.100.0/25
 *
 * A text that ends in copies is read from these. Where the files are at hand as well, as for whoever edits them, those count.
 */
const HEADER = "# Copies of the files that this document names; tocha makes them when it applies one.";

const headerLine = new RegExp(`^${HEADER.replaceAll(".", "\\.")}\r?$`, "m");

/** A text without its copies, and the copies by the path that the document names them with. */
export function splitFileCopies(text: string): {
  readonly own: string;
  readonly copies: ReadonlyMap<string, string>;
} {
  const copies = new Map<string, string>();
  const at = text.search(headerLine);
  if (at < 0) return { own: text, copies };
  let path: string | undefined;
  let lines: string[] = [];
  const finish = () => {
    if (path !== undefined) copies.set(path, lines.join(""));
    lines = [];
  };
  for (const line of text.slice(at).split(/\r\n|\r|\n/)) {
    if (line.startsWith("#file ")) {
      finish();
      path = pathIn(line.slice("#file ".length));
    } else if (line.startsWith("#| ")) lines.push(`${line.slice("#| ".length)}\n`);
  }
  finish();
  return { own: text.slice(0, at), copies };
}

/** The text with copies of all files that its document names, as they are now, in place of those that it had. */
export function withFileCopies(text: string, document: ClusterDocument, readFile: ReadFile): string {
  const { own, copies } = splitFileCopies(text);
  const names = Object.values(document.sets).flatMap(({ file }) => file ?? []);
  const parts = [...new Set(names)].sort().flatMap((name) => {
    const read = readFile(name);
    const content = "text" in read ? read.text : copies.get(name);
    return content === undefined ? [] : [copyText(name, content)];
  });
  if (parts.length === 0) return own;
  return `${own}${own === "" || own.endsWith("\n") ? "" : "\n"}${HEADER}\n${parts.join("")}`;
}

/** Reads the files themselves where they are at hand, else their copies. */
export function readFileOrCopy(
  copies: ReadonlyMap<string, string>,
  readFile: ReadFile | undefined,
): ReadFile {
  return (path) => {
    const read = readFile?.(path);
    if (read !== undefined && "text" in read) return read;
    const copy = copies.get(path);
    if (copy !== undefined) return { text: copy, name: `${path}, as the document has it` };
    return read ?? { failed: "the text of the document has no copy of it" };
  };
}

function copyText(name: string, content: string): string {
  const lines = content.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return `#file ${JSON.stringify(name)}\n${lines.map((line) => `#| ${line}\n`).join("")}`;
}

function pathIn(text: string): string | undefined {
  try {
    const path: unknown = JSON.parse(text);
    return typeof path === "string" ? path : undefined;
  } catch {
    return undefined;
  }
}
