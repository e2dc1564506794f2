import { dirname } from "node:path";
import { parse, YAMLParseError } from "yaml";
import { ProblemError } from "../../base/problem.ts";
import { readDocument } from "../../contract/read-document.ts";
import { type DocumentEdit, editDocument } from "../../core/config/edit-document.ts";
import { parseEditPath } from "../../core/config/edit-path.ts";
import { planChange } from "../../core/config/plan.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { DocumentProblems, readDocumentFile } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { paperOf } from "../terminal.ts";
import { replaceFile } from "../write-document.ts";
import { showPlan } from "./config-plan.ts";

export interface ConfigSetOptions {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly output: string;
}

/** Sets one value in the file. */
export function configSet(path: string, value: string, options: ConfigSetOptions): ExitStatus {
  return carryOut({ kind: "set", path: parseEditPath(path), value: givenValue(value) }, options);
}

/** Takes one value out of the file. */
export function configUnset(path: string, options: ConfigSetOptions): ExitStatus {
  return carryOut({ kind: "unset", path: parseEditPath(path) }, options);
}

function carryOut(edit: DocumentEdit, { file, dryRun = false, output }: ConfigSetOptions): ExitStatus {
  const { text: before } = readDocumentFile(file);
  const after = editDocument(before, edit);
  writeDocument(file, { before, after, dryRun, output });
  return exitStatus.ok;
}

/** A new text becomes that of the file, if it is a valid document: what it would change is shown first. */
export function writeDocument(
  file: string,
  options: {
    readonly before: string;
    readonly after: string;
    readonly dryRun: boolean;
    readonly output: string;
  },
): void {
  const { before, after, dryRun, output } = options;
  const { document, problems, notices } = readDocument(after, file, documentFiles(dirname(file)));
  if (document === undefined) throw new DocumentProblems(problems, after, file);
  // What was not valid has nothing that a change could be told by: the texts are compared alone.
  const old = readDocument(before, file, documentFiles(dirname(file)));
  const plan = planChange({
    before: old.document && { ...old, name: file, text: before },
    after: { name: `${file} (new)`, text: after, document, notices },
  });
  showPlan(plan, { output, diff: output === "text" });
  const isNew = after !== before;
  if (isNew && !dryRun) replaceFile(file, { before, after });
  if (output === "json") return;
  const { paint } = paperOf(process.stdout);
  const done = !isNew
    ? "nothing was written"
    : dryRun
      ? "nothing was written (--dry-run)"
      : `written: ${file}`;
  process.stdout.write(`\n${paint(isNew && !dryRun ? "green" : "dim", done)}\n`);
}

/** A value as it would stand in the file: a number, true, a text, [a list], { a: map }. */
function givenValue(text: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new ProblemError({
      code: "bad-usage",
      message: `"${text.slice(0, 100)}" is no value`,
      hint: "Write it as it would stand in the file: 150, true, 10ms, [10.1.0.0/24, 10.2.0.0/24], or { id: lab, ... }, in quotes for the shell.",
    });
  }
}
