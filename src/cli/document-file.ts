import { dirname } from "node:path";
import { withFileCopies } from "../contract/file-copies.ts";
import { type InvalidDocument, readDocument, type ValidDocument } from "../contract/read-document.ts";
import { documentFiles } from "../keys/document-files.ts";
import { DocumentProblems } from "./document-problems.ts";
import { readText } from "./read-text.ts";

export { DocumentProblems, defaultDocumentPath } from "./document-problems.ts";

export type DocumentFile = (ValidDocument | InvalidDocument) & {
  /** The text, for messages that show a line of it. */
  readonly text: string;
  /** The text with copies of the files that it names: what is handed to nodes. */
  readonly whole: string;
};

/** Reads and checks a cluster document. Throws ProblemError when the file itself cannot be read. */
export function readDocumentFile(path: string): DocumentFile {
  return readDocumentText(readText(path), path);
}

/** The same where the text was read before. Files that it names are relative to `path`. */
export function readDocumentText(text: string, path: string): DocumentFile {
  const files = documentFiles(dirname(path));
  const read = readDocument(text, path, files);
  const whole = read.document === undefined ? text : withFileCopies(text, read.document, files);
  return { ...read, text, whole };
}

/** The document of a file, for commands that need a valid one. */
export function requireDocument(path: string): ValidDocument {
  const { text, whole: _whole, ...result } = readDocumentFile(path);
  if (result.document === undefined) throw new DocumentProblems(result.problems, text, path);
  return result;
}
