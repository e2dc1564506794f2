import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ProblemError } from "../base/problem.ts";
import { PASSWORD_LENGTH_MIN } from "../contract/users.ts";

/**
 * Asks for a new password twice on a terminal, which does not show it; else the first line of the file, or of standard
 * input. Throws ProblemError.
 */
export async function readNewPassword(file: string | undefined): Promise<string> {
  if (file !== undefined) return longEnough(firstLine(contentOf(file)));
  if (!process.stdin.isTTY) return longEnough(firstLine(readFileSync(0, "utf8")));
  const password = await ask("New password: ");
  if ((await ask("The same again: ")) === password) return longEnough(password);
  throw new ProblemError({ code: "bad-password", message: "the two are not the same; nothing was changed" });
}

function longEnough(password: string): string {
  if (password.length >= PASSWORD_LENGTH_MIN) return password;
  throw new ProblemError({
    code: "bad-password",
    message: `a password has at least ${PASSWORD_LENGTH_MIN} characters`,
    hint: "Several words are easier to remember than one with strange letters.",
  });
}

async function ask(question: string): Promise<string> {
  // What is typed is not echoed: the terminal is raw while readline edits, and nothing of it is written.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.question("", resolve);
  lines.once("SIGINT", () => reject(new ProblemError({ code: "bad-password", message: "given up" })));
  try {
    return await promise;
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.replace(/\r$/, "") ?? "";
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProblemError({ code: "unreadable-file", message: `cannot read ${file}: ${reason}`, file });
  }
}
