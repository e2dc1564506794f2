import { ProblemError } from "../base/problem.ts";
import type { Git } from "./git.ts";

/** What applies. */
export const HEAD = "refs/heads/main";
/** A name for every revision that was ever put. */
export const REVISIONS = "refs/tocha/revisions";

/**
 * Sends a node's history to another repository: every revision by its own name, and what applies as `main`. The names of revisions
 * never conflict, so what two sides of a partition have made is all there. `main` goes on where it can. Once it was chosen between
 * histories that went apart, it moves to the one that was chosen, if what it leaves has a name there: nothing is lost by it.
 *
 * @param mayMove whether this node's history counts: it did not go apart from another one, or was chosen
 * @returns whether `main` is now this node's; false: it is another node's, which is ahead, or nobody has chosen yet
 * @throws ProblemError when the other repository cannot be reached or refuses
 */
export async function pushHistory(
  git: Git,
  url: string,
  { mayMove }: { readonly mayMove: boolean },
): Promise<boolean> {
  const own = namesOf(await git.run(["show-ref"]));
  const revisions = `${REVISIONS}/*:${REVISIONS}/*`;
  // Mostly this is all. Each name goes by itself: where `main` is refused, the revisions are there all the same.
  const usual = await git.ask(["push", "--quiet", "--", url, revisions, `${HEAD}:${HEAD}`]);
  if (usual.status === 0) return true;
  const there = namesOf(await git.run(["ls-remote", "--quiet", "--", url, HEAD, `${REVISIONS}/*`]));
  const isLacking = [...own].some(([name, id]) => name.startsWith(REVISIONS) && there.get(name) !== id);
  const theirs = there.get(HEAD);
  const ours = own.get(HEAD);
  if (isLacking || theirs === undefined || ours === undefined) throw refused(git, usual.said);
  if (theirs === ours) return true;
  const kept = new Set([...there].flatMap(([name, id]) => (name.startsWith(REVISIONS) ? [id] : [])));
  if (!kept.has(theirs)) {
    const message = `main of ${url} is ${theirs.slice(0, 12)}, which is no revision that was sent there: it is not overwritten`;
    const hint = "Use a repository of its own for the history of this cluster, or rename that branch there.";
    throw new ProblemError({ code: "history-remote", message, hint });
  }
  // Another node is ahead, and this one hears of it soon.
  const isKnown = [...own.values()].includes(theirs);
  if (!isKnown || !mayMove || (await isBefore(git, ours, theirs))) return false;
  await git.run(["push", "--quiet", `--force-with-lease=${HEAD}:${theirs}`, "--", url, `${HEAD}:${HEAD}`]);
  return true;
}

async function isBefore(git: Git, one: string, other: string): Promise<boolean> {
  return (await git.ask(["merge-base", "--is-ancestor", one, other])).status === 0;
}

/** The answers of `git ls-remote`, `show-ref` and the like: an id and a name in each line. */
export function namesOf(output: string): Map<string, string> {
  return new Map(
    output.split("\n").flatMap((line) => {
      const [id, name] = line.split(/\s/);
      return id === undefined || name === undefined ? [] : [[name, id] as const];
    }),
  );
}

function refused(git: Git, said: string): ProblemError {
  const message = `git push in ${git.directory}: ${said.trim() || "refused"}`;
  return new ProblemError({ code: "history-remote", message });
}
