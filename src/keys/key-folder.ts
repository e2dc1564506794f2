import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ProblemError } from "../base/problem.ts";

/** Throws where one of the files is there already: keys in use are not replaced by accident. */
export function refuseExisting(directory: string, names: readonly string[]): void {
  const existing = names.map((name) => join(directory, name)).filter((path) => existsSync(path));
  if (existing.length === 0) return;
  throw new ProblemError({
    code: "keys-exist",
    message: `${existing.join(", ")} ${existing.length === 1 ? "exists" : "exist"} already; nothing was written`,
    hint: "Keys in use are not replaced by accident: move the old files away first, or name another folder.",
  });
}

/**
 * Writes new files, all or none: what was written before a failure is taken away again.
 *
 * @returns their paths
 */
export function writeNew(directory: string, files: Readonly<Record<string, string>>): string[] {
  const written: string[] = [];
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name);
      writeFileSync(path, content, { flag: "wx", mode: 0o600 });
      written.push(path);
      chmodSync(path, 0o600); // also under a umask that takes more away
    }
    return written;
  } catch (error) {
    for (const path of written) unlinkSync(path);
    throw new ProblemError({
      code: "unreadable-file",
      message: `the keys cannot be written to ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Run as a user who may write there (sudo), or name another folder.",
      file: directory,
    });
  }
}

/** Puts a file in the place of another, if there is one: whoever reads sees the one or the other, whole. */
export function replaceFile(path: string, content: string, mode = 0o600): void {
  const next = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}`);
  try {
    const fd = openSync(next, "wx", mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    chmodSync(next, mode);
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw new ProblemError({
      code: "unreadable-file",
      message: `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Run as a user who may write there (sudo). Is the disk full, or mounted for reading only?",
      file: path,
    });
  }
}

/** What this authority has signed: where ca.key is, one line each. A node that is removed is refused by these numbers. */
const issuedFileName = "issued.log";

export interface Issued {
  readonly serial: string;
  readonly node: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export function noteIssued(directory: string, { serial, node, at }: Issued): void {
  appendFileSync(join(directory, issuedFileName), `${at} ${serial} ${node}\n`, { mode: 0o600 });
}

/** Lines that are something else are passed over: what is missing there is added by whoever revokes. */
export function readIssued(directory: string): Issued[] {
  const path = join(directory, issuedFileName);
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const [at, serial, node] = line.split(" ");
      if (at === undefined || serial === undefined || node === undefined) return [];
      return /^[0-9a-f]{1,40}$/.test(serial) ? [{ at, serial, node }] : [];
    });
}
