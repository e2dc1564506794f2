import { ProblemError } from "../base/problem.ts";
import type { Git } from "./git.ts";
import { ObjectReader } from "./object-reader.ts";
import { HEAD, namesOf, REVISIONS } from "./push-history.ts";
import { commitIdOf, DOCUMENT_FILE, ENTRY_FILE, readInfo } from "./revision-commit.ts";

interface Known {
  readonly number: number;
  readonly parent: string | null;
}

/**
 * Reads every revision, applied or not, and checks that it is what its id says, and that each goes on where the one before ends. The
 * id of a commit depends on every byte of it and of all that came before: whatever was altered, lost or damaged is found.
 *
 * Two processes of git, however long the history is; one revision at a time.
 *
 * @param pause comes between two revisions
 * @returns how many revisions lead to the one that applies
 * @throws ProblemError when anything is wrong
 */
export async function verifyHistory(git: Git, pause: () => Promise<void>): Promise<number> {
  const names = namesOf(await git.run(["for-each-ref", "--format=%(objectname) %(refname)"]));
  const head = names.get(HEAD);
  const known = new Map<string, Known>();
  const reader = new ObjectReader(git.directory);
  try {
    for (const [name, id] of names) {
      if (known.has(id) || !(name === HEAD || name.startsWith(`${REVISIONS}/`))) continue;
      known.set(id, await verifyOne(reader, id));
      await pause();
    }
  } finally {
    reader.close();
  }
  for (const [id, { number, parent }] of known) {
    const before = parent === null ? 0 : known.get(parent)?.number;
    if (before !== number - 1)
      throw broken(`revision ${number} (${id}) does not go on from one that is there`);
  }
  return head === undefined ? 0 : (known.get(head)?.number ?? 0);
}

/** Commit and tree are read for themselves: git takes one out of the other without looking whether it has the right name. */
async function verifyOne(reader: ObjectReader, id: string): Promise<Known> {
  const about = await reader.read(`${id}:${ENTRY_FILE}`);
  const text = await reader.read(`${id}:${DOCUMENT_FILE}`);
  const isWhole = (await reader.read(id)) !== undefined && (await reader.read(`${id}^{tree}`)) !== undefined;
  if (about === undefined || text === undefined || !isWhole) throw broken(`revision ${id} is not whole`);
  const info = readInfo(about, id);
  const { number, parent } = info;
  if (commitIdOf({ ...info, text }) !== id)
    throw broken(`revision ${number} (${id}) is not what its entry says`);
  return { number, parent };
}

function broken(message: string): ProblemError {
  return new ProblemError({ code: "history-broken", message });
}
