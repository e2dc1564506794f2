import { type Problem, ProblemError } from "../../base/problem.ts";
import type { CallerWay } from "../../contract/caller-way.ts";
import type { ForeseenChoice } from "../../contract/config-choice.ts";
import type {
  ApplyAnswer,
  ApplyWish,
  ChooseWish,
  ConfigState,
  PrepareRequest,
  TransactionAnswer,
} from "../../contract/config-operations.ts";
import type { Plan } from "../../contract/config-plan.ts";
import type { Revision, RevisionEntry } from "../../contract/config-revision.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import type { KnownUser } from "../../core/access/declared-users.ts";
import { affectedParts } from "../../core/config/affected-parts.ts";
import { makeOrder } from "../../core/config/make-order.ts";
import { planSentences } from "../../core/config/plan-sentences.ts";
import { readDocumentOnce } from "../read-document-once.ts";
import { ChangePlanner } from "./change-planner.ts";
import { ConfigPeers, type ConfigPeersOptions, wentApart } from "./config-peers.ts";
import { headOf } from "./foresee-choice.ts";
import { onEach } from "./on-each-node.ts";
import type { AnswerLimits } from "./peer-client.ts";
import { busy, newTransaction } from "./pending-changes.ts";
import { refuseHazards, wrongDocument } from "./refused-document.ts";

/** Rules are checked by nft, and git writes to the disk. */
const PREPARE_LIMIT_MS = 45_000;
/** Roles may be started again. */
const MAKE_LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 4_000;
/** After a role was started again a node is waited for: its table must be complete before the next one follows. */
const READY_LIMIT_MS = 120_000;
const READY_POLL_MS = 100;
/** Revisions in one answer. */
export const REVISIONS_AT_ONCE = 50;

export interface ClusterConfigOptions extends ConfigPeersOptions {
  readonly status: () => Promise<ClusterStatus>;
  /** Whom the nodes keep, whatever the document says. */
  readonly knownUsers: () => readonly KnownUser[];
}

/** A change that this node carries out. */
interface Carried {
  readonly transaction: string;
  readonly number: number;
  readonly nodes: readonly string[];
}

/**
 * Carries a change out on all nodes or on none: prepared everywhere, then made, then settled when the caller says so. Follows what
 * other nodes have settled while this one was away.
 */
export class ClusterConfig {
  readonly #options: ClusterConfigOptions;
  readonly #peers: ConfigPeers;
  readonly #planner: ChangePlanner;
  #carried: Carried | undefined;
  #isApplying = false;

  constructor(options: ClusterConfigOptions) {
    this.#options = options;
    this.#peers = new ConfigPeers(options);
    this.#planner = new ChangePlanner(options);
  }

  get refusedBy(): ConfigPeers["refusedBy"] {
    return this.#peers.refusedBy;
  }

  /** @throws ProblemError when it cannot be made on every node that answers; nothing has changed then */
  async apply(wish: ApplyWish): Promise<ApplyAnswer> {
    if (this.#isApplying) {
      const hint = "Wait until it has ended: tocha config state.";
      throw new ProblemError({ code: "config-busy", message: "another change is being made", hint });
    }
    this.#isApplying = true;
    try {
      return await this.#apply(wish);
    } finally {
      this.#isApplying = false;
    }
  }

  /** @returns what the text would change, for whoever asks from there */
  async plan(
    document: { readonly text: string; readonly name: string },
    caller: CallerWay | undefined,
  ): Promise<Plan> {
    return await this.#planner.plan(document, caller);
  }

