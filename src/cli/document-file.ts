import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Problem, ProblemError } from "../base/problem.ts";
import { withFileCopies } from "../contract/file-copies.ts";
import { type InvalidDocument, readDocument, type ValidDocument } from "../contract/read-document.ts";
import { documentFiles } from "../keys/document-files.ts";
import { DocumentProblems } from "./document-problems.ts";

export { DocumentProblems, defaultDocumentPath } from "./document-problems.ts";

export type DocumentFile = (ValidDocument | InvalidDocument) & {
  /** The text, for messages that show a line of it. */
  readonly text: string;
  /** The text with copies of the files that it names: what is handed to nodes. */
  readonly whole: string;
};

/** Reads and checks a cluster document. Throws ProblemError when the file itself cannot be read. */
export function readDocumentFile(path: string): DocumentFile {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ProblemError(unreadable(path, error));
  }
  if (!isUtf8(bytes)) {
    throw new ProblemError({
      code: "unreadable-file",
      message: `${path} is not a text in UTF-8`,
      hint: "Save it as UTF-8.",
      file: path,
    });
  }
  const text = bytes.toString("utf8");
  const files = documentFiles(dirname(path));
  const read = readDocument(text, path, files);
  const whole = read.document === undefined ? text : withFileCopies(text, read.document, files);
  return { ...read, text, whole };
}

function unreadable(path: string, error: unknown): Problem {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const base = { code: "unreadable-file", file: path };
  if (code === "ENOENT") {
    return {
      ...base,
      message: `${path} does not exist`,
      hint: "Name the cluster document, or copy one of tocha's examples/ there.",
    };
  }
  if (code === "EACCES")
    return { ...base, message: `${path} may not be read`, hint: "Run the command as root (sudo)." };
  if (code === "EISDIR") return { ...base, message: `${path} is a folder`, hint: "Name the document in it." };
  return {
    ...base,
    message: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    hint: "",
  };
}

/** The document of a file, for commands that need a valid one. */
export function requireDocument(path: string): ValidDocument {
  const { text, whole: _whole, ...result } = readDocumentFile(path);
  if (result.document === undefined) throw new DocumentProblems(result.problems, text, path);
  return result;
}
