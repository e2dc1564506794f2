import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { ProblemError } from "../../base/problem.ts";
import { readDocument } from "../../contract/read-document.ts";
import { planChange } from "../../core/config/plan.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { readDocumentFile } from "../document-file.ts";
import { type ExitStatus, exitStatus } from "../exit-status.ts";
import { problemText } from "../problem-text.ts";
import { paperOf } from "../terminal.ts";
import { replaceFile } from "../write-document.ts";
import { showPlan } from "./config-plan.ts";

/** Opens a copy of the file in an editor, and takes it when it is a valid document and the user agrees. */
export async function configEdit({ file }: { readonly file: string }): Promise<ExitStatus> {
  const { text: before } = readDocumentFile(file);
  const folder = mkdtempSync(join(tmpdir(), "tocha-edit-"));
  const copy = join(folder, basename(file));
  // What a document names is no secret, but it may not be for everybody either.
  writeFileSync(copy, before, { mode: 0o600 });
  const asks = process.stdin.isTTY === true && process.stdout.isTTY === true;
  for (;;) {
    edit(copy);
    const after = readFileSync(copy, "utf8");
    if (after === before) {
      rmSync(folder, { recursive: true });
      process.stdout.write("nothing was changed\n");
      return exitStatus.ok;
    }
    const isValid = look(file, { before, after });
    const wish = await ask(isValid, asks);
    if (wish === "again") continue;
    if (wish === "write") {
      replaceFile(file, { before, after });
      rmSync(folder, { recursive: true });
      process.stdout.write(`\n${paperOf(process.stdout).paint("green", `written: ${file}`)}\n`);
      return exitStatus.ok;
    }
    process.stdout.write(`nothing was written; the text is kept in ${copy}\n`);
    return isValid ? exitStatus.notOk : exitStatus.badInput;
  }
}

/** In the manner of git: the command may have arguments. */
function edit(copy: string): void {
  const { VISUAL, EDITOR } = process.env;
  const editor = VISUAL || EDITOR || "vi";
  const { status, error } = spawnSync("/bin/sh", ["-c", `${editor} "$1"`, "sh", copy], { stdio: "inherit" });
  if (status === 0) return;
  throw new ProblemError({
    code: "editor-failed",
    message: `the editor "${editor}" ended with ${error?.message ?? `status ${status}`}; nothing was written`,
    hint: `Name another one in EDITOR. The text is kept in ${copy}.`,
  });
}

/** Shows what is wrong, or what it would change. @returns whether it is valid */
function look(file: string, { before, after }: { readonly before: string; readonly after: string }): boolean {
  const { document, problems, notices } = readDocument(after, file, documentFiles(dirname(file)));
  if (document === undefined) {
    const paper = paperOf(process.stderr);
    process.stderr.write(problems.map((one) => problemText(one, paper, { source: after })).join("\n"));
    return false;
  }
  const old = readDocument(before, file, documentFiles(dirname(file)));
  const plan = planChange({
    before: old.document && { ...old, name: file, text: before },
    after: { name: `${file} (new)`, text: after, document, notices },
  });
  showPlan(plan, { output: "text", diff: true });
  return true;
}

type Wish = "write" | "again" | "leave";

/** Where nobody can be asked, what is valid is written. */
async function ask(isValid: boolean, asks: boolean): Promise<Wish> {
  if (!asks) return isValid ? "write" : "leave";
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const question = isValid ? "\nWrite it? [y]es, [e]dit again, [n]o: " : "\nEdit it again? [y]es, [n]o: ";
    for (;;) {
      const answer = (await lines.question(question)).trim().toLowerCase();
      if (answer === "n" || answer === "no") return "leave";
      if (answer === "e" || answer === "edit") return "again";
      if (answer === "y" || answer === "yes" || answer === "") return isValid ? "write" : "again";
    }
  } finally {
    lines.close();
  }
}
