import { spawn } from "node:child_process";
import type * as z from "zod";
import { ProblemError } from "../../base/problem.ts";
import {
  afterQuerySchema,
  type ConfigState,
  historyQueryOfConfigSchema,
} from "../../contract/config-operations.ts";
import { type Revision, revisionIdSchema } from "../../contract/config-revision.ts";
import { AppliedDocument } from "../../store/applied-document.ts";
import type { NodeSettings } from "../node-settings.ts";
import { ClusterConfig, type ClusterConfigOptions, REVISIONS_AT_ONCE } from "./cluster-config.ts";
import { VersionedAnswer } from "./control-answer.ts";
import { HistoryCheck } from "./history-check.ts";
import { HistoryRemote } from "./history-remote.ts";
import { NodeConfig, type NodeConfigOptions } from "./node-config.ts";
import { authorOf, type OperationHandlers, requireVersion, wayOf } from "./operation-dispatch.ts";

/**
 * At the start the node waits for it before it takes part. A peer whose machine does not take the connection is away: nobody waits for
 * that one. One that takes it and does not answer is busy, or starts itself.
 */
const FIRST_LOOK = { connectLimitMs: 500, limitMs: 5_000 } as const;
/** Of the texts in one answer: less than half of what a node reads of one (peer-client.ts), as JSON makes them longer. */
const ANSWER_TEXT_MAX = 4 << 20;
const LOOK_MS = 10_000;
const SOON_MS = 1_000;
const REMOTE_LOOK_MS = 2_000;
const ANNOUNCE_LIMIT_MS = 5_000;

export interface ConfigAnswersOptions extends Omit<NodeConfigOptions, "isConfirmedElsewhere" | "announce"> {
  readonly ask: ClusterConfigOptions["ask"];
  readonly status: ClusterConfigOptions["status"];
  readonly knownUsers: ClusterConfigOptions["knownUsers"];
}

type ConfigHandlers = Pick<OperationHandlers, Extract<keyof OperationHandlers, `config${string}`>>;

/** Answers what is asked about the cluster document, and follows the other nodes. */
export class ConfigAnswers {
  readonly #parts: Promise<{ readonly node: NodeConfig; readonly cluster: ClusterConfig }>;
  readonly #remote: HistoryRemote;
  readonly #check: HistoryCheck;
  readonly #settings: NodeSettings;
  #node: NodeConfig | undefined;
  #cluster: ClusterConfig | undefined;

