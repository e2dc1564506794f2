import { DocumentProblems } from "./document-problems.ts";
import { readText } from "./read-text.ts";

/** Where the word is not there, the document names no file. */
const mayNameFiles = /\bfile\b/;

/**
 * Hands the document of a file to a node. The node reads and checks it; files that it names are read here, for nodes do not have them.
 *
 * @returns what `ask` returns
 * @throws DocumentProblems with all that is wrong with the document, whatever the node said, or when there was none
 */
export async function askWithDocument<T>(path: string, ask: (text: string) => Promise<T>): Promise<T> {
  const text = readText(path);
  const handed = mayNameFiles.test(text) ? await readHere(path) : text;
  try {
    return await ask(handed);
  } catch (error) {
    await readHere(path);
    throw error;
  }
}

/** @returns the text with copies of the files that it names */
async function readHere(path: string): Promise<string> {
  const { readDocumentFile } = await import("./document-file.ts");
  const { text, whole, document, problems } = readDocumentFile(path);
  if (document === undefined) throw new DocumentProblems(problems, text, path);
  return whole;
}
