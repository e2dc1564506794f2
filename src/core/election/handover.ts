import type { Problem } from "../../base/problem.ts";
import type { PulseHeir } from "../../wire/pulse.ts";
import type { ElectionEffect } from "./election-types.ts";
import { DRAIN_ANSWER_HEALTH_MS, DRAIN_ANSWER_MS, DRAIN_HEALTH_MS, DRAIN_PLANNED_MS } from "./timing.ts";

/**
 * Asked for by an operator; a face of the active is down; the active is set aside; its checks fail; a standby that ranks higher
 * wants to be active.
 */
export type HandoverReason = "planned" | "health" | "maintenance" | "check" | "priority";

/**
 * The handover that an active prepares, if any: first the standby gets everything, then the active resigns. From the start on
 * its pulses name the standby that is to take over, its heir, so that nobody else is quicker.
 */
export class Handover {
  #token = 0;
  #answerDueMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #refused: Problem | undefined;
  #reason: HandoverReason = "planned";
  #why = "";
  #to: string | undefined;
  #heir: string | undefined;

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

  /** The node that was asked for; undefined where any will do. */
  get to(): string | undefined {
    return this.#to;
  }

  get heir(): string | undefined {
    return this.#heir;
  }

  /** What a node that hands over, or has just done so, tells a peer. */
  heirFor(peer: string, isResigning: boolean): PulseHeir {
    if (this.#heir === undefined || !(this.isRunning || isResigning)) return "none";
    return peer === this.#heir ? "recipient" : "other";
  }

  get refused(): Problem | undefined {
    return this.#refused;
  }

  /** Users of a dead face wait for no other handover that is running, nor in the pause after one that was refused. */
  mayStart(nowMs: number, reason: HandoverReason): boolean {
    if (reason === "health") return !this.isRunning || this.#reason !== "health";
    return !this.isRunning && nowMs >= this.#notBeforeMs;
  }

  /** Takes the place of one that is running: an answer to that one's drain comes too late then. */
  start(
    nowMs: number,
    { reason, why, to, heir }: { reason: HandoverReason; why: string; to?: string | undefined; heir: string },
  ): ElectionEffect {
    const isUrgent = reason === "health";
    const limitMs = isUrgent ? DRAIN_HEALTH_MS : DRAIN_PLANNED_MS;
    this.#token += 1;
    this.#reason = reason;
    this.#why = why;
    this.#to = to;
    this.#heir = heir;
    this.#refused = undefined;
    this.#answerDueMs = nowMs + limitMs + (isUrgent ? DRAIN_ANSWER_HEALTH_MS : DRAIN_ANSWER_MS);
    return { do: "drain", token: this.#token, limitMs };
  }

  answers(token: number): boolean {
    return this.isRunning && token === this.#token;
  }

  /** It ends, and this is the node that takes over. */
  finish(heir: string): void {
    this.reset();
    this.#heir = heir;
  }

  /** It does not take place; another may start at `notBeforeMs`. */
  refuse(problem: Problem, notBeforeMs: number): void {
    this.reset();
    this.#refused = problem;
    this.#notBeforeMs = notBeforeMs;
  }

  /** After every input. Who is not active hands over nothing; its heir stays named as long as it resigns. */
  settle(isActive: boolean): void {
    if (!isActive) this.reset();
    else if (!this.isRunning) this.#heir = undefined;
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

const noStandbyProblem: Problem = {
  code: "switchover-no-standby",
  message: "no living standby has a complete connection table",
  hint: "see the peers and their replication in: tocha status",
};

function onlySetAsideProblem(first: string, others: readonly string[]): Problem {
  const who = others.length === 0 ? `${first} is` : `${[first, ...others].join(" and ")} are`;
  return {
    code: "switchover-no-standby",
    message: `${who} set aside, and no other living standby has a complete connection table`,
    hint: `tocha node resume ${first}`,
  };
}

function notReadyProblem(to: string): Problem {
  return {
    code: "switchover-not-ready",
    message: `${to} could not take over: it is no living standby with a complete connection table`,
    hint: "tocha failover why says what each node is like; without --to the best standby takes over",
  };
}

function setAsideProblem(to: string): Problem {
  return {
    code: "switchover-not-ready",
    message: `${to} is set aside: a switchover does not go to it`,
    hint: `tocha node resume ${to}`,
  };
}

/**
 * @param to the node that was asked for, if any
 * @param setAside the living standbys that somebody has set aside
 */
export function noTargetProblem(to: string | undefined, setAside: readonly string[]): Problem {
  if (to !== undefined) return setAside.includes(to) ? setAsideProblem(to) : notReadyProblem(to);
  const [first, ...others] = setAside;
  return first === undefined ? noStandbyProblem : onlySetAsideProblem(first, others);
}

/** @param isReasonGone else it stands, but nobody is better off any more */
export function notNeededProblem(isReasonGone: boolean): Problem {
  return {
    code: "switchover-not-needed",
    message: isReasonGone ? "the reason to hand over is gone" : "no standby would serve better any more",
    hint: "tocha failover why says what each node is like",
  };
}

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
