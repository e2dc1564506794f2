import type { Problem } from "../../base/problem.ts";
import type { ElectionEffect } from "./election-types.ts";
import { DRAIN_ANSWER_HEALTH_MS, DRAIN_ANSWER_MS, DRAIN_HEALTH_MS, DRAIN_PLANNED_MS } from "./timing.ts";

/**
 * Asked for by an operator; a face of the active is down; the active is set aside; its checks fail; a standby that ranks higher
 * wants to be active.
 */
export type HandoverReason = "planned" | "health" | "maintenance" | "check" | "priority";

/** The handover that an active prepares, if any: first the standby gets everything, then the active resigns. */
export class Handover {
  #token = 0;
  #answerDueMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #refused: Problem | undefined;
  #reason: HandoverReason = "planned";
  #why = "";

  get isRunning(): boolean {
    return this.#answerDueMs !== Number.POSITIVE_INFINITY;
  }

  /** When the answer of the replicator is given up; Infinity when none is awaited. */
  get deadline(): number {
    return this.#answerDueMs;
  }

  get reason(): HandoverReason {
    return this.#reason;
  }

  /** For the sentence "it handed over to gw2: ...". */
  get why(): string {
    return this.#why;
  }

  get refused(): Problem | undefined {
    return this.#refused;
  }

  mayStart(nowMs: number): boolean {
    return !this.isRunning && nowMs >= this.#notBeforeMs;
  }

  start(nowMs: number, reason: HandoverReason, why: string): ElectionEffect {
    const isUrgent = reason === "health";
    const limitMs = isUrgent ? DRAIN_HEALTH_MS : DRAIN_PLANNED_MS;
    this.#token += 1;
    this.#reason = reason;
    this.#why = why;
    this.#refused = undefined;
    this.#answerDueMs = nowMs + limitMs + (isUrgent ? DRAIN_ANSWER_HEALTH_MS : DRAIN_ANSWER_MS);
    return { do: "drain", token: this.#token, limitMs };
  }

  answers(token: number): boolean {
    return this.isRunning && token === this.#token;
  }

  /** It does not take place; another may start at `notBeforeMs`. */
  refuse(problem: Problem, notBeforeMs: number): void {
    this.reset();
    this.#refused = problem;
    this.#notBeforeMs = notBeforeMs;
  }

  reset(): void {
    this.#answerDueMs = Number.POSITIVE_INFINITY;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    this.#refused = undefined;
  }
}

export const handoverRunningProblem: Problem = {
  code: "switchover-running",
  message: "a handover is already running",
  hint: "wait a second, then look at: tocha status",
};

export const noStandbyProblem: Problem = {
  code: "switchover-no-standby",
  message: "no living standby has a complete connection table",
  hint: "see the peers and their replication in: tocha status",
};

export const stalledProblem: Problem = {
  code: "switchover-stalled",
  message: "the active node was stalled meanwhile, and first listens whether another took over",
  hint: "see the lateness in tocha status, then try again",
};

export function notActiveProblem(node: string, activeNode: string | undefined): Problem {
  return {
    code: "switchover-not-active",
    message: `${node} is not active, so it has nothing to hand over`,
    hint: activeNode === undefined ? "no active node is known: tocha status" : `ask ${activeNode}`,
  };
}

export function drainFailedProblem(standby: string): Problem {
  return {
    code: "switchover-not-drained",
    message: `${standby} did not confirm all connections in time`,
    hint: "look at the replication lag in tocha status, then try again",
  };
}
