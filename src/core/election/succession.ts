import type { Problem } from "../../base/problem.ts";
import { drainFailedProblem, type HandoverReason, noTargetProblem, notNeededProblem } from "./handover.ts";
import { type Health, illness, isSeverelyIll } from "./health.ts";
import type { Neighbourhood } from "./neighbourhood.ts";
import type { Peer } from "./peer.ts";
import { CHECK_HOLD_MS_MAX, CHECK_HOLD_MS_MIN, DEAD_FACE_MS } from "./timing.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/** Why the active should hand over. */
export interface Occasion {
  readonly reason: HandoverReason;
  readonly why: string;
}

/** Who could take over from the active, and whether there is a reason to let it. */
export class Succession {
  readonly #health: Health;
  readonly #neighbourhood: Neighbourhood;
  /** Since when somebody is better by the checks; undefined when nobody is. */
  #betterSinceMs: number | undefined;
  /** Since when nothing can go through this node; undefined when something can. */
  #connectsNothingSinceMs: number | undefined;
  /** The node was set aside before it became active, which it did then. */
  #servesInNeed = false;
  #activeSinceMs = NEVER;
  /** Handovers of this node for its checks, not long ago. */
  #moves = 0;
  #lastMoveMs = NEVER;

  constructor(health: Health, neighbourhood: Neighbourhood) {
    this.#health = health;
    this.#neighbourhood = neighbourhood;
  }

  /**
   * The best standby that there is this reason to hand over to: `to` and no other if that is given, and the heir, who has been
   * named already, if it is fit still.
   */
  target(
    nowMs: number,
    reason: HandoverReason,
    { to, heir }: { readonly to?: string | undefined; readonly heir?: string | undefined } = {},
  ): Peer | undefined {
    const fit = this.#fit(nowMs, reason);
    if (to !== undefined) return fit.find(({ name }) => name === to);
    return fit.find(({ name }) => name === heir) ?? fit[0];
  }

