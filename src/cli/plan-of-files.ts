import type { Plan } from "../contract/config-plan.ts";
import { type PlannedDocument, planChange } from "../core/config/plan.ts";
import { DocumentProblems, readDocumentFile } from "./document-file.ts";

/** What would happen if one file followed another as the cluster's document. Asks no node. */
export function planOfFiles(before: string, after: string): Plan {
  return planChange({ before: plannedBefore(before), after: plannedFile(after) });
}

/** A valid document out of a file. */
function plannedFile(path: string): PlannedDocument {
  const { text, whole, document, problems, notices } = readDocumentFile(path);
  if (document === undefined) throw new DocumentProblems(problems, text, path);
  // With the files that it names, as it would be applied.
  return { name: path, text: whole, document, notices };
}

/** An empty file, such as /dev/null, stands for a cluster that has no document yet. */
function plannedBefore(path: string): PlannedDocument | undefined {
  return readDocumentFile(path).text === "" ? undefined : plannedFile(path);
}
