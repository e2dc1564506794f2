import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type Problem, ProblemError } from "../../base/problem.ts";
import type { Config, ConfigState, PrepareRequest, TakenBack } from "../../contract/config-operations.ts";
import type { Revision, RevisionEntry } from "../../contract/config-revision.ts";
import { documentRevision } from "../../contract/document-revision.ts";
import { AppliedDocument, type PendingChange, startedFileName } from "../../store/applied-document.ts";
import { readIfThere } from "../../store/durable-file.ts";
import { RevisionStore } from "../../store/revision-store.ts";
import type { NodeSettings } from "../node-settings.ts";
import { readDocumentOnce } from "../read-document-once.ts";
import { settingsOf } from "../read-settings.ts";
import type { LogLevel } from "../role-message.ts";
import { differingFile, followDocument } from "./edited-file.ts";
import { busy, gone, newTransaction, outOfStep, viewOf } from "./pending-changes.ts";
import { allOf } from "./refused-document.ts";

/** A prepared change whose coordinator is not heard of again is given up. */
const PREPARED_LIMIT_MS = 30_000;
/** An active node waits longer before it takes a change back by itself, so that not all do it at once. */
const ACTIVE_WAITS_MS = 5_000;

export interface NodeConfigOptions {
  /** What the node runs. */
  readonly settings: NodeSettings;
  /** Makes the node run other settings. @returns what went wrong, in words */
  readonly use: (settings: NodeSettings) => Promise<readonly string[]>;
  /** Whether they could be used, as far as that can be known without changing anything. @returns what is wrong, in words */
  readonly check: (settings: NodeSettings) => Promise<readonly string[]>;
  /** Whether this node is active for a group. */
  readonly isActive: () => boolean;
  /** Whether another node has confirmed the revision already. */
  readonly isConfirmedElsewhere: (id: string) => Promise<boolean>;
  readonly log: (level: LogLevel, text: string) => void;
  /** Tells the people at the terminals. */
  readonly announce: (text: string) => void;
  /** A change was taken back: for the audit log. */
  readonly onTakenBack: (takenBack: TakenBack) => void;
}

/**
 * The document on this node: its history, what applies, and a change that is under way. The way back is on the disk before
 * anything changes. One step at a time; every step throws a ProblemError when it cannot be taken, and has changed nothing then.
 */
export class NodeConfig {
  readonly #options: NodeConfigOptions;
  readonly #applied: AppliedDocument;
  readonly #store: RevisionStore;
  #settings: NodeSettings;
  #head: { readonly id: string; readonly number: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #steps: Promise<unknown> = Promise.resolve();
  readonly #diverged = new Map<string, { readonly id: string; readonly number: number }>();

  private constructor(options: NodeConfigOptions, store: RevisionStore) {
    this.#options = options;
    this.#settings = options.settings;
    this.#applied = new AppliedDocument(options.settings.stateDirectory);
    this.#store = store;
  }

  /** @throws ProblemError when the history cannot be opened */
  static async open(options: NodeConfigOptions): Promise<NodeConfig> {
    const store = await RevisionStore.open(AppliedDocument.repositoryIn(options.settings.stateDirectory));
    const config = new NodeConfig(options, store);
    await config.#readHead();
    // The control role, or the node, may have ended in the middle of a change.
    const change = config.#applied.pending();
    if (change?.phase === "settled") await config.#step(() => config.#finish(change));
    else config.#watch();
    // A node that has started has gone back before there was anybody to tell it.
    config.#tellTakenBack();
    return config;
  }

  get store(): RevisionStore {
    return this.#store;
  }

  get head(): { readonly id: string; readonly number: number } | undefined {
    return this.#head;
  }

  get settings(): NodeSettings {
    return this.#settings;
  }

  /** The text that the node runs. */
  get text(): string {
    const { runDirectory, configFile } = this.#settings;
    const started = () =>
      readIfThere(join(runDirectory, startedFileName)) ?? readFileSync(configFile, "utf8");
    return this.#applied.text() ?? started();
  }

