import {
  chmodSync,
  chownSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { ProblemError } from "../base/problem.ts";

/**
 * Puts a new text into the place of an old one: whole or not at all, with the owner and rights of the file. Throws ProblemError
 * when the file is no longer what it was, or may not be written.
 */
export function replaceFile(
  path: string,
  { before, after }: { readonly before: string; readonly after: string },
): void {
  try {
    // A link stays one: what it points to is replaced.
    const file = realpathSync(path);
    if (readFileSync(file, "utf8") !== before) throw changedMeanwhile(path);
    const { mode, uid, gid } = statSync(file);
    const beside = `${file}.tocha-${process.pid}`;
    try {
      writeFileSync(beside, after, { flag: "wx", flush: true });
      chmodSync(beside, mode & 0o7777);
      chownSync(beside, uid, gid);
      renameSync(beside, file);
    } finally {
      rmSync(beside, { force: true });
    }
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError({
      code: "unreadable-file",
      message: `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Run the command as root (sudo), or name a file of yours with --file.",
      file: path,
    });
  }
}

function changedMeanwhile(file: string): ProblemError {
  return new ProblemError({
    code: "file-changed",
    message: `${file} was changed by somebody else meanwhile`,
    hint: "Look at it, and make the change again.",
    file,
  });
}