  /** Those that there is this reason to hand over to, best first. */
  #fit(nowMs: number, reason: HandoverReason): readonly Peer[] {
    const candidates = this.#neighbourhood.candidates(nowMs);
    if (reason === "planned") return candidates;
    if (reason === "maintenance") return this.#substitutes(nowMs, candidates);
    const better = this.#better(nowMs, reason, candidates);
    return better.length === 0 && this.#isUseless(nowMs, reason) ? this.#inNeed(nowMs, reason) : better;
  }

  /** Nobody with every connection is better who is not set aside: the others, in the order in which they take over from a dead active. */
  #inNeed(nowMs: number, reason: HandoverReason): readonly Peer[] {
    const able = this.#better(nowMs, reason, this.#neighbourhood.able(nowMs));
    if (reason !== "health") return able;
    const setAside = this.#neighbourhood.fitInNeed(nowMs);
    const inReserve = setAside.filter((peer) => peer.isReserve(nowMs));
    return [...inReserve, ...able, ...setAside.filter((peer) => !inReserve.includes(peer))];
  }

  /**
   * Who is set aside hands over to no severely ill node, unless it would be one itself. While it serves in need, and something can go through
   * it, it gives nothing back to one that has a face down or a veto, or had it a moment ago: if that one flaps, each time costs its users as
   * long as an active waits for a dead face.
   */
  #substitutes(nowMs: number, candidates: readonly Peer[]): readonly Peer[] {
    const { maintenance, isSevereInService } = this.#health;
    if (maintenance === null) return [];
    if (maintenance.force) return candidates.length === 0 ? this.#neighbourhood.able(nowMs) : candidates;
    if (this.#servesInNeed && !this.#health.connectsNothing)
      return candidates.filter((peer) => peer.isStable(nowMs));
    if (isSevereInService) return candidates;
    return candidates.filter((peer) => !isSeverelyIll(peer.priority, peer.rank(nowMs).effectivePriority));
  }

  /** What this node could save for its connections by staying active is worth less than an active that serves. */
  #isUseless(nowMs: number, reason: HandoverReason): boolean {
    if (reason === "check") return this.#health.ailments.vetoed;
    const sinceMs = this.#connectsNothingSinceMs;
    return reason === "health" && sinceMs !== undefined && nowMs - sinceMs >= DEAD_FACE_MS;
  }

  #better(nowMs: number, reason: HandoverReason, peers: readonly Peer[]): readonly Peer[] {
    return peers.filter((peer) => {
      const { effectivePriority } = peer.rank(nowMs);
      // Equals stay where they are: addresses break ties between actives, they are no reason to move.
      if (effectivePriority <= this.#health.effectivePriority) return false;
      if (reason === "priority") return peer.wantsToBeActive;
      // Nor do equally ill ones move, although one of them has the higher priority.
      if (illness(peer.priority, effectivePriority) >= this.#health.illness) return false;
      return reason === "check" || this.#health.degraded;
    });
  }

  /** Why the active, which is that since `activeSinceMs`, should hand over now; undefined when it should not. */
  occasion(nowMs: number, activeSinceMs: number): Occasion | undefined {
    this.#noteNeed(activeSinceMs);
    if (!this.#health.connectsNothing) this.#connectsNothingSinceMs = undefined;
    else if ((this.#connectsNothingSinceMs ?? NEVER) < activeSinceMs) this.#connectsNothingSinceMs = nowMs;
    const isMoveDue = this.#isMoveDue(nowMs, activeSinceMs);
    // Every pulse asks: who could take over is looked up only where there is something to hand over for.
    if (this.#health.degraded && this.target(nowMs, "health") !== undefined)
      return { reason: "health", why: `interface down: ${this.#health.downFaces.join(", ")}` };
    if (this.#health.maintenance !== null && this.target(nowMs, "maintenance") !== undefined)
      return { reason: "maintenance", why: this.#health.maintenance?.why ?? "" };
    if (isMoveDue) return { reason: "check", why: this.#health.ailments.why };
    if (this.#neighbourhood.isWanted && this.target(nowMs, "priority") !== undefined)
      return { reason: "priority", why: "it ranks higher and preemption is on" };
    return undefined;
  }

  #noteNeed(activeSinceMs: number): void {
    const isSetAside = this.#health.maintenance !== null;
    this.#servesInNeed = isSetAside && (this.#servesInNeed || activeSinceMs !== this.#activeSinceMs);
    this.#activeSinceMs = activeSinceMs;
  }

  /** Whether a handover for this reason goes on although the standby did not confirm every connection in time. */
  mayLoseConnections(reason: HandoverReason): boolean {
    // A dead face does not wait for the last connections, nor does a node that cannot serve.
    if (reason === "health") return true;
    if (reason === "check") return this.#health.ailments.vetoed;
    return reason === "maintenance" && this.#health.maintenance?.force === true;
  }

  /** Why a handover that was prepared does not take place: to `target`, or to nobody where that is undefined. */
  refusal(
    nowMs: number,
    reason: HandoverReason,
    { to, target }: { readonly to: string | undefined; readonly target: Peer | undefined },
  ): Problem {
    if (target !== undefined) return drainFailedProblem(target.name);
    const isReasonGone = !this.#stands(reason);
    // An operator's goes to anybody with every connection; all others only to somebody better.
    const isNobodyBetter = reason !== "planned" && this.#neighbourhood.candidates(nowMs).length > 0;
    return isReasonGone || isNobodyBetter ? notNeededProblem(isReasonGone) : this.noTarget(nowMs, to);
  }

  /** Why nobody takes over, or not the node that was asked for. */
  noTarget(nowMs: number, to: string | undefined): Problem {
    return noTargetProblem(to, this.#neighbourhood.setAside(nowMs));
  }

  /** What a handover was started for is so still. */
  #stands(reason: HandoverReason): boolean {
    if (reason === "health") return this.#health.degraded;
    if (reason === "maintenance") return this.#health.maintenance !== null;
    if (reason === "check") return this.#health.ailments.why !== "";
    return reason === "planned" || this.#neighbourhood.isWanted;
  }

  /** This node has handed over. */
  moved(nowMs: number, reason: HandoverReason): void {
    this.#betterSinceMs = undefined;
    if (reason !== "check") return;
    this.#moves = nowMs - this.#lastMoveMs < 2 * CHECK_HOLD_MS_MAX ? this.#moves + 1 : 1;
    this.#lastMoveMs = nowMs;
  }

  /**
   * A check that fails moves the group only when the others have had time to find the same, and not soon after the role
   * has changed: if all of them lose a target, or it comes and goes, nothing is gained by moving.
   */
  #isMoveDue(nowMs: number, activeSinceMs: number): boolean {
    const { why, settleMs } = this.#health.ailments;
    if (why === "" || this.target(nowMs, "check") === undefined) {
      this.#betterSinceMs = undefined;
      return false;
    }
    this.#betterSinceMs ??= nowMs;
    return nowMs - this.#betterSinceMs >= settleMs && nowMs - activeSinceMs >= this.#holdMs(nowMs);
  }

  /** The minimum time between becoming active and a handover for a check; longer for who hands over again and again. */
  #holdMs(nowMs: number): number {
    if (nowMs - this.#lastMoveMs >= 2 * CHECK_HOLD_MS_MAX) return CHECK_HOLD_MS_MIN;
    return Math.min(CHECK_HOLD_MS_MAX, CHECK_HOLD_MS_MIN * 2 ** this.#moves);
  }
}
