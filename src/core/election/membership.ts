import { AnnouncementSchedule } from "./announcement-schedule.ts";
import type { ElectionEffect, ElectionSettings, GroupRole, TransitionReason } from "./election-types.ts";
import type { Health } from "./health.ts";
import { Patience } from "./patience.ts";
import {
  ASSERTION_RATE_MAX,
  activeDownMs,
  GRACE_DOWN_TIMES,
  HUMBLE_INTERVALS,
  hearingMs,
  INIT_DOWN_TIMES,
  latenessMs,
  rankSkewMs,
  SILENT_INTERVALS,
  silenceAfterListeningMs,
  TIMES_GIVEN_MAX,
} from "./timing.ts";
import { type Trigger, transitions } from "./transitions.ts";

const NEVER = Number.POSITIVE_INFINITY;
type SendAdvertisement = Extract<ElectionEffect, { do: "send-advertisement" }>;

const SEND_PULSES: ElectionEffect = { do: "send-pulses" };
const NO_EFFECTS: readonly ElectionEffect[] = [];

/**
 * This node in the group: its role, its timers, and what they make it do. When a role is to change is decided
 * in election.ts.
 */
export class Membership {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #announcements = new AnnouncementSchedule();
  readonly #patience: Patience;
  /** The first `#effectCount` count. */
  readonly #effects: ElectionEffect[] = [];
  #effectCount = 0;
  /** As they were told last: nearly always the same as before. */
  #told: readonly ElectionEffect[] = [];
  /** One for each face and family, with the priority that was sent last. */
  #advertisements: readonly SendAdvertisement[] = [];
  #advertisedPriority = -1;
  #nowMs: number;

