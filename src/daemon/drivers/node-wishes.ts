import { type Problem, ProblemError } from "../../base/problem.ts";
import { type ForeseenSwitchover, foreseenSwitchoverSchema } from "../../contract/failover-why.ts";
import { pathOf } from "../../contract/operation.ts";
import {
  type ClusterStatus,
  problemSchema,
  type SwitchoverAnswer,
  type SwitchoverRequest,
  switchoverAnswerSchema,
} from "../../contract/status.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { RoleQuestions } from "../role-questions.ts";
import type { FailoverReport } from "../role-report.ts";
import { chooseGroup } from "./choose-group.ts";
import type { FailoverAnswers } from "./failover-answers.ts";
import { authorOf, type Caller, type OperationCall } from "./operation-dispatch.ts";
import type { AskPeer, PeerAnswer } from "./peer-client.ts";

const SWITCHOVER_LIMIT_MS = 5_000;
const SWITCHOVER_POLL_MS = 20;

export interface NodeWishesOptions {
  readonly settings: NodeSettings;
  readonly roles: RoleQuestions;
  readonly failover: FailoverAnswers;
  readonly clusterStatus: () => Promise<ClusterStatus>;
  readonly askPeer: AskPeer;
}

/** Carries out what people wish of the nodes: here, or on the node that it concerns. */
export class NodeWishes {
  readonly #options: NodeWishesOptions;

  constructor(options: NodeWishesOptions) {
    this.#options = options;
  }

  /** What one node is asked is done there, whichever node hears of it. */
  async atNode<T extends { readonly node: string; readonly by?: string | undefined }>(
    { body, caller, operation }: OperationCall<T>,
    carryOut: (wish: T & { readonly by: string }) => unknown,
  ): Promise<unknown> {
    const wish = { ...body, by: authorOf(body.by, caller) };
    if (wish.node === this.#options.settings.node) return await carryOut(wish);
    this.#checkNode(wish.node);
    return await this.#passOn(wish.node, caller, { path: pathOf(operation), wish });
  }

  #checkNode(name: string): void {
    const { nodes } = this.#options.settings.document;
    if (Object.hasOwn(nodes, name)) return;
    const hint = `Nodes: ${Object.keys(nodes).join(", ")}.`;
    throw new ProblemError({ code: "no-such-node", message: `there is no node ${name}`, hint });
  }

  /** A switchover is asked for on any node, and carried out by the one that is active. */
  async switchover({
    body: wish,
    caller,
  }: OperationCall<SwitchoverRequest>): Promise<SwitchoverAnswer | ForeseenSwitchover> {
    const status = await this.#options.clusterStatus();
    const group = chooseGroup(status, wish);
    const { activeNode } = group;
    if (activeNode === null)
      throw new ProblemError({
        code: "no-active-node",
        message: status.summary,
        hint: "tocha status says why.",
      });
    const { to } = wish;
    if (to === activeNode)
      throw new ProblemError({ code: "already-active", message: `${to} is active already` });
    if (to !== undefined) this.#checkNode(to);
    if (activeNode !== this.#options.settings.node) {
      const schema = wish.dryRun === true ? foreseenSwitchoverSchema : switchoverAnswerSchema;
      return schema.parse(await this.#passOn(activeNode, caller, { path: "/v1/switchover", wish: wish }));
    }
    const foreseen = await this.#options.failover.foreseeSwitchover(status, { group: group.name, to });
    if (wish.dryRun === true) return foreseen;
    const problem = await this.#beginSwitchover(group.name, wish);
    if (problem !== undefined) throw new ProblemError(problem);
    return await this.#waitForSwitchover(group.name);
  }

  /** @returns the answer of another node */
  async #passOn(
    node: string,
    caller: Caller,
    { path, wish }: { readonly path: string; readonly wish: unknown },
  ): Promise<unknown> {
    const peer = this.#options.settings.peers.find(({ name }) => name === node);
    // Only the wish of a person is passed on: two nodes that disagree must not send it back and forth.
    if (peer === undefined || caller.kind === "node") {
      throw new ProblemError({
        code: "not-active",
        message: `${this.#options.settings.node} is not active`,
        hint: "Try again in a moment.",
      });
    }
    let answer: PeerAnswer;
    try {
      answer = await this.#options.askPeer({
        ...({ peer, method: "POST", path, body: wish } as const),
        limitMs: SWITCHOVER_LIMIT_MS + 1_000,
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const hint = `Does tocha run on ${node}, and is the sync link whole? tocha status`;
      throw new ProblemError({ code: "node-unreachable", message: `${node} does not answer: ${why}`, hint });
    }
    if (answer.status === 200) return answer.body;
    const problem = problemSchema.parse(answer.body);
    throw new ProblemError({
      code: problem.code,
      message: problem.message,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    });
  }

  async #beginSwitchover(group: string, wish: SwitchoverRequest): Promise<Problem | undefined> {
    const { reason = "asked for", to } = wish;
    const answer = await this.#options.roles.request("failover", (request) => ({
      ...{ kind: "switchover", group, request, reason },
      ...(to === undefined ? {} : { to }),
    }));
    if (answer?.kind !== "switchover-answer") {
      return {
        code: "no-answer",
        message: "the failover role does not answer",
        hint: "tocha status; it is started again by itself.",
      };
    }
    return answer.problem;
  }

  async #waitForSwitchover(group: string): Promise<SwitchoverAnswer> {
    const deadline = Date.now() + SWITCHOVER_LIMIT_MS;
    while (Date.now() < deadline) {
      const report = await this.#options.roles.ask<FailoverReport>("failover");
      const view = report?.groups.find(({ name }) => name === group)?.view;
      if (
        view !== undefined &&
        view.role !== "active" &&
        view.activeNode !== undefined &&
        view.activeNode !== this.#options.settings.node
      ) {
        return { ok: true, group, from: this.#options.settings.node, to: view.activeNode };
      }
      if (view?.role === "active" && !view.draining && view.handoverRefused !== undefined)
        throw new ProblemError(view.handoverRefused);
      await new Promise((resolve) => setTimeout(resolve, SWITCHOVER_POLL_MS));
    }
    throw new ProblemError({
      code: "switchover-unfinished",
      message: `no other node was seen active within ${SWITCHOVER_LIMIT_MS / 1_000} s`,
      hint: "tocha status shows who is active now.",
    });
  }
}