  get config(): Config {
    return { head: this.#head ?? null, revision: this.#settings.revision, text: this.text };
  }

  /** All but what is known of a remote repository. */
  state(): ConfigState {
    const change = this.#applied.pending();
    const takenBack = this.#applied.takenBack.shown(Date.now());
    return {
      node: this.#settings.node,
      head: this.#head ?? null,
      revision: this.#settings.revision,
      change: change === undefined ? null : viewOf(change),
      ...(takenBack === undefined ? {} : { takenBack }),
      diverged: [...this.#diverged].map(([node, head]) => ({ node, ...head })),
      fileDiffers: differingFile(this.#settings, this.#applied.text()),
    };
  }

  /** What the first apply begins with: the document as it runs. */
  firstEntry(at: string): RevisionEntry {
    return {
      ...{ number: 1, parent: null, author: "tocha", at, plan: [], text: this.text },
      message: "The document before the first change",
    };
  }

  /** Checks the revision and all that leads to it, and keeps them. Nothing changes. */
  prepare(request: PrepareRequest): Promise<void> {
    return this.#step(async () => {
      const change = this.#applied.pending();
      if (change !== undefined && change.transaction !== request.transaction) throw busy(change);
      const last = request.revisions.at(-1);
      if (last === undefined) throw new ProblemError({ code: "bad-request", message: "no revision" });
      this.#checkStart(request.revisions);
      const settings = this.#settingsOf(last.text);
      const failures = await this.#options.check(settings);
      if (failures.length > 0)
        throw new ProblemError({ code: "change-refused", message: failures.join("; ") });
      await this.#keep(request.revisions);
      this.#applied.setPending({
        ...{ transaction: request.transaction, phase: "prepared", id: last.id, number: last.number },
        ...{ author: last.author, message: last.message, coordinator: request.coordinator },
        ...{ previousId: this.#head?.id ?? null, previousText: this.#applied.text() ?? null },
        ...{ untilMs: Date.now() + PREPARED_LIMIT_MS, confirmMs: request.confirmMs },
      });
      this.#watch();
    });
  }

