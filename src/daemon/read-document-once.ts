import { type InvalidDocument, readDocument, type ValidDocument } from "../contract/read-document.ts";

/** What runs, what was before, what is wished for. */
const KEPT_MAX = 3;
const kept = new Map<string, ValidDocument>();

/**
 * Reads a document that needs no other files, such as one that was applied. While a change is made each step reads the same text, and a
 * large one takes a quarter of a second: the latest that were valid are kept.
 */
export function readDocumentOnce(text: string, file: string): ValidDocument | InvalidDocument {
  const read = kept.get(text) ?? readDocument(text, file);
  if (read.document === undefined) return read;
  // As the newest.
  kept.delete(text);
  kept.set(text, read);
  for (const oldest of [...kept.keys()].slice(0, -KEPT_MAX)) kept.delete(oldest);
  return read;
}
