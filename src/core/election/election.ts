import { type IpAddress, isLinkLocal } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import { PULSE_SOURCES_MAX, type Pulse } from "../../wire/pulse.ts";
import type { VrrpAdvertisement } from "../../wire/vrrp.ts";
import { AnnouncementSchedule } from "./announcement-schedule.ts";
import {
  type ElectionCounter,
  type ElectionEffect,
  type ElectionSettings,
  type ElectionView,
  electionCounters,
  type GroupRole,
  type PulseState,
} from "./election-types.ts";
import {
  drainFailedProblem,
  Handover,
  type HandoverReason,
  handoverRunningProblem,
  noStandbyProblem,
  notActiveProblem,
  stalledProblem,
} from "./handover.ts";
import { Health } from "./health.ts";
import { type Heard, Neighbourhood } from "./neighbourhood.ts";
import type { Peer } from "./peer.ts";
import { compareRank } from "./rank.ts";
import {
  ASSERTION_RATE_MAX,
  activeDownMs,
  GRACE_DOWN_TIMES,
  INIT_DOWN_TIMES,
  latenessMs,
  skewMs,
  stableMs,
} from "./timing.ts";
import { type Trigger, transitions } from "./transitions.ts";

export type {
  ElectionEffect,
  ElectionSettings,
  ElectionView,
  GroupRole,
  PulseState,
} from "./election-types.ts";

const NEVER = Number.POSITIVE_INFINITY;

type HeardActive = Extract<Heard, { what: "active" }>;

/**
 * Who is active in one failover group: the rules of RFC 9568 6.4 over all faces and pulse paths at once, and
 * what tocha nodes agree on beyond them (docs/guide/failover.md). The roles and what leads from one to another
 * stand in transitions.ts.
 *
 * A driver passes every input with the time, performs the effects in order, and calls `timeout` at `deadline`.
 * After a sleep it passes what its sockets hold first and calls `timeout` last.
 */
export class Election {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #neighbourhood: Neighbourhood;
  readonly #announcements = new AnnouncementSchedule();
  readonly #handover = new Handover();
  readonly #counters: Record<ElectionCounter, number>;
  #effects: ElectionEffect[] = [];
  #nowMs: number;

  #role: GroupRole = "init";
  #sinceMs: number;
  #cause = "it has just started and listens";
  /** When pulses, and advertisements of an active, are sent next. */
  #beatMs: number;
  /** After a start or a late wake-up: what is heard before may be old, and nothing is decided or said upon it. */
  #listenEndMs: number;
  /** Active_Down_Timer. */
  #activeDownMs = NEVER;
  /** After the active went silent, a node that lets others go first does so until then. */
  #graceEndMs = NEVER;
  /** A late standby has restarted its timer, and heard no active since. */
  #restartedLate = false;
  #resigningUntilMs = Number.NEGATIVE_INFINITY;
  #stableSinceMs: number;
  #lastEvidence: { readonly name: string; readonly atMs: number } | undefined;

  constructor(settings: ElectionSettings, nowMs: number) {
    const { intervalMs, priority, faces } = settings;
    this.#settings = settings;
    this.#health = new Health(faces, priority);
    this.#neighbourhood = new Neighbourhood(settings, this.#health, (counter) => this.#count(counter));
    this.#counters = Object.fromEntries(electionCounters.map((name) => [name, 0])) as Record<
      ElectionCounter,
      number
    >;
    this.#nowMs = this.#sinceMs = this.#stableSinceMs = this.#beatMs = nowMs;
    this.#listenEndMs = nowMs + INIT_DOWN_TIMES * activeDownMs(priority, intervalMs);
  }

  // ---- Inputs ----