  /** Makes the prepared change. It is taken back when nobody confirms it in time. */
  make(transaction: string): Promise<void> {
    return this.#step(async () => {
      const change = this.#pending(transaction);
      if (change.phase === "made") return;
      const { text } = await this.#store.revision(change.id);
      const settings = this.#settingsOf(text);
      const made: PendingChange = { ...change, phase: "made", untilMs: Date.now() + change.confirmMs };
      // In this order: whenever the power fails, the node starts with the text before.
      this.#applied.setPending(made);
      this.#applied.write(text);
      const failures = await this.#use(settings);
      if (failures.length > 0) {
        await this.#goBack(made, `it could not be made: ${failures.join("; ")}`);
        throw new ProblemError({ code: "change-refused", message: failures.join("; ") });
      }
      this.#options.log(
        "info",
        `revision ${made.number} of ${made.author} applies; it waits to be confirmed`,
      );
      this.#watch();
    });
  }

  /** The change stays. Also for who is told twice. */
  settle(transaction: string): Promise<void> {
    return this.#step(async () => {
      const change = this.#applied.pending();
      if (change?.transaction !== transaction || change.phase !== "made") throw gone(transaction);
      await this.#settle(change);
    });
  }

  /** The change is taken back, or not made at all. Also for who is told twice. */
  giveUp(transaction: string): Promise<void> {
    return this.#step(async () => {
      const change = this.#applied.pending();
      if (change?.transaction !== transaction || change.phase === "settled") return;
      await this.#goBack(change, `${change.coordinator} gave it up`);
    });
  }

  /** What another node has confirmed while this one was away, oldest first. */
  catchUp(from: string, revisions: readonly Revision[]): Promise<void> {
    return this.#step(async () => {
      const last = revisions.at(-1);
      if (last === undefined) return;
      const change = this.#applied.pending();
      // The change that is under way here was confirmed there.
      if (change?.phase === "made" && change.id === last.id) return await this.#settle(change);
      if (change !== undefined) throw busy(change);
      this.#checkStart(revisions, { trusted: true });
      // What this machine cannot run is not begun.
      this.#settingsOf(last.text);
      await this.#keep(revisions);
      await this.#adopt(last, from);
      this.#options.log("info", `caught up with ${from}: revision ${last.number} of ${last.author} applies`);
    });
  }

  /** Another node's history went apart from this one's: its revisions are kept beside. */
  noteDiverged(node: string, head: { readonly id: string; readonly number: number } | undefined): void {
    if (head === undefined) this.#diverged.delete(node);
    else if (this.#diverged.get(node)?.id !== head.id) {
      this.#diverged.set(node, head);
      const text = `the configuration went apart: ${node} has another revision ${head.number} than this node`;
      this.#options.log(
        "error",
        `${text}; nothing is merged by guess: tocha config diff --other ${node}, tocha config choose NODE`,
      );
    }
  }

  /** Keeps revisions without applying them. */
  keep(revisions: readonly Revision[]): Promise<void> {
    return this.#step(() => this.#keep(revisions));
  }

  /** The history of another node, which is kept here, counts from now on. This node's own stays in the repository. */
  choose(id: string): Promise<void> {
    return this.#step(async () => {
      const change = this.#applied.pending();
      if (change !== undefined) throw busy(change);
      const revision = await this.#store.revision(id);
      this.#settingsOf(revision.text);
      await this.#adopt(revision, this.#settings.node);
      this.#diverged.clear();
      this.#options.log("warning", `revision ${revision.number} (${id.slice(0, 12)}) was chosen: it applies`);
    });
  }

  /** What was confirmed elsewhere is made here without waiting for anybody. */
  async #adopt({ id, number, author, message }: Revision, coordinator: string): Promise<void> {
    await this.#settle({
      ...{ transaction: newTransaction(), phase: "made", id, number, author, message, coordinator },
      ...{ previousId: this.#head?.id ?? null, previousText: this.#applied.text() ?? null },
      ...{ untilMs: Date.now(), confirmMs: 1 },
    });
  }

  async #settle(change: PendingChange): Promise<void> {
    const settled: PendingChange = { ...change, phase: "settled" };
    this.#applied.setPending(settled);
    await this.#finish(settled);
  }

  /** Does what is left of a settled change, wherever it was left. */
  async #finish(change: PendingChange): Promise<void> {
    const { text } = await this.#store.revision(change.id);
    if (this.#applied.text() !== text) this.#applied.write(text);
    const settings = this.#settingsOf(text);
    if (settings.revision !== this.#settings.revision)
      for (const failure of await this.#use(settings)) this.#options.log("error", failure);
    if (this.#head?.id !== change.id) await this.#store.advance(change.id, this.#head?.id);
    this.#head = { id: change.id, number: change.number };
    this.#applied.setPending(undefined);
    this.#applied.takenBack.forget();
    this.#watch();
    const stays = followDocument(this.#settings, change.previousText, text);
    if (stays !== undefined) this.#options.log("info", stays);
    this.#options.log("info", `revision ${change.number} of ${change.author} is confirmed`);
  }

  async #goBack(change: PendingChange, why: string): Promise<void> {
    if (change.phase === "prepared") {
      this.#applied.setPending(undefined);
      this.#watch();
      return;
    }
    // First the text: a node that fails now starts with it.
    this.#applied.write(change.previousText);
    const failures = await this.#use(this.#settingsOf(this.text));
    this.#applied.takenBack.note(change, why, Date.now());
    this.#applied.setPending(undefined);
    this.#watch();
    this.#options.log("warning", `revision ${change.number} of ${change.author} was taken back: ${why}`);
    for (const failure of failures) this.#options.log("error", failure);
    this.#tellTakenBack();
  }

  #tellTakenBack(): void {
    const { untold } = this.#applied.takenBack;
    if (untold === undefined) return;
    const { number, author, why } = untold;
    const text = `revision ${number} of ${author} was taken back: ${why}`;
    this.#options.announce(`tocha on ${hostname()}, node ${this.#settings.node}: ${text}`);
    this.#options.onTakenBack(untold);
    this.#applied.takenBack.setTold();
  }

  async #use(settings: NodeSettings): Promise<readonly string[]> {
    const failures = await this.#options.use(settings);
    if (failures.length === 0) this.#settings = settings;
    return failures;
  }

  /** Gives up what nobody settles. */
  #watch(): void {
    clearTimeout(this.#timer);
    const change = this.#applied.pending();
    if (change === undefined || change.phase === "settled") return;
    const longestMs = change.phase === "made" ? change.confirmMs : PREPARED_LIMIT_MS;
    // A clock that was set must not make this wait for ever.
    const restMs = Math.min(Math.max(0, change.untilMs - Date.now()), longestMs);
    const extraMs = change.phase === "made" && this.#options.isActive() ? ACTIVE_WAITS_MS : 0;
    this.#timer = setTimeout(() => void this.#timeIsOver(change), restMs + extraMs);
  }

  async #timeIsOver(change: PendingChange): Promise<void> {
    const confirmed = change.phase === "made" && (await this.#options.isConfirmedElsewhere(change.id));
    await this.#step(async () => {
      const now = this.#applied.pending();
      if (now?.transaction !== change.transaction || now.phase !== change.phase) return;
      if (confirmed) await this.#settle(now);
      else await this.#goBack(now, "nobody confirmed it in time");
    }).catch((error: Error) => this.#options.log("error", error.message));
  }

  /** Each revision goes on where the one before ends, and the first where this node is. */
  #checkStart(revisions: readonly Revision[], { trusted = false } = {}): void {
    const [first] = revisions;
    if (first === undefined) return;
    for (const [place, { parent, number }] of revisions.entries()) {
      const before = place === 0 ? this.#head : revisions[place - 1];
      const goesOn = parent === (before?.id ?? null) && number === (before?.number ?? 0) + 1;
      if (!goesOn) throw outOfStep(this.#settings.node, this.#head?.number);
    }
    if (this.#head !== undefined || trusted) return;
    // The first revision is the document before the first change: that must be what runs here.
    const read = readDocumentOnce(first.text, "revision 1");
    if (read.document === undefined || documentRevision(read.document) !== this.#settings.revision) {
      throw new ProblemError({
        code: "revision-differs",
        message: `${this.#settings.node} runs another document`,
        hint: "Give all nodes the same file, and restart the one that differs; tocha status shows the revisions.",
      });
    }
  }

  async #keep(revisions: readonly Revision[]): Promise<void> {
    for (const { id, ...entry } of revisions) {
      const made = await this.#store.put(entry);
      if (made === id) continue;
      throw new ProblemError({
        code: "history-broken",
        message: `revision ${entry.number} becomes ${made} here and was ${id} where it comes from`,
        hint: "Compare the versions of tocha and git on both nodes.",
      });
    }
  }

  #settingsOf(text: string): NodeSettings {
    const { node, runDirectory, stateDirectory, configFile } = this.#settings;
    const place = { node, runDirectory, stateDirectory, configFile };
    const file = "the document";
    const settings = settingsOf({ text, file }, place);
    if (!Array.isArray(settings)) return settings;
    const problems = settings as [Problem, ...Problem[]];
    const message = problems.map((problem) => problem.message).join("; ");
    throw new ProblemError({ ...problems[0], message, problems: allOf(problems, file) });
  }

  async #readHead(): Promise<void> {
    const id = await this.#store.head();
    this.#head = id === undefined ? undefined : { id, number: (await this.#store.revision(id)).number };
  }

  #pending(transaction: string): PendingChange {
    const change = this.#applied.pending();
    if (change === undefined || change.transaction !== transaction) throw gone(transaction);
    return change;
  }

  /** One after the other. */
  #step<T>(work: () => Promise<T>): Promise<T> {
    const step = this.#steps.then(work);
    this.#steps = step.catch(() => {});
    return step;
  }
}