  async #apply(wish: ApplyWish): Promise<ApplyAnswer> {
    const { node } = this.#options;
    const name = "the document";
    const after = readDocumentOnce(wish.text, name);
    if (after.document === undefined) throw wrongDocument(after.problems, name);
    const states = await this.#peers.states();
    await this.#peers.follow(states);
    this.#checkBase(wish, states);
    const before = node.settings.document;
    const plan = await this.#acceptable(wish);
    const revisions = await this.#newRevisions(wish, planSentences(plan));
    const last = revisions.at(-1);
    if (last === undefined) throw new Error("a change has a revision");
    const transaction = newTransaction();
    const confirmMs = wish.confirmSeconds * 1_000;
    // A node that is removed is not asked: it cannot run a document without it, and is refused from then on. This one is.
    const { nodes } = after.document;
    const stays = (name: string) => name === node.settings.node || Object.hasOwn(nodes, name);
    const here = [...states.keys()].filter(stays);
    const prepared = await onEach(here, async (name) => {
      const missing = await this.#missingOn(name, states, revisions);
      const coordinator = node.settings.node;
      const request: PrepareRequest = { transaction, coordinator, revisions: missing, confirmMs };
      await this.#step(name, "prepare", request, PREPARE_LIMIT_MS, () => node.prepare(request));
    });
    await this.#giveUpAfter(transaction, here, prepared);
    const failures = await this.#make(transaction, here, { before, after: after.document });
    await this.#giveUpAfter(transaction, here, failures);
    this.#carried = { transaction, number: last.number, nodes: here };
    const away = node.settings.peers
      .map(({ name }) => name)
      .filter((name) => stays(name) && !states.has(name));
    return {
      ...{ transaction, id: last.id, number: last.number, plan: last.plan },
      nodes: [
        ...here.map((name) => ({ name, state: "made" as const })),
        ...away.map((name) => ({ name, state: "away" as const })),
      ],
      confirmSeconds: wish.confirmSeconds,
      startsAgain: affectedParts(before, after.document, node.settings.node).has("control"),
    };
  }

  /** What was made stays. The others first: then the history is on several disks before this node says that it stays. */
  async confirm(transaction: string | undefined): Promise<TransactionAnswer> {
    const carried = this.#find(transaction);
    const own = this.#options.node.settings.node;
    const others = carried.nodes.filter((name) => name !== own);
    const body = { transaction: carried.transaction };
    const failed = await onEach(others, (name) =>
      this.#step(name, "settle", body, SETTLE_LIMIT_MS, async () => {}),
    );
    await this.#options.node.settle(carried.transaction);
    this.#carried = undefined;
    return answerOf(carried, failed);
  }

  /** What was made is taken back on all nodes. */
  async revert(transaction: string | undefined): Promise<TransactionAnswer> {
    const carried = this.#find(transaction);
    const failed = await this.#giveUp(carried.transaction, carried.nodes);
    this.#carried = undefined;
    return answerOf(carried, failed);
  }

  /** Looks what the other nodes have, and catches up with the one that is ahead. @returns whether every node was heard */
  async compare(limits: AnswerLimits): Promise<boolean> {
    const states = await this.#peers.states(limits);
    await this.#peers.follow(states);
    return states.size === this.#options.node.settings.peers.length + 1;
  }

  /** Whether another node has settled this revision. */
  async isConfirmedElsewhere(id: string): Promise<boolean> {
    const states = await this.#peers.states();
    const own = this.#options.node.settings.node;
    return [...states].some(([name, state]) => name !== own && state.head?.id === id);
  }

  /** Of histories that went apart, that of one node counts from now on, on all nodes that answer. */
  async choose({ node: chosen, id }: ChooseWish): Promise<TransactionAnswer> {
    const { node } = this.#options;
    const states = await this.#statesNow();
    const head = headOf(chosen, states, id);
    const revisions = (await node.store.after(undefined, head.id, REVISIONS_AT_ONCE * 1_000)) ?? [];
    const differing = [...states].filter(([, state]) => state.head?.id !== head.id).map(([name]) => name);
    const failed = await onEach(differing, (name) =>
      this.#step(name, "adopt", { id: head.id, revisions }, MAKE_LIMIT_MS, () => node.choose(head.id)),
    );
    return answerOf({ transaction: head.id, number: head.number, nodes: [...states.keys()] }, failed);
  }

  /** What choose would do. */
  async foreseeChoice({ node: chosen }: ChooseWish, caller: CallerWay | undefined): Promise<ForeseenChoice> {
    return await this.#planner.choice(chosen, await this.#statesNow(), caller);
  }

  /** When this node has all that the others have. */
  async #statesNow(): Promise<Map<string, ConfigState>> {
    const { node } = this.#options;
    const states = await this.#peers.states();
    await this.#peers.follow(states);
    return states.set(node.settings.node, node.state());
  }

  /** @throws ProblemError where the change is better not made */
  async #acceptable({ text, force, caller }: ApplyWish): Promise<Plan> {
    const plan = await this.plan({ text, name: "wished" }, caller);
    if (!force) refuseHazards(plan);
    return plan;
  }

  /** The revisions of a change: its own, and before the first one that which it begins with. */
  async #newRevisions(wish: ApplyWish, plan: readonly string[]): Promise<Revision[]> {
    const { node } = this.#options;
    const at = `${new Date().toISOString().slice(0, 19)}Z`;
    const made: Revision[] = [];
    const make = async (entry: RevisionEntry) => made.push({ ...entry, id: await node.store.put(entry) });
    if (node.head === undefined) await make(node.firstEntry(at));
    const parent = made[0] ?? node.head;
    await make({
      ...{ number: (parent?.number ?? 0) + 1, parent: parent?.id ?? null, author: wish.author, at },
      ...{ message: wish.message, plan: [...plan], text: wish.text },
    });
    return made;
  }

  #checkBase({ base, text }: ApplyWish, states: ReadonlyMap<string, ConfigState>): void {
    const { node } = this.#options;
    for (const { change } of states.values()) if (change !== null) throw busy(change);
    const head = node.head?.id ?? null;
    if (base !== undefined && base !== head) {
      throw new ProblemError({
        code: "config-changed",
        message: `the configuration was changed meanwhile: ${node.head === undefined ? "no revision" : `revision ${node.head.number}`} applies`,
        hint: "Look at it, and make the change again: tocha config history, tocha config plan.",
      });
    }
    if (text === node.text) {
      const hint = "tocha config plan compares before.";
      throw new ProblemError({ code: "no-change", message: "this is the document that applies", hint });
    }
    for (const [name, state] of states) {
      const behind = state.head?.id ?? null;
      if (behind !== head && state.diverged.length > 0) throw wentApart(name);
    }
  }

  async #missingOn(
    name: string,
    states: ReadonlyMap<string, ConfigState>,
    revisions: readonly Revision[],
  ): Promise<Revision[]> {
    const { node } = this.#options;
    const theirs = states.get(name)?.head?.id;
    if (node.head === undefined || theirs === node.head.id) return [...revisions];
    const older = await node.store.after(theirs, node.head.id, 1_000);
    if (older === undefined) throw wentApart(name);
    return [...older, ...revisions];
  }

  /** Nodes whose roles are started again follow each other, the active ones last. @returns what failed, by node */
  async #make(
    transaction: string,
    nodes: readonly string[],
    { before, after }: Parameters<typeof makeOrder>[0],
  ): Promise<Map<string, Problem>> {
    const own = this.#options.node.settings.node;
    const active = await this.#activeNodes();
    const order = makeOrder({ before, after }, { nodes, active, carrying: own });
    for (const turn of order) {
      const failures = await onEach(turn.nodes, (name) =>
        this.#step(name, "make", { transaction }, MAKE_LIMIT_MS, () => this.#options.node.make(transaction)),
      );
      if (failures.size > 0) return failures;
      // This node comes last, and its control role may be about to start again: the answer must be out by then.
      const others = turn.nodes.filter((name) => name !== own);
      if (turn.waits && others.length > 0) {
        const late = await this.#untilReady(others);
        if (late !== undefined) return new Map([[others[0] ?? "", late]]);
      }
    }
    return new Map();
  }

  async #activeNodes(): Promise<ReadonlySet<string>> {
    const { nodes } = await this.#options.status();
    return new Set(nodes.filter(({ role }) => role === "active").map(({ name }) => name));
  }

  /** Until the nodes take part again, with every connection. @returns what is missing when the time is over */
  async #untilReady(names: readonly string[]): Promise<Problem | undefined> {
    const endMs = performance.now() + READY_LIMIT_MS;
    for (;;) {
      const { nodes } = await this.#options.status();
      const late = nodes.filter(
        ({ name, role, replication }) =>
          names.includes(name) && !(role === "active" || (role === "standby" && replication.complete)),
      );
      if (late.length === 0) return undefined;
      if (performance.now() > endMs) {
        const message = `${late.map(({ name }) => name).join(", ")} did not become ready within ${READY_LIMIT_MS / 1_000} s`;
        return { code: "not-ready", message, hint: "tocha status says what is missing." };
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  async #giveUpAfter(
    transaction: string,
    nodes: readonly string[],
    failures: ReadonlyMap<string, Problem>,
  ): Promise<void> {
    const [first] = failures;
    if (first === undefined) return;
    await this.#giveUp(transaction, nodes);
    const [name, problem] = first;
    const others = failures.size === 1 ? "" : ` (and on ${failures.size - 1} more)`;
    throw new ProblemError({
      ...problem,
      message: `on ${name}${others}: ${problem.message}; nothing has changed`,
    });
  }

  async #giveUp(transaction: string, nodes: readonly string[]): Promise<Map<string, Problem>> {
    const failed = new Map<string, Problem>();
    const active = await this.#activeNodes();
    // One after the other, the active ones last: roles may be started again by it.
    const order = [...nodes].sort((a, b) => Number(active.has(a)) - Number(active.has(b)));
    for (const name of order) {
      const one = await onEach([name], () =>
        this.#step(name, "give-up", { transaction }, MAKE_LIMIT_MS, () =>
          this.#options.node.giveUp(transaction),
        ),
      );
      for (const [node, problem] of one) failed.set(node, problem);
    }
    return failed;
  }

  /** One step of a change at one node, which may be this one. */
  async #step(
    name: string,
    step: string,
    body: unknown,
    limitMs: number,
    here: () => Promise<unknown>,
  ): Promise<void> {
    if (name === this.#options.node.settings.node) await here();
    else await this.#peers.ask(name, "POST", `/v1/config/${step}`, body, { limitMs });
  }

  /** The change that is under way on this node. Which nodes take part is known to the one that carries it out; else all may. */
  #find(transaction: string | undefined): Carried {
    const { settings } = this.#options.node;
    const { change } = this.#options.node.state();
    if (change === null || (transaction !== undefined && transaction !== change.transaction)) {
      throw new ProblemError({
        code: "no-such-change",
        message: "no change waits to be confirmed: it was settled, or taken back",
        hint: "tocha config history shows what applies.",
      });
    }
    if (change.transaction === this.#carried?.transaction) return this.#carried;
    const nodes = [settings.node, ...settings.peers.map(({ name }) => name)];
    return { transaction: change.transaction, number: change.number, nodes };
  }
}

function answerOf({ number, nodes }: Carried, failed: ReadonlyMap<string, Problem>): TransactionAnswer {
  return {
    ok: true,
    number,
    nodes: nodes.map((name) => ({ name, problem: failed.get(name)?.message ?? null })),
  };
}