  /** A decoded advertisement that came in on a face. */
  receiveAdvertisement(
    nowMs: number,
    face: string,
    source: IpAddress,
    advertisement: VrrpAdvertisement,
  ): readonly ElectionEffect[] {
    return this.#input(nowMs, () =>
      this.#hear(this.#neighbourhood.hearAdvertisement(nowMs, face, source, advertisement)),
    );
  }

  /** A pulse whose tag, recipient and freshness (PulseSession) were checked. */
  receivePulse(nowMs: number, path: string, pulse: Pulse): readonly ElectionEffect[] {
    return this.#input(nowMs, () => {
      this.#hear(this.#neighbourhood.hearPulse(nowMs, path, pulse));
      this.#considerHandover();
    });
  }

  /** A face went up or down, or (with `addresses`) got other addresses of its own. Faces are down at first. */
  faceChanged(
    nowMs: number,
    face: string,
    up: boolean,
    addresses?: readonly IpAddress[],
  ): readonly ElectionEffect[] {
    return this.#input(nowMs, () => {
      const own = this.#health.face(face);
      if (own === undefined) return;
      if (addresses !== undefined) own.addresses = addresses;
      if (own.up === up) return;
      own.up = up;
      if (up && this.#role === "active") this.#announcements.start(nowMs);
      this.#healthChanged();
    });
  }

  /** What the other roles can do: `gatewayReady`, the rules are in place; `tableComplete`, see `Pulse`. */
  readinessChanged(
    nowMs: number,
    readiness: { readonly gatewayReady?: boolean; readonly tableComplete?: boolean },
  ): readonly ElectionEffect[] {
    return this.#input(nowMs, () => {
      const { gatewayReady = this.#health.gatewayReady, tableComplete = this.#health.tableComplete } =
        readiness;
      if (gatewayReady === this.#health.gatewayReady && tableComplete === this.#health.tableComplete) return;
      this.#health.gatewayReady = gatewayReady;
      this.#health.tableComplete = tableComplete;
      this.#healthChanged();
    });
  }

  /** Starts a planned handover to the best standby; what becomes of it is a transition or "handover-refused". */
  requestSwitchover(nowMs: number, reason: string): readonly ElectionEffect[] | Problem {
    let problem: Problem | undefined;
    const effects = this.#input(nowMs, () => {
      if (this.#role !== "active") problem = notActiveProblem(this.#settings.node, this.#activeName());
      else if (this.#handover.isRunning) problem = handoverRunningProblem;
      else if (this.#target("planned") === undefined) problem = noStandbyProblem;
      else this.#startHandover("planned", reason);
    });
    return problem ?? effects;
  }

  /** The replicator's answer to "drain": whether the standby has everything. */
  drained(nowMs: number, token: number, complete: boolean): readonly ElectionEffect[] {
    return this.#input(nowMs, () => {
      if (this.#handover.answers(token)) this.#finishHandover(complete);
      else this.#count("drainTokenUnknown");
    });
  }

  /** Leaves the group for good. An active resigns at once, without a drain. */
  stop(nowMs: number): readonly ElectionEffect[] {
    return this.#input(nowMs, () => this.#go("stopped", "it was stopped"));
  }

  timeout(nowMs: number): readonly ElectionEffect[] {
    return this.#input(nowMs, () => {
      if (this.#isMute) return;
      if (nowMs >= this.#handover.deadline) this.#finishHandover(false);
      if (this.#role === "standby" && nowMs >= this.#silenceMs) this.#hearSilence();
      this.#leaveInit();
      if (nowMs >= this.#beatMs) this.#beat();
      if (this.#role === "active" && this.#announcements.take(nowMs)) this.#do({ do: "announce" });
    });
  }

  // ---- Outputs ----

  /** When `timeout` is next due; Infinity when it never is. */
  get deadline(): number {
    if (this.#role === "stopped") return NEVER;
    if (this.#isMute) return this.#listenEndMs;
    const isInitReady = this.#role === "init" && this.#health.inability === undefined;
    return Math.min(
      this.#beatMs,
      isInitReady ? this.#listenEndMs : NEVER,
      this.#role === "standby" ? this.#silenceMs : NEVER,
      this.#announcements.deadline,
      this.#handover.deadline,
    );
  }

  get role(): GroupRole {
    return this.#role;
  }

  /** What our pulses say as of the last input. */
  pulse(): PulseState {
    return {
      role: this.#role,
      effectivePriority: this.#health.effectivePriority,
      tableComplete: this.#health.tableComplete,
      resigning: this.#isResigning,
      wantsToBeActive: this.#wantsToBeActive,
      intervalMs: this.#settings.intervalMs,
      advertisementSources: this.#health.addresses
        .filter((address) => address.length === 16 && isLinkLocal(address))
        .slice(0, PULSE_SOURCES_MAX),
    };
  }

  get view(): ElectionView {
    const { gatewayReady, tableComplete, effectivePriority, faces } = this.#health;
    return {
      role: this.#role,
      sinceMs: this.#sinceMs,
      cause: this.#cause,
      priority: this.#settings.priority,
      effectivePriority,
      gatewayReady,
      tableComplete,
      faces: faces.map(({ name, up }) => ({ name, up })),
      activeNode: this.#activeName(),
      peers: this.#neighbourhood.peers.map((peer) => peer.view(this.#nowMs)),
      foreignActive: this.#neighbourhood.foreignActive(this.#nowMs),
      listening: this.#isMute,
      draining: this.#handover.isRunning,
      handoverRefused: this.#handover.refused,
      counters: { ...this.#counters },
    };
  }

  // ---- What was heard ----

  #hear(heard: Heard | undefined): void {
    if (heard === undefined) return;
    if (heard.what === "active") this.#hearActive(heard);
    if (heard.what === "resignation") this.#hearResignation(heard.name, heard.isForeign);
  }

  /** RFC 9568 6.4.2 (standby) and 6.4.3 (active), for evidence of whatever kind. */
  #hearActive({ name, isForeign, priority, intervalMs, outranksUs }: HeardActive): void {
    const isLower = priority < this.#health.effectivePriority;
    if (this.#role === "standby" && isForeign && isLower && this.#mayPreempt) {
      // With Preempt_Mode a backup discards what a lower active says, so that its timer runs out. Tocha nodes do
      // not: among them the active hands over.
      this.#count("foreignRouterLower");
      return;
    }
    this.#lastEvidence = { name, atMs: this.#nowMs };
    if (this.#role === "active" && !this.#isMute && !outranksUs) {
      this.#assert();
      return;
    }
    const right = outranksUs ? "is active and ranks higher" : "became active while this node was stalled";
    this.#go("yielded", `${name} ${right}`);
    if (this.#role === "init") this.#listenEndMs = Math.min(this.#listenEndMs, this.#nowMs);
    this.#leaveInit();
    if (this.#role === "standby") this.#restartTimer(intervalMs);
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#restartedLate = false;
  }

  /**
   * RFC 9568 6.4.2: when the active resigns, the Active_Down_Timer is set to Skew_Time. When a tocha node resigns,
   * the best candidate takes over at once: every other one sees in the pulses that it is not the best.
   */
  #hearResignation(name: string, isForeign: boolean): void {
    if (this.#role !== "standby" || this.#neighbourhood.isSomeoneActive(this.#nowMs)) return;
    const [best] = this.#neighbourhood.candidates(this.#nowMs);
    const isOutranked = best !== undefined && compareRank(best.rank(), this.#neighbourhood.ownRank) > 0;
    if (isForeign || isOutranked || this.#letsOthersGoFirst || this.#isListening) {
      const skew = skewMs(this.#health.effectivePriority, this.#settings.intervalMs);
      this.#activeDownMs = Math.min(this.#activeDownMs, this.#nowMs + skew);
    } else {
      this.#go("took-over", `${name} resigned`);
    }
  }

  #hearSilence(): void {
    if (this.#letsOthersGoFirst && this.#nowMs < this.#graceEndMs) {
      this.#activeDownMs = Math.min(this.#nowMs + this.#settings.intervalMs, this.#graceEndMs);
      return;
    }
    const last = this.#lastEvidence;
    const sinceMs = Math.round(this.#nowMs - (last?.atMs ?? this.#sinceMs));
    this.#go("took-over", `${last?.name ?? "every other router"} was silent for ${sinceMs} ms on every path`);
  }

  /** RFC 9568 6.4.3: answer a lower active at once. The caches of the neighbours may hold its address: announce. */
  #assert(): void {
    this.#count("conflict");
    const { intervalMs } = this.#settings;
    this.#announcements.restart(this.#nowMs + Math.max(intervalMs, 50));
    const lastBeatMs = this.#beatMs - intervalMs;
    if (this.#nowMs - lastBeatMs >= intervalMs / ASSERTION_RATE_MAX) this.#beat();
  }

  // ---- Handover ----

  /** The best standby that there is this reason to hand over to. */
  #target(reason: HandoverReason): Peer | undefined {
    const ownRank = this.#neighbourhood.ownRank;
    return this.#neighbourhood.candidates(this.#nowMs).find((peer) => {
      if (reason === "planned") return true;
      // Equals stay where they are: addresses break ties between actives, they are no reason to move.
      if (peer.rank().effectivePriority <= ownRank.effectivePriority) return false;
      return reason === "health" ? this.#health.degraded : peer.wantsToBeActive;
    });
  }

  #considerHandover(): void {
    if (this.#role !== "active" || this.#isMute || !this.#handover.mayStart(this.#nowMs)) return;
    if (this.#target("health") !== undefined) {
      this.#startHandover("health", `interface down: ${this.#health.downFaces.join(", ")}`);
    } else if (this.#target("priority") !== undefined) {
      this.#startHandover("priority", "it ranks higher and preemption is on");
    }
  }

  #startHandover(reason: HandoverReason, why: string): void {
    this.#do(this.#handover.start(this.#nowMs, reason, why));
  }

  /** Whoever it was started for must still be fit. A dead face does not wait for the last connections. */
  #finishHandover(complete: boolean): void {
    const { reason, why } = this.#handover;
    const target = this.#target(reason);
    if (target !== undefined && (complete || reason === "health")) {
      this.#go("handed-over", `it handed over to ${target.name}: ${why}`);
      return;
    }
    this.#refuseHandover(target === undefined ? noStandbyProblem : drainFailedProblem(target.name));
  }

  #refuseHandover(problem: Problem): void {
    const pauseMs = stableMs(this.#settings.priority, this.#settings.intervalMs);
    this.#handover.refuse(problem, this.#nowMs + (this.#handover.reason === "health" ? 0 : pauseMs));
    this.#do({ do: "handover-refused", problem });
  }

  // ---- Transitions, and what they do ----

  #go(trigger: Trigger, cause: string): void {
    const from = this.#role;
    const to = transitions[from][trigger];
    if (to === undefined) return;
    if (from === "active") this.#leaveActive(trigger !== "yielded");
    this.#role = to;
    this.#sinceMs = this.#stableSinceMs = this.#nowMs;
    this.#cause = cause;
    if (to === "active") this.#enterActive();
    if (to === "standby") this.#restartTimer(this.#settings.intervalMs);
    this.#beat();
    this.#do({ do: "transition", from, to, cause });
    if (to === "stopped") this.#do({ do: "finished" });
  }

  #enterActive(): void {
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#restartedLate = false;
    this.#do({ do: "add-addresses" });
    this.#announcements.start(this.#nowMs);
    if (this.#announcements.take(this.#nowMs)) this.#do({ do: "announce" });
  }

  #leaveActive(resigns: boolean): void {
    this.#announcements.stop();
    this.#handover.reset();
    this.#do({ do: "remove-addresses" });
    if (!resigns) return;
    this.#resigningUntilMs = this.#nowMs + GRACE_DOWN_TIMES * this.#downMs;
    this.#sendAdvertisements(0);
  }

  #leaveInit(): void {
    if (this.#role !== "init" || this.#health.inability !== undefined || this.#isListening) return;
    const name = this.#lastEvidence?.name;
    this.#go("listened", name === undefined ? "it has listened and can serve" : `${name} is active`);
  }

  #healthChanged(): void {
    this.#stableSinceMs = this.#nowMs;
    const inability = this.#health.inability;
    if (inability !== undefined) this.#go("unable", inability);
    else this.#go("able", "it can serve again");
    this.#leaveInit();
    if (this.#isMute) return;
    // The others shall know at once.
    this.#beat();
    if (this.#role === "active" && this.#announcements.take(this.#nowMs)) this.#do({ do: "announce" });
    this.#considerHandover();
  }

  /**
   * Whoever wakes late cannot know what it missed: it listens for an interval, and a standby whose timer ran out
   * meanwhile starts it anew. Only once: on a machine that is late all the time, somebody must still be active.
   */
  #noticeLateness(): void {
    if (this.#role === "active") {
      this.#count("lateAsActive");
      this.#listenEndMs = this.#nowMs + this.#settings.intervalMs;
      if (this.#handover.isRunning) this.#refuseHandover(stalledProblem);
    }
    if (this.#role === "standby") {
      this.#count("lateAsStandby");
      this.#listenEndMs = this.#nowMs + this.#settings.intervalMs;
      if (this.#nowMs >= this.#activeDownMs && !this.#restartedLate) {
        this.#restartTimer(this.#settings.intervalMs);
        this.#restartedLate = true;
      }
    }
  }

  #restartTimer(intervalMs: number): void {
    const downMs = activeDownMs(this.#health.effectivePriority, intervalMs);
    this.#activeDownMs = this.#nowMs + downMs;
    this.#graceEndMs = this.#activeDownMs + GRACE_DOWN_TIMES * downMs;
  }

  #beat(): void {
    const { intervalMs } = this.#settings;
    if (this.#role === "active") this.#sendAdvertisements(this.#health.effectivePriority);
    this.#do({ do: "send-pulses" });
    const isInStep = this.#beatMs <= this.#nowMs && this.#nowMs < this.#beatMs + intervalMs;
    this.#beatMs = (isInStep ? this.#beatMs : this.#nowMs) + intervalMs;
  }

  #sendAdvertisements(priority: number): void {
    for (const { name: face, families, up } of this.#health.faces) {
      if (!up) continue;
      for (const family of families) this.#do({ do: "send-advertisement", face, family, priority });
    }
  }

  #do(effect: ElectionEffect): void {
    this.#effects.push(effect);
  }

  #count(counter: ElectionCounter): void {
    this.#counters[counter] += 1;
  }

  #input(nowMs: number, handle: () => void): readonly ElectionEffect[] {
    const isLate = nowMs - this.deadline > latenessMs(this.#settings.intervalMs) && !this.#isListening;
    this.#effects = [];
    this.#nowMs = nowMs;
    if (isLate) this.#noticeLateness();
    if (this.#role === "stopped") this.#count("inputAfterStop");
    else handle();
    return this.#effects;
  }

  // ---- What follows from the state ----

  get #isListening(): boolean {
    return this.#nowMs < this.#listenEndMs;
  }

  /** An active that woke late says nothing before it knows that it is the only one. */
  get #isMute(): boolean {
    return this.#role === "active" && this.#isListening;
  }

  /** When the Active_Down_Timer runs out. */
  get #silenceMs(): number {
    return this.#isListening ? Math.max(this.#activeDownMs, this.#listenEndMs) : this.#activeDownMs;
  }

  get #isResigning(): boolean {
    return this.#nowMs < this.#resigningUntilMs;
  }

  get #letsOthersGoFirst(): boolean {
    if (this.#health.tableComplete && !this.#isResigning) return false;
    return this.#neighbourhood.candidates(this.#nowMs).length > 0;
  }

  get #mayPreempt(): boolean {
    return this.#settings.preempt && this.#health.tableComplete;
  }

  get #wantsToBeActive(): boolean {
    if (this.#role !== "standby" || !this.#mayPreempt || this.#health.degraded) return false;
    const { priority, intervalMs } = this.#settings;
    return this.#nowMs - this.#stableSinceMs >= stableMs(priority, intervalMs);
  }

  get #downMs(): number {
    return activeDownMs(this.#health.effectivePriority, this.#settings.intervalMs);
  }

  #activeName(): string | undefined {
    return this.#role === "active" ? this.#settings.node : this.#neighbourhood.activeName(this.#nowMs);
  }
}
