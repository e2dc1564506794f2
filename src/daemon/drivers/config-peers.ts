import type * as z from "zod";
import { type Problem, ProblemError } from "../../base/problem.ts";
import { afterAnswerSchema, type ConfigState, configStateSchema } from "../../contract/config-operations.ts";
import type { Revision } from "../../contract/config-revision.ts";
import type { ProblemCode } from "../../contract/problem-codes.ts";
import { problemSchema } from "../../contract/status.ts";
import type { PeerSettings } from "../node-settings.ts";
import type { NodeConfig } from "./node-config.ts";
import type { AnswerLimits, PeerAnswer } from "./peer-client.ts";

const STATE_LIMIT_MS = 1_000;
const REVISIONS_LIMIT_MS = 10_000;

/** What a node hears that the others do not take for one of theirs. */
const refusals: ReadonlySet<string> = new Set<ProblemCode>(["node-not-in-document", "not-a-node"]);

export interface ConfigPeersOptions {
  readonly node: NodeConfig;
  readonly ask: (
    peer: PeerSettings,
    method: "GET" | "POST",
    path: string,
    body: unknown,
    limits: AnswerLimits,
  ) => Promise<PeerAnswer>;
  readonly log: (level: "info" | "warning" | "error", text: string) => void;
}

/** What the other nodes have of the document, and catching up with it. */
export class ConfigPeers {
  readonly #options: ConfigPeersOptions;
  /** By node that refuses this one, what it says. */
  readonly #refusals = new Map<string, string>();

  constructor(options: ConfigPeersOptions) {
    this.#options = options;
  }

  /** Of all nodes that answer, this one first. */
  async states(limits: AnswerLimits = { limitMs: STATE_LIMIT_MS }): Promise<Map<string, ConfigState>> {
    const { node } = this.#options;
    const states = new Map<string, ConfigState>([[node.settings.node, node.state()]]);
    await Promise.all(
      node.settings.peers.map(async ({ name }) => {
        try {
          const body = await this.ask(name, "GET", "/v1/config/state", undefined, limits);
          states.set(name, configStateSchema.parse(body));
          this.#refusals.delete(name);
        } catch (error) {
          // It is away, or has removed this node.
          this.#noteRefusal(name, error);
        }
      }),
    );
    return states;
  }

  /** The nodes whose document does not have this one. */
  get refusedBy(): NonNullable<ConfigState["refusedBy"]> {
    return [...this.#refusals].map(([node, message]) => ({ node, message }));
  }

  #noteRefusal(name: string, error: unknown): void {
    if (!(error instanceof ProblemError) || !refusals.has(error.problem.code)) return;
    const { message, hint = "" } = error.problem;
    if (this.#refusals.get(name) === message) return;
    this.#refusals.set(name, message);
    this.#options.log("error", `${name} refuses this node: ${message}. ${hint}`);
  }

  /** Catches up with nodes that are ahead. What fails is logged: it is tried again. */
  async follow(states: ReadonlyMap<string, ConfigState>): Promise<void> {
    const { node } = this.#options;
    for (const [name, { head }] of states) {
      if (head === null || name === node.settings.node) continue;
      try {
        await this.#followOne(name, head);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#options.log("warning", `cannot catch up with ${name}: ${why}`);
      }
    }
  }

  async #followOne(name: string, head: NonNullable<ConfigState["head"]>): Promise<void> {
    const { node } = this.#options;
    const own = node.head;
    const isHere =
      own?.id === head.id || (own !== undefined && (await node.store.idOf(head.number, own.id)) === head.id);
    if (!isHere) {
      const missed = await this.#missed(name, own?.id);
      if (missed === null) {
        await this.#keepAll(name);
        return node.noteDiverged(name, head);
      }
      // All of them at once: only the last one is made, and no older one for a moment.
      await node.catchUp(name, missed);
    }
    node.noteDiverged(name, undefined);
  }

  /** @returns what follows a revision; null when the histories went apart */
  async #missed(name: string, id: string | undefined): Promise<Revision[] | null> {
    const missed: Revision[] = [];
    for (let known = id; ; known = missed.at(-1)?.id) {
      const { revisions } = await this.#after(name, known);
      if (revisions === null) return null;
      if (revisions.length === 0) return missed;
      missed.push(...revisions);
    }
  }

  async #keepAll(name: string): Promise<void> {
    let known: string | undefined;
    for (;;) {
      const { revisions } = await this.#after(name, known);
      if (revisions === null || revisions.length === 0) return;
      await this.#options.node.keep(revisions);
      known = revisions.at(-1)?.id;
    }
  }

  async #after(name: string, id: string | undefined): Promise<z.output<typeof afterAnswerSchema>> {
    const path = `/v1/config/after${id === undefined ? "" : `?id=${id}`}`;
    return afterAnswerSchema.parse(
      await this.ask(name, "GET", path, undefined, { limitMs: REVISIONS_LIMIT_MS }),
    );
  }

  /** @throws ProblemError with the reason of a node that refuses */
  async ask(
    name: string,
    method: "GET" | "POST",
    path: string,
    body: unknown,
    limits: AnswerLimits,
  ): Promise<unknown> {
    const peer = this.#options.node.settings.peers.find((one) => one.name === name);
    if (peer === undefined) throw new Error(`no node ${name}`);
    const answer = await this.#options.ask(peer, method, path, body, limits);
    if (answer.status === 200) return answer.body;
    const { code, message, hint, problems } = problemSchema.parse(answer.body);
    throw new ProblemError({
      ...{ code, message },
      ...(hint === undefined ? {} : { hint }),
      ...(problems === undefined ? {} : { problems: problems as readonly Problem[] }),
    });
  }
}

export function wentApart(name: string): ProblemError {
  return new ProblemError({
    code: "config-diverged",
    message: `the history of ${name} and that of this node went apart`,
    hint: `See what is different (tocha config diff --other ${name}), then choose the node whose history counts: tocha config choose NODE.`,
  });
}