  constructor(options: ConfigAnswersOptions) {
    this.#parts = open(options);
    this.#settings = options.settings;
    this.#remote = new HistoryRemote(options.log);
    this.#check = new HistoryCheck({
      directory: AppliedDocument.repositoryIn(options.settings.stateDirectory),
      log: options.log,
    });
    this.#parts.then(
      ({ node, cluster }) => {
        this.#node = node;
        this.#cluster = cluster;
      },
      // The node runs what applies all the same.
      (error: Error) => this.#check.failed(error),
    );
  }

  /** Catches up with a node that is ahead, before this one takes part. Never fails: what cannot be had now comes later. */
  async firstLook(): Promise<void> {
    const parts = await this.#parts.catch(() => undefined);
    if (parts === undefined) return;
    const heard = await parts.cluster.compare(FIRST_LOOK);
    void this.#lookOn(parts.cluster, heard);
    setInterval(() => void this.#remote.follow(parts.node), REMOTE_LOOK_MS);
    void this.#check.watch(parts.node.store);
  }

  /** Until every node was heard once, more often. */
  async #lookOn(cluster: ClusterConfig, heard: boolean): Promise<void> {
    for (let all = heard; ; ) {
      await new Promise((resolve) => setTimeout(resolve, all ? LOOK_MS : SOON_MS));
      const now = await cluster.compare({ limitMs: LOOK_MS / 2 }).catch(() => false);
      all ||= now;
    }
  }

  /** Undefined while the history is being opened. Of one that cannot be opened no more is known than why. */
  get state(): ConfigState | undefined {
    if (this.#node !== undefined) return this.#stateOf(this.#node);
    const { state: history } = this.#check;
    if (history === undefined) return undefined;
    const { node, revision } = this.#settings;
    return { node, revision, head: null, change: null, diverged: [], fileDiffers: null, history };
  }

  #stateOf(node: NodeConfig): ConfigState {
    const { state } = this.#remote;
    const refusedBy = this.#cluster?.refusedBy ?? [];
    return {
      ...node.state(),
      ...(refusedBy.length === 0 ? {} : { refusedBy }),
      ...(this.#check.state === undefined ? {} : { history: this.#check.state }),
      ...(state === undefined ? {} : { remote: { ...state } }),
    };
  }

  handlers(): ConfigHandlers {
    return {
      config: async () => {
        const { config } = (await this.#parts).node;
        return new VersionedAnswer(versionOf(config), config);
      },
      "config.state": async () => this.#stateOf((await this.#parts).node),
      "config.history": async ({ query }) => {
        const { node } = await this.#parts;
        const { limit } = checked(historyQueryOfConfigSchema, query);
        return { revisions: node.head === undefined ? [] : await node.store.list(node.head.id, limit) };
      },
      "config.revision": async ({ parameters }) => {
        const { node } = await this.#parts;
        return await node.store.revision(await idOf(node, parameters["revision"] ?? ""));
      },
      "config.plan": async ({ body, caller }) => await (await this.#parts).cluster.plan(body, wayOf(caller)),
      "config.apply": async (call) => {
        const { node, cluster } = await this.#parts;
        requireVersion(call, versionOf(node.config));
        const author = authorOf(call.body.author, call.caller);
        // What was checked now must still be so when the change begins.
        const base = call.ifMatch === undefined ? {} : { base: node.config.head?.id ?? null };
        return await cluster.apply({ ...call.body, ...base, author, caller: wayOf(call.caller) });
      },
      "config.confirm": async ({ body }) => (await this.#parts).cluster.confirm(body.transaction),
      "config.revert": async ({ body }) => (await this.#parts).cluster.revert(body.transaction),
      "config.choose": async ({ body, caller }) => {
        const { cluster } = await this.#parts;
        if (body.dryRun === true) return await cluster.foreseeChoice(body, wayOf(caller));
        return await cluster.choose(body);
      },
      "config.prepare": async ({ body }) => ok((await this.#parts).node.prepare(body)),
      "config.make": async ({ body }) => ok((await this.#parts).node.make(body.transaction)),
      "config.settle": async ({ body }) => ok((await this.#parts).node.settle(body.transaction)),
      "config.give-up": async ({ body }) => ok((await this.#parts).node.giveUp(body.transaction)),
      "config.adopt": async ({ body }) => {
        const { node } = await this.#parts;
        await node.keep(body.revisions);
        return await ok(node.choose(body.id));
      },
      "config.after": async ({ query }) => {
        const { node } = await this.#parts;
        const { id } = checked(afterQuerySchema, query);
        if (node.head === undefined) return { revisions: id === undefined ? [] : null, head: null };
        const revisions = await node.store.after(id, node.head.id, REVISIONS_AT_ONCE);
        return { revisions: revisions === undefined ? null : withinBytes(revisions), head: node.head.id };
      },
    };
  }
}

/** The first of them that fit into one answer together, and one in any case: whoever asks goes on from the last. */
function withinBytes(revisions: readonly Revision[]): readonly Revision[] {
  let bytes = 0;
  const end = revisions.findIndex(({ text }) => {
    bytes += text.length;
    return bytes > ANSWER_TEXT_MAX;
  });
  return end === -1 ? revisions : revisions.slice(0, Math.max(1, end));
}

/** The ETag of the document: the id of its revision. */
function versionOf({ head }: { readonly head: { readonly id: string } | null }): string {
  return head?.id ?? "none";
}

async function open(options: ConfigAnswersOptions) {
  let cluster: ClusterConfig | undefined;
  const node = await NodeConfig.open({
    ...options,
    isConfirmedElsewhere: async (id) => (await cluster?.isConfirmedElsewhere(id)) ?? false,
    announce,
  });
  const { ask, status, knownUsers, log } = options;
  cluster = new ClusterConfig({ node, ask, status, knownUsers, log });
  return { node, cluster };
}

/** Who sits at a terminal of this machine is told. Where that is not possible the log and the status say it, too. */
function announce(text: string): void {
  const child = spawn("wall", ["--nobanner"], {
    stdio: ["pipe", "ignore", "ignore"],
    timeout: ANNOUNCE_LIMIT_MS,
  });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  child.stdin.end(`${text}\n`);
}

async function idOf(node: NodeConfig, wish: string): Promise<string> {
  if (revisionIdSchema.safeParse(wish).success) return wish;
  const id =
    /^[1-9][0-9]{0,8}$/.test(wish) && node.head !== undefined
      ? await node.store.idOf(Number(wish), node.head.id)
      : undefined;
  if (id !== undefined) return id;
  throw new ProblemError({
    code: "no-such-revision",
    message: `there is no revision ${wish}`,
    hint: "tocha config history lists them.",
  });
}

async function ok(work: Promise<void>): Promise<{ readonly ok: true }> {
  await work;
  return { ok: true };
}

function checked<T extends z.ZodType>(schema: T, query: URLSearchParams): z.output<T> {
  const result = schema.safeParse(Object.fromEntries(query));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ProblemError({
    code: "bad-request",
    message: `the query is wrong at ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? "?"}`,
  });
}
