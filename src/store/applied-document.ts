import { join } from "node:path";
import * as z from "zod";
import { revisionIdSchema } from "../contract/config-revision.ts";
import { readIfThere, removeDurably, writeDurably } from "./durable-file.ts";
import { TakenBackFile } from "./taken-back.ts";

/**
 * What a node runs, in its state folder: `document.yaml` once a document was applied, and `change.json` while a change is under
 * way. Before the first apply a node runs the file that it was started with.
 */

/** A change that is prepared, or made and not confirmed yet. */
export const pendingChangeSchema = z.strictObject({
  transaction: z.string().min(1).max(100),
  /**
   * `prepared`: nothing has changed yet. `made`: it applies, until it is confirmed or the time is over. `settled`: it stays; what is
   * left to do is done by whoever finds this.
   */
  phase: z.enum(["prepared", "made", "settled"]),
  /** The revision that it leads to. */
  id: revisionIdSchema,
  number: z.int().min(1),
  author: z.string(),
  message: z.string(),
  /** The node that carries it out. */
  coordinator: z.string(),
  /** The way back: the revision and the text before. Null: there was none, the node ran the file that it was started with. */
  previousId: revisionIdSchema.nullable(),
  previousText: z.string().nullable(),
  /** When it is given up: milliseconds since 1970, on this node's clock. */
  untilMs: z.number(),
  /** How long a confirmation is waited for. */
  confirmMs: z.number(),
});

export type PendingChange = z.output<typeof pendingChangeSchema>;

/**
 * In the run folder: the text that a node began with. People edit the file that it was of, and then ask for what they have
 * written to apply: before the first apply that is another text than the one that runs.
 */
export const startedFileName = "started.yaml";

export class AppliedDocument {
  readonly #document: string;
  readonly #pending: string;
  readonly takenBack: TakenBackFile;

  constructor(stateDirectory: string) {
    this.#document = join(stateDirectory, "document.yaml");
    this.#pending = join(stateDirectory, "change.json");
    this.takenBack = new TakenBackFile(stateDirectory);
  }

  /** Where the history is, beside it. */
  static repositoryIn(stateDirectory: string): string {
    return join(stateDirectory, "config.git");
  }

  /** The applied text; undefined before the first apply. */
  text(): string | undefined {
    return readIfThere(this.#document);
  }

  /** Null: as before the first apply. */
  write(text: string | null): void {
    if (text === null) removeDurably(this.#document);
    else writeDurably(this.#document, text);
  }

  /** The change that is under way. One that cannot be read is none: what it would lead back to is unknown. */
  pending(): PendingChange | undefined {
    const text = readIfThere(this.#pending);
    if (text === undefined) return undefined;
    try {
      return pendingChangeSchema.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  setPending(change: PendingChange | undefined): void {
    if (change === undefined) removeDurably(this.#pending);
    else writeDurably(this.#pending, `${JSON.stringify(change)}\n`);
  }

  /**
   * For a node that starts: a change that nobody confirmed before it ended is taken back. The control role tells people of it.
   *
   * @returns the change
   */
  goBack(): PendingChange | undefined {
    const change = this.pending();
    if (change === undefined || change.phase === "settled") return undefined;
    if (change.phase === "made") {
      this.write(change.previousText);
      this.takenBack.note(change, "it was not confirmed before this node ended", Date.now());
    }
    this.setPending(undefined);
    return change.phase === "made" ? change : undefined;
  }
}

/** The document that a node would run if it started now. */
export interface DocumentToRun {
  readonly text: string;
  /** For messages: where the text is from. */
  readonly file: string;
}

/**
 * The text that a node runs: the applied one, else that of the file that it is started with. Changes nothing.
 *
 * @throws what reading the files throws
 */
export function documentToRun(stateDirectory: string, file: string): DocumentToRun | undefined {
  const applied = new AppliedDocument(stateDirectory);
  const change = applied.pending();
  const text = change?.phase === "made" ? (change.previousText ?? undefined) : applied.text();
  if (text !== undefined) return { text, file: join(stateDirectory, "document.yaml") };
  const own = readIfThere(file);
  return own === undefined ? undefined : { text: own, file };
}