  #role: GroupRole = "init";
  #sinceMs: number;
  #cause = "it has just started and listens";
  /** When pulses are sent next, and when an active sends advertisements next (Adver_Timer). */
  #pulseMs: number;
  #advertisementMs: number;
  /** After a start or a late wake-up: what is heard before may be old, and nothing is decided or said upon it. */
  #listenEndMs: number;
  /** Active_Down_Timer. */
  #activeDownMs = NEVER;
  /** After the active went silent, a node that lets others go first does so until then. */
  #graceEndMs = NEVER;
  /** What the Active_Down_Timer was set to last. */
  #downMs: number;
  /** How late the last input came. */
  #lateMs = 0;
  /** Until then all lateness was noticed. */
  #noticedMs = Number.NEGATIVE_INFINITY;
  /** So long the loop that it lives in was busy with others before this input. */
  #excusedMs = 0;
  /** How often a late standby has given the active time since it heard one. */
  #timesGiven = 0;
  #resignedMs = Number.NEGATIVE_INFINITY;
  #resigningUntilMs = Number.NEGATIVE_INFINITY;
  #gaveWayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ElectionSettings, health: Health, nowMs: number) {
    const { priority, intervalMs } = settings;
    this.#settings = settings;
    this.#health = health;
    this.#patience = new Patience(settings.pulseIntervalMs);
    this.#nowMs = this.#sinceMs = this.#pulseMs = this.#advertisementMs = nowMs;
    this.#downMs = activeDownMs(priority, intervalMs);
    this.#listenEndMs = nowMs + INIT_DOWN_TIMES * this.#downMs;
  }

  get role(): GroupRole {
    return this.#role;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  get cause(): string {
    return this.#cause;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get isListening(): boolean {
    return this.#nowMs < this.#listenEndMs;
  }

  /** An active that woke late says nothing before it knows that it is the only one. */
  get isMute(): boolean {
    return this.#role === "active" && this.isListening;
  }

  /** It gave up the active role, and knows of no successor. */
  get isResigning(): boolean {
    return this.#nowMs < this.#resigningUntilMs;
  }

  /** It was active beside another one, which knows that for sure by now when this has ended. */
  get gaveWay(): boolean {
    return this.#role !== "active" && this.#nowMs < this.#gaveWayUntilMs;
  }

  /** When the Active_Down_Timer runs out. */
  get silenceMs(): number {
    if (this.#role !== "standby") return NEVER;
    return this.isListening ? Math.max(this.#activeDownMs, this.#listenEndMs) : this.#activeDownMs;
  }

  get deadline(): number {
    if (this.#role === "stopped") return NEVER;
    if (this.isMute) return this.#listenEndMs;
    const canLeaveInit = this.#role === "init" && this.#health.inability === undefined;
    return Math.min(
      this.#pulseMs,
      this.#role === "active" ? this.#advertisementMs : NEVER,
      canLeaveInit ? this.#listenEndMs : NEVER,
      this.silenceMs,
      this.#announcements.deadline,
    );
  }

  // ---- Time ----

  /** Begins to handle an input; `deadline` was due before it. @returns whether the node has overslept */
  begin(nowMs: number, deadline: number): boolean {
    // Several standstills in one turn count together, but what was noticed is not noticed again.
    const lateMs = nowMs - Math.max(this.#speaksBy(deadline), this.#noticedMs);
    const isActive = this.#role === "active";
    const limitMs = latenessMs(this.#settings.pulseIntervalMs, isActive) + (isActive ? 0 : this.#excusedMs);
    const isLate = this.isListening ? this.#patience.isTried(lateMs) : lateMs > limitMs;
    const hasJustBecomeDue = deadline > this.#nowMs && deadline <= nowMs;
    if (isLate && this.isListening) this.#patience.grow();
    else if (hasJustBecomeDue && lateMs <= limitMs) this.#patience.reset();
    this.#effectCount = 0;
    this.#nowMs = nowMs;
    this.#lateMs = lateMs;
    if (lateMs > limitMs) this.#giveTime();
    if (isLate || lateMs > limitMs) this.#noticedMs = nowMs;
    return isLate;
  }

  /** What the others wait for, and not what this node does for itself: by that an active is early or late. */
  #speaksBy(deadline: number): number {
    if (this.#role !== "active") return deadline;
    return Math.max(this.#listenEndMs, Math.min(this.#pulseMs, this.#advertisementMs));
  }

  excuse(busyMs: number): void {
    this.#excusedMs = busyMs;
  }

  get effects(): readonly ElectionEffect[] {
    if (this.#effectCount === 0) return NO_EFFECTS;
    if (!this.#isTold) this.#told = this.#effects.slice(0, this.#effectCount);
    return this.#told;
  }

  get #isTold(): boolean {
    if (this.#told.length !== this.#effectCount) return false;
    for (let i = 0; i < this.#effectCount; i++) if (this.#told[i] !== this.#effects[i]) return false;
    return true;
  }

  /** Whoever wakes late cannot know what it missed: it listens, for as long as any active that there can be needs to be heard. */
  listenAfterLateness(): void {
    this.#listenEndMs = Math.max(this.#listenEndMs, this.#nowMs + this.#heardWithinMs);
  }

  /**
   * A standby that was late has missed what the active said, or the active has stood still with it, on the same machine, and listens as
   * well before it speaks. Not without end: on a machine that is late all the time somebody must still become active.
   */
  #giveTime(): void {
    if (this.#role !== "standby" || this.#timesGiven >= TIMES_GIVEN_MAX) return;
    this.#timesGiven += 1;
    const { pulseIntervalMs } = this.#settings;
    const neededMs = this.#heardWithinMs + silenceAfterListeningMs(pulseIntervalMs);
    if (this.#nowMs >= this.#activeDownMs) this.#restartTimer(this.#nowMs + Math.max(this.#downMs, neededMs));
    else this.#activeDownMs = Math.max(this.#activeDownMs, this.#nowMs + neededMs);
  }

  /** How soon every active speaks that was as late as this node. A router that sends no pulses counts only when three advertisements may be missing. */
  get #heardWithinMs(): number {
    const { intervalMs, pulseIntervalMs } = this.#settings;
    const lateMs = this.#role === "active" ? this.#lateMs : this.#lateMs + pulseIntervalMs;
    return hearingMs(pulseIntervalMs, lateMs <= latenessMs(intervalMs, true) ? pulseIntervalMs : intervalMs);
  }

  /** Somebody else is there who can serve, or (`isNews`) serves or did so until now: this node need not hurry. */
  meet(isNews: boolean): void {
    if (isNews) this.#patience.reset();
    else this.#patience.meet();
  }

  /** In init nothing more is to be learnt than that there is an active. */
  endInitListening(): void {
    if (this.#role === "init") this.#listenEndMs = Math.min(this.#listenEndMs, this.#nowMs);
  }

  /** An active, a node or a foreign router, was heard that this one does not contest, and that counts as dead at `deadMs` if it says nothing more. */
  follow(deadMs: number, isForeign: boolean): void {
    const { peers, pulseIntervalMs } = this.#settings;
    const hasOthers = peers.length > (isForeign ? 0 : 1);
    // The other standbys do not know yet that whoever has just resigned is one again, and leave it no time: it stays behind them all.
    const isHumble = hasOthers && this.#nowMs - this.#resignedMs < HUMBLE_INTERVALS * pulseIntervalMs;
    this.#restartTimer(isHumble ? deadMs + peers.length * pulseIntervalMs : deadMs);
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#timesGiven = 0;
  }

  /** The active resigned, and others may come first: wait for so long. */
  awaitSkew(skewMs: number): void {
    this.#activeDownMs = Math.min(this.#activeDownMs, this.#nowMs + skewMs);
  }

  /** The timer ran out, but others are to come first. @returns false when they had time enough */
  waitForOthers(): boolean {
    if (this.#nowMs >= this.#graceEndMs) return false;
    this.#activeDownMs = Math.min(this.#nowMs + this.#settings.pulseIntervalMs, this.#graceEndMs);
    return true;
  }

  /** Sends what is due. */
  beatIfDue(): void {
    const isAdvertisementDue = this.#role === "active" && this.#nowMs >= this.#advertisementMs;
    if (isAdvertisementDue) this.#advertise();
    if (this.#nowMs >= this.#pulseMs) this.pulse();
    if (this.#announcements.take(this.#nowMs)) this.do({ do: "announce" });
  }

  // ---- Deeds ----

  do(effect: ElectionEffect): void {
    this.#effects[this.#effectCount] = effect;
    this.#effectCount += 1;
  }

  /** Changes the role as the table says. */
  go(trigger: Trigger, cause: string, reason: TransitionReason = { kind: trigger }): void {
    const from = this.#role;
    const to = transitions[from][trigger];
    if (to === undefined) return;
    if (from === "active") this.#leaveActive(trigger !== "yielded");
    if (trigger === "yielded") this.#gaveWayUntilMs = this.#nowMs + GRACE_DOWN_TIMES * this.#downMs;
    this.#role = to;
    this.#sinceMs = this.#nowMs;
    this.#cause = cause;
    if (to === "active") this.#enterActive();
    else this.pulse();
    if (to === "standby") this.#restartTimer(this.#nowMs + this.#successorMs(trigger));
    this.do({ do: "transition", from, to, cause, reason });
    if (to === "stopped") this.do({ do: "finished" });
  }

  /** RFC 9568 6.4.3: answer a lower active at once, if active. The neighbours' caches may hold its address: announce again. */
  assert(): void {
    if (this.#role !== "active" || this.isMute) return;
    const { intervalMs } = this.#settings;
    this.#announcements.restart(this.#nowMs + Math.max(intervalMs, 50));
    const lastMs = this.#advertisementMs - intervalMs;
    if (this.#nowMs - lastMs >= intervalMs / ASSERTION_RATE_MAX) this.beat();
  }

  /** A face came up. */
  announceAnew(): void {
    if (this.#role === "active") this.#announcements.start(this.#nowMs);
  }

  /** Tells everybody at once, whatever is due. */
  beat(): void {
    if (this.#role === "active") this.#advertise();
    this.pulse();
  }

  #advertise(): void {
    this.#sendAdvertisements(this.#health.effectivePriority);
    this.#advertisementMs = nextBeatMs(this.#advertisementMs, this.#nowMs, this.#settings.intervalMs);
  }

  pulse(): void {
    this.do(SEND_PULSES);
    this.#pulseMs = nextBeatMs(this.#pulseMs, this.#nowMs, this.#settings.pulseIntervalMs);
  }

  /** Pulses go before what waits for the addresses, so that the next standby does not take this node for dead as well. */
  #enterActive(): void {
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#timesGiven = 0;
    this.#advertisementMs = this.#nowMs;
    this.do({ do: "add-addresses" });
    this.pulse();
    this.#announcements.start(this.#nowMs);
    // The first one, which waits for the addresses.
    if (this.#announcements.take(this.#nowMs)) this.do({ do: "announce" });
    this.#advertise();
  }

  /** How long an active is waited for: one that this node has handed over to counts as if it had just been heard, behind all others. */
  #successorMs(trigger: Trigger): number {
    const { intervalMs, pulseIntervalMs, skewOfMs, peers, faces, paths } = this.#settings;
    const downMs = activeDownMs(this.#health.effectivePriority, intervalMs, skewOfMs);
    if (trigger !== "handed-over" || !faces.every(({ name }) => paths.includes(name))) return downMs;
    return Math.min(downMs, SILENT_INTERVALS * pulseIntervalMs + rankSkewMs(peers.length, pulseIntervalMs));
  }

  #leaveActive(resigns: boolean): void {
    this.#announcements.stop();
    this.do({ do: "remove-addresses" });
    if (!resigns) return;
    const downMs = activeDownMs(this.#health.effectivePriority, this.#settings.intervalMs);
    this.#resignedMs = this.#nowMs;
    this.#resigningUntilMs = this.#nowMs + GRACE_DOWN_TIMES * downMs;
    this.#sendAdvertisements(0);
  }

  #sendAdvertisements(priority: number): void {
    if (priority !== this.#advertisedPriority) {
      this.#advertisedPriority = priority;
      this.#advertisements = this.#health.faces.flatMap(({ name: face, families }) =>
        families.map((family) => ({ do: "send-advertisement", face, family, priority }) as const),
      );
    }
    for (const effect of this.#advertisements)
      if (this.#health.face(effect.face)?.up === true) this.do(effect);
  }

  #restartTimer(deadMs: number): void {
    this.#downMs = deadMs - this.#nowMs;
    this.#activeDownMs = deadMs;
    this.#graceEndMs = deadMs + GRACE_DOWN_TIMES * this.#downMs;
  }
}

/** A beat that is only a little late keeps step; one that was sent early, or much too late, begins anew. */
function nextBeatMs(dueMs: number, nowMs: number, intervalMs: number): number {
  const isInStep = dueMs <= nowMs && nowMs < dueMs + intervalMs;
  return (isInStep ? dueMs : nowMs) + intervalMs;
}
