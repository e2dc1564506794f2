import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ProblemError } from "../base/problem.ts";
import {
  type Revision,
  type RevisionEntry,
  type RevisionSummary,
  revisionIdSchema,
} from "../contract/config-revision.ts";
import { Git } from "./git.ts";
import { HEAD, pushHistory, REVISIONS } from "./push-history.ts";
import {
  commitMessage,
  commitPerson,
  DOCUMENT_FILE,
  ENTRY_FILE,
  entryText,
  readInfo,
} from "./revision-commit.ts";
import { verifyHistory } from "./verify-history.ts";

/**
 * The history of the cluster document on one node: a git repository, one commit for each revision. Commits are made of the entry
 * alone, so that all nodes have the same ones; and nothing here ever takes one away.
 *
 * One caller at a time; every method rejects with a ProblemError when git or the disk fails.
 */
export class RevisionStore {
  readonly #git: Git;

  private constructor(git: Git) {
    this.#git = git;
  }

  /** Opens the repository, and makes it where there is none. */
  static async open(directory: string): Promise<RevisionStore> {
    const git = new Git(directory);
    if (!existsSync(join(directory, "HEAD"))) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      await git.run(["init", "--quiet", "--bare", "--initial-branch=main", directory]);
      // What was confirmed to the other nodes must be there when power comes back.
      await git.run(["config", "core.fsync", "committed,reference"]);
      await git.run(["config", "core.fsyncMethod", "fsync"]);
      await git.run(["config", "gc.auto", "0"]);
    }
    return new RevisionStore(git);
  }

  get directory(): string {
    return this.#git.directory;
  }

  /** The revision that applies; undefined before the first. */
  async head(): Promise<string | undefined> {
    return await this.#resolve(HEAD);
  }

  /** Makes the commit of an entry, and keeps it: it does not apply by that. @returns its id, the same on every node */
  async put(entry: RevisionEntry): Promise<string> {
    const { text, ...info } = entry;
    const document = await this.#write(text);
    const about = await this.#write(entryText(info));
    const tree = await this.#git.run(["mktree"], {
      input: `100644 blob ${document}\t${DOCUMENT_FILE}\n100644 blob ${about}\t${ENTRY_FILE}\n`,
    });
    const { name, address, date } = commitPerson(info);
    const parent = info.parent === null ? [] : ["-p", info.parent];
    const commit = await this.#git.run(["commit-tree", tree.trim(), ...parent, "-F", "-"], {
      input: commitMessage(info),
      environment: {
        ...{ GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: address, GIT_AUTHOR_DATE: date },
        ...{ GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: address, GIT_COMMITTER_DATE: date },
      },
    });
    const id = revisionIdSchema.parse(commit.trim());
    // A name of its own: nothing that was ever put can be lost to git's housekeeping.
    await this.#git.run(["update-ref", `${REVISIONS}/${info.number}-${id.slice(0, 12)}`, id]);
    return id;
  }

  /** Lets a revision apply, in place of exactly `from`. */
  async advance(id: string, from: string | undefined): Promise<void> {
    await this.#git.run(["update-ref", "-m", "apply", HEAD, id, from ?? "0".repeat(40)]);
  }

  /** @throws ProblemError when there is none of this id */
  async revision(id: string): Promise<Revision> {
    const [revision] = await this.#read([id]);
    if (revision === undefined) throw noSuchRevision(id);
    return revision;
  }

  /** The id of the revision that has a number, among those that `head` comes from. */
  async idOf(number: number, head: string): Promise<string | undefined> {
    const ids = await this.#chain(head);
    return ids[ids.length - number];
  }

  /** The revisions that `head` comes from, itself first. */
  async list(head: string, limit: number): Promise<RevisionSummary[]> {
    const revisions = await this.#read((await this.#chain(head)).slice(0, limit));
    return revisions.map(({ text: _text, ...summary }) => summary);
  }

  /**
   * The revisions after `known` up to `head`, oldest first; at most `limit`.
   *
   * @returns undefined when `head` does not come from `known`: each side has something of its own
   */
  async after(known: string | undefined, head: string, limit: number): Promise<Revision[] | undefined> {
    const ids = await this.#chain(head);
    const place = known === undefined ? ids.length : ids.indexOf(known);
    if (place === -1) return undefined;
    return await this.#read(ids.slice(0, place).reverse().slice(0, limit));
  }

  /**
   * Checks every revision and the whole chain (verify-history.ts), beside whatever else is asked of the repository.
   *
   * @returns how many revisions lead to the one that applies @throws ProblemError when anything is wrong
   */
  async verify(pause: () => Promise<void> = async () => {}): Promise<number> {
    return await verifyHistory(this.#git, pause);
  }

  /** Sends the history to another repository (push-history.ts). */
  async push(url: string, options: { readonly mayMove: boolean }): Promise<boolean> {
    return await pushHistory(this.#git, url, options);
  }

  async #chain(head: string): Promise<string[]> {
    const output = await this.#git.run(["rev-list", "--first-parent", head, "--"]);
    return output.split("\n").filter((line) => line !== "");
  }

  async #resolve(name: string): Promise<string | undefined> {
    const { status, output } = await this.#git.ask(["rev-parse", "--verify", "--quiet", name]);
    return status === 0 ? output.trim() : undefined;
  }

  async #write(text: string): Promise<string> {
    return (await this.#git.run(["hash-object", "-w", "--stdin"], { input: text })).trim();
  }

  /** All of them by one process. */
  async #read(ids: readonly string[]): Promise<Revision[]> {
    if (ids.length === 0) return [];
    const names = ids.flatMap((id) => [`${id}:${ENTRY_FILE}`, `${id}:${DOCUMENT_FILE}`]);
    const output = await this.#git.run(["cat-file", "--batch"], { input: `${names.join("\n")}\n` });
    const texts = batchContents(output);
    return ids.map((id, place) => {
      const about = texts[2 * place];
      const text = texts[2 * place + 1];
      if (about === undefined || text === undefined) throw noSuchRevision(id);
      return { ...readInfo(about, id), text, id };
    });
  }
}

/** The answers of `git cat-file --batch`: a line `NAME TYPE BYTES`, the content, a line feed; or a line that ends in `missing`. */
function batchContents(output: string): (string | undefined)[] {
  const bytes = Buffer.from(output);
  const contents: (string | undefined)[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    if (end === -1) break;
    const [, , length] = bytes.toString("utf8", at, end).split(" ");
    at = end + 1;
    if (length === undefined) contents.push(undefined);
    else {
      contents.push(bytes.toString("utf8", at, at + Number(length)));
      at += Number(length) + 1;
    }
  }
  return contents;
}

function noSuchRevision(id: string): ProblemError {
  return new ProblemError({
    code: "no-such-revision",
    message: `there is no revision ${id}`,
    hint: "tocha config history lists them.",
  });
}
