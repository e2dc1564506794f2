import { ProblemError } from "../base/problem.ts";
import { DocumentProblems } from "./document-problems.ts";
import { readText } from "./read-text.ts";

/** Where the word is not there, the document names no file. */
const mayNameFiles = /\bfile\b/;

/** The document of a file, on its way to a node, which reads and checks it. */
export interface HandedDocument {
  /** With copies of the files that it names: nodes do not have these. */
  readonly text: string;
  /**
   * What follows from a refusal: where the document is wrong, all that is wrong with it.
   *
   * @throws DocumentProblems, or the error itself
   */
  readonly refused: (error: unknown) => Promise<never>;
}

/** Reads the file once: it may be a pipe. */
export async function handedDocument(path: string): Promise<HandedDocument> {
  const text = readText(path);
  return {
    text: mayNameFiles.test(text) ? await readHere(text, path) : text,
    refused: async (error) => {
      if (isAboutDocument(error)) await readHere(text, path);
      throw located(error, path);
    },
  };
}

/** A node that has answered has read the document: a line of it is named where that is what is wrong. */
function isAboutDocument(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  return error.problem.line !== undefined || error.problem.code === "unavailable";
}

/** What only the node has found, with the name that the document has here. */
function located(error: unknown, path: string): unknown {
  if (!(error instanceof ProblemError) || error.problem.problems === undefined) return error;
  const problems = error.problem.problems.map((problem) => ({ ...problem, file: problem.file ?? path }));
  return new ProblemError({ ...error.problem, problems });
}

/** @returns the text with copies of the files that it names */
async function readHere(text: string, path: string): Promise<string> {
  const { readDocumentText } = await import("./document-file.ts");
  const { whole, document, problems } = readDocumentText(text, path);
  if (document === undefined) throw new DocumentProblems(problems, text, path);
  return whole;
}
