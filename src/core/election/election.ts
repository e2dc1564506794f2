import type { IpAddress } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { Pulse } from "../../wire/pulse.ts";
import type { VrrpAdvertisement } from "../../wire/vrrp.ts";
import type { Standing } from "../arbiter/arbitration.ts";
import { Addressing } from "./addressing.ts";
import { CurrentStanding } from "./current-standing.ts";
import {
  type ElectionCounter,
  type ElectionEffect,
  type ElectionSettings,
  type ElectionView,
  type GroupRole,
  noCounts,
  type PulseState,
} from "./election-types.ts";
import { electionView } from "./election-view.ts";
import {
  Handover,
  type HandoverReason,
  handoverRunningProblem,
  notActiveProblem,
  stalledProblem,
} from "./handover.ts";
import { Health, type Readiness } from "./health.ts";
import { LastWord } from "./last-word.ts";
import { Membership } from "./membership.ts";
import { type Heard, type HeardActive, type HeardResignation, Neighbourhood } from "./neighbourhood.ts";
import { Preemption } from "./preemption.ts";
import { SaidInPulses } from "./pulse-state.ts";
import { Succession } from "./succession.ts";
import { stableMs } from "./timing.ts";

type Effects = readonly ElectionEffect[];

/**
 * Who is active in one failover group: the rules of RFC 9568 6.4 over all faces and pulse paths at once, and
 * what tocha nodes agree on beyond them (docs/guide/failover.md). The roles and what leads from one to another
 * stand in transitions.ts, timers and deeds in membership.ts.
 *
 * A driver passes every input with the time, performs the effects in order, and calls `timeout` at `deadline`.
 * After a sleep it passes what its sockets hold first and calls `timeout` last.
 */
export class Election {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #member: Membership;
  readonly #said: SaidInPulses;
  readonly #neighbourhood: Neighbourhood;
  readonly #handover = new Handover();
  readonly #preemption: Preemption;
  readonly #succession: Succession;
  readonly #counters = noCounts();
  readonly #lastWord = new LastWord();
  readonly #standing = new CurrentStanding();
  /** What depends on whom a pulse goes to, as of the last input. */
  readonly addressing: Addressing;

  constructor(settings: ElectionSettings, nowMs: number) {
    this.#settings = settings;
    this.#health = new Health(settings.faces, settings.priority);
    this.#member = new Membership(settings, this.#health, nowMs);
    this.#said = new SaidInPulses(this.#health, this.#member, settings.pulseIntervalMs);
    this.#neighbourhood = new Neighbourhood(settings, this.#health, (counter) => this.#count(counter));
    this.#preemption = new Preemption(settings, this.#health, this.#member, this.#neighbourhood);
    this.#succession = new Succession(this.#health, this.#neighbourhood);
    this.addressing = new Addressing(this.#member, this.#neighbourhood, this.#handover);
  }

  // ---- Inputs ----

  /** A decoded advertisement that came in on a face. */
  receiveAdvertisement(nowMs: number, face: string, source: IpAddress, advert: VrrpAdvertisement): Effects {
    if (this.#begin(nowMs))
      this.#hear(this.#neighbourhood.hearAdvertisement(this.#member, face, source, advert));
    return this.#end(nowMs);
  }

  /** A pulse whose tag, recipient and freshness (PulseSession) were checked. */
  receivePulse(nowMs: number, path: string, pulse: Pulse): Effects {
    if (this.#begin(nowMs)) {
      this.#hear(this.#neighbourhood.hearPulse(nowMs, path, pulse));
      this.#considerHandover();
    }
    return this.#end(nowMs);
  }

  /** A pulse that was overtaken on another path: it shows that this path works (PulseConversation). */
  receiveOvertaken(nowMs: number, path: string, sender: string): Effects {
    if (this.#begin(nowMs)) this.#neighbourhood.hearOvertaken(nowMs, path, sender);
    return this.#end(nowMs);
  }

  /** A face went up or down, or (with `addresses`) got other addresses of its own. Faces are down at first. */
  faceChanged(nowMs: number, face: string, up: boolean, addresses?: readonly IpAddress[]): Effects {
    return this.#input(nowMs, () => {
      const own = this.#health.face(face);
      if (own === undefined) return;
      if (addresses !== undefined) this.#health.setAddresses(own, addresses);
      if (own.up === up) return;
      own.up = up;
      if (up) this.#member.announceAnew();
      this.#healthChanged();
    });
  }

  /** What the other roles can do, and what they have found out. */
  readinessChanged(nowMs: number, readiness: Readiness): Effects {
    // Found out while nobody was heard, and out of date by now.
    if (typeof readiness.cutOff === "string" && this.#neighbourhood.hearsAnybody(nowMs)) return [];
    return this.#input(nowMs, () => {
      if (this.#health.update(readiness)) this.#healthChanged();
    });
  }

  /** The arbiter's word, by the control role: stay down for this node until it is heard again; undefined: do not. */
  arbitrated(nowMs: number, lostTo: string | undefined): Effects {
    return this.#input(nowMs, () => this.#stayDownFor(lostTo));
  }

  /** Starts a planned handover to `to`, or else to the best; what becomes of it is a transition or "handover-refused". */
  requestSwitchover(nowMs: number, reason: string, to?: string): Effects | Problem {
    let problem: Problem | undefined;
    const effects = this.#input(nowMs, () => {
      if (this.role !== "active") problem = notActiveProblem(this.#settings.node, this.#activeName());
      else if (this.#handover.isRunning) problem = handoverRunningProblem;
      else if (this.#member.isMute) problem = stalledProblem;
      else if (!this.#startHandover("planned", reason, to)) problem = this.#succession.noTarget(nowMs, to);
    });
    return problem ?? effects;
  }

  /** The replicator's answer to "drain": whether the standby has everything. */
  drained(nowMs: number, token: number, complete: boolean): Effects {
    return this.#input(nowMs, () => {
      if (this.#handover.answers(token)) this.#finishHandover(complete);
      else this.#count("drainTokenUnknown");
    });
  }

  /** Leaves the group for good. An active resigns at once, without a drain. */
  stop(nowMs: number): Effects {
    return this.#input(nowMs, () => this.#member.go("stopped", "it was stopped"));
  }

  /** From now on: a standby that is late by so much more is not late, because whoever calls this was busy and did not stand still. */
  excuse(busyMs: number): void {
    this.#member.excuse(busyMs);
  }

  timeout(nowMs: number): Effects {
    if (this.#begin(nowMs) && !this.#member.isMute) {
      if (nowMs >= this.#handover.deadline) this.#finishHandover(false);
      if (nowMs >= this.#member.silenceMs) this.#hearSilence();
      this.#leaveInit();
      this.#member.beatIfDue();
    }
    return this.#end(nowMs);
  }

  // ---- Outputs ----

  /** When `timeout` is next due; Infinity when it never is. */
  get deadline(): number {
    const { isMute, deadline } = this.#member;
    return isMute ? deadline : Math.min(deadline, this.#handover.deadline);
  }

  get role(): GroupRole {
    return this.#member.role;
  }

  /** When a standby takes over, if it hears nobody until then; Infinity where nothing runs out. */
  get silenceMs(): number {
    return this.#member.silenceMs;
  }

  /** Woken late while active: it listens before it sends again. */
  get isListening(): boolean {
    return this.#member.isMute;
  }

  /** What our pulses say as of the last input; the next answer takes its memory. */
  pulse(): PulseState {
    return this.#said.now(this.#preemption.byHandover);
  }

  /** What an arbitration goes by: the same object as long as it is the same. */
  get standing(): Standing {
    return this.#standing.of(this.#nowMs, this.role, this.#neighbourhood.peers, this.#health);
  }

  get view(): ElectionView {
    return electionView({
      ...{ settings: this.#settings, member: this.#member, health: this.#health, handover: this.#handover },
      ...{ neighbourhood: this.#neighbourhood, counters: this.#counters, activeNode: this.#activeName() },
    });
  }

  // ---- What was heard ----

  #hear(heard: Heard | undefined): void {
    if (heard === undefined) return;
    const isNews = heard.what !== "presence";
    if (isNews || this.#neighbourhood.isAnybodyAble(this.#nowMs)) this.#member.meet(isNews);
    if (heard.what === "active") this.#hearActive(heard);
    if (heard.what === "resignation") this.#hearResignation(heard);
    if (heard.what === "gave-way" && this.role === "active") this.#hearConflict(heard.name, "peerGaveWay");
  }

  /** RFC 9568 6.4.2 (standby) and 6.4.3 (active), for evidence of whatever kind. */
  #hearActive(heard: HeardActive): void {
    const { name, isForeign, deadMs, outranksUs, lacksOurTable } = heard;
    if (this.#preemption.fromForeign(heard)) {
      // With Preempt_Mode a backup discards what a lower active says, so that its timer runs out. Tocha nodes do
      // not: among them the active hands over.
      this.#count("foreignRouterLower");
      this.#lastWord.isPreempted(name, this.#nowMs, deadMs);
      return;
    }
    this.#lastWord.isActive(name, this.#nowMs);
    // A node that stalled yields to whoever took over meanwhile, unless that one lacks its connections.
    if (this.role === "active" && !outranksUs && (!this.#member.isMute || lacksOurTable)) {
      this.#hearConflict(name);
      return;
    }
    if (this.role === "active") {
      this.#count("conflict");
      const right = outranksUs ? heard.right : "became active while this node was stalled";
      this.#member.go("yielded", `${name} ${right}`, { kind: "yielded", other: name });
    }
    this.#member.endInitListening();
    this.#leaveInit();
    this.#member.follow(deadMs, isForeign);
  }

  /** The other one is active, too, or has just given way to this node: what neighbours have learnt may be wrong. */
  #hearConflict(name: string, counter: "conflict" | "peerGaveWay" = "conflict"): void {
    this.#count(counter);
    if (this.#neighbourhood.contested(this.#nowMs, name)) this.#member.do({ do: "conflict", with: name });
    this.#member.assert();
  }

  /**
   * RFC 9568 6.4.2: when the active resigns, the Active_Down_Timer is set to Skew_Time. When a tocha node resigns,
   * the one that it has named takes over at once; all others wait as if they had heard nothing. Where none is named the
   * best candidate is the one: every other one sees in the pulses that it is not the best. One that has
   * just started may not have met the best yet, but then its table is not complete.
   */
  #hearResignation(heard: HeardResignation): void {
    const { name, isForeign, heir } = heard;
    // RFC 9568 6.4.3: it was active as well, and others shall hear at once that they need not take over.
    if (isForeign) this.#member.assert();
    if (this.role !== "standby" || this.#neighbourhood.isTaken(this.#nowMs, heir)) return;
    const isOutranked = this.#neighbourhood.isOutranked(this.#nowMs);
    const isNext = heir === "recipient" || (heir === "none" && !isForeign && !isOutranked);
    const hasRight = heir === "recipient" || (this.#health.tableComplete && !this.#letsOthersGoFirst);
    if (!isNext || !hasRight || this.#member.isListening) {
      if (heir !== "other") this.#member.awaitSkew(this.#neighbourhood.skewAfterMs(this.#nowMs, heard));
      this.#lastWord.resigned(name, this.#nowMs);
    } else {
      const reason = { kind: "resignation", other: name, wordMs: this.#nowMs } as const;
      this.#member.go("took-over", `${name} resigned`, reason);
    }
  }

  #hearSilence(): void {
    if (this.#letsOthersGoFirst && this.#member.waitForOthers()) return;
    const { sinceMs } = this.#member;
    const { cause, reason } = this.#lastWord.silence(this.#nowMs, { sinceMs, right: this.#preemption.right });
    this.#member.go("took-over", cause, reason);
  }

  // ---- Handover ----

  #considerHandover(): void {
    if (this.role !== "active" || this.#member.isMute) return;
    const occasion = this.#succession.occasion(this.#nowMs, this.#member.sinceMs);
    if (occasion !== undefined && this.#handover.mayStart(this.#nowMs, occasion.reason))
      this.#startHandover(occasion.reason, occasion.why);
  }

  /** @returns false when there is nobody to hand over to */
  #startHandover(reason: HandoverReason, why: string, to?: string): boolean {
    const known = this.#handover.heir;
    const heir = this.#succession.target(this.#nowMs, reason, { to, heir: known })?.name;
    if (heir === undefined) return false;
    this.#member.do(this.#handover.start(this.#nowMs, { reason, why, to, heir }));
    // The resignation may be heard from an advertisement, which names nobody.
    if (this.#neighbourhood.peers.length > 1) this.#member.pulse();
    return true;
  }

  /** Whoever it was started for must still be fit. */
  #finishHandover(complete: boolean): void {
    const { reason, why, to, heir } = this.#handover;
    const target = this.#succession.target(this.#nowMs, reason, { to, heir });
    if (target !== undefined && (complete || this.#succession.mayLoseConnections(reason))) {
      this.#succession.moved(this.#nowMs, reason);
      const other = target.name;
      this.#handover.finish(other);
      this.#lastWord.isHeir(other, this.#nowMs);
      this.#member.go("handed-over", `it handed over to ${other}: ${why}`, { kind: reason, other });
      return;
    }
    this.#refuseHandover(this.#succession.refusal(this.#nowMs, reason, { to, target }));
  }

  #refuseHandover(problem: Problem): void {
    const pauseMs = stableMs(this.#settings.priority, this.#settings.intervalMs);
    this.#handover.refuse(problem, this.#nowMs + (this.#handover.reason === "health" ? 0 : pauseMs));
    this.#member.do({ do: "handover-refused", problem });
  }

  // ---- Readiness ----

  #leaveInit(): void {
    if (this.role !== "init" || this.#health.inability !== undefined || this.#member.isListening) return;
    const { name } = this.#lastWord;
    this.#member.go("listened", name === undefined ? "it has listened and can serve" : `${name} is active`);
  }

  #healthChanged(): void {
    this.#preemption.restart();
    const roleBefore = this.role;
    const inability = this.#health.inability;
    if (inability !== undefined) this.#member.go("unable", inability);
    else this.#member.go("able", "it can serve again");
    this.#leaveInit();
    // The others shall know at once; a transition has told them.
    if (this.role !== roleBefore || this.#member.isMute) return;
    this.#member.beat();
    this.#member.beatIfDue();
    this.#considerHandover();
  }

  /** Whoever holds the arbiter's lease and is heard is no reason, and the arbiter's word of it may be late. */
  #stayDownFor(holder: string | undefined): void {
    const lostTo = this.#neighbourhood.hears(this.#nowMs, holder) ? undefined : holder;
    if (lostTo === this.#health.lostTo) return;
    this.#health.lostTo = lostTo;
    this.#healthChanged();
  }

  #count(counter: ElectionCounter): void {
    this.#counters[counter] += 1;
  }

  #input(nowMs: number, handle: () => void): Effects {
    if (this.#begin(nowMs)) handle();
    return this.#end(nowMs);
  }

  /** What comes all the time is handled between this and `#end`, without a closure for each. @returns whether to handle it */
  #begin(nowMs: number): boolean {
    if (this.#member.begin(nowMs, this.deadline)) this.#noticeLateness();
    if (this.role !== "stopped") return true;
    this.#count("inputAfterStop");
    return false;
  }

  #end(nowMs: number): Effects {
    this.#stayDownFor(this.#health.lostTo);
    const isFound = this.#health.cutOff !== null && this.#neighbourhood.hearsAnybody(nowMs);
    if (isFound && this.#health.update({ cutOff: null })) this.#healthChanged();
    this.#handover.settle(this.role === "active");
    if (this.role === "active") this.#lastWord.forget();
    return this.#member.effects;
  }

  #noticeLateness(): void {
    if (this.role === "active") this.#count("lateAsActive");
    if (this.role === "standby") this.#count("lateAsStandby");
    if (this.#handover.isRunning) this.#refuseHandover(stalledProblem);
    this.#member.listenAfterLateness();
  }

  // ---- What follows from the state ----

  get #nowMs(): number {
    return this.#member.nowMs;
  }

  get #letsOthersGoFirst(): boolean {
    return this.#neighbourhood.goesFirst(this.#nowMs, this.#member.isResigning);
  }

  #activeName(): string | undefined {
    return this.role === "active" ? this.#settings.node : this.#neighbourhood.activeName(this.#nowMs);
  }
}
