import { AnnouncementSchedule } from "./announcement-schedule.ts";
import type { ElectionEffect, ElectionSettings, GroupRole, TransitionReason } from "./election-types.ts";
import type { Health } from "./health.ts";
import {
  ASSERTION_RATE_MAX,
  activeDownMs,
  GRACE_DOWN_TIMES,
  INIT_DOWN_TIMES,
  latenessMs,
  skewMs,
} from "./timing.ts";
import { type Trigger, transitions } from "./transitions.ts";

const NEVER = Number.POSITIVE_INFINITY;

/**
 * This node in the group: its role, its timers, and what they make it do. When a role is to change is decided
 * in election.ts.
 */
export class Membership {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #announcements = new AnnouncementSchedule();
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

  constructor(settings: ElectionSettings, health: Health, nowMs: number) {
    const { priority, intervalMs } = settings;
    this.#settings = settings;
    this.#health = health;
    this.#nowMs = this.#sinceMs = this.#beatMs = nowMs;
    this.#listenEndMs = nowMs + INIT_DOWN_TIMES * activeDownMs(priority, intervalMs);
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
      this.#beatMs,
      canLeaveInit ? this.#listenEndMs : NEVER,
      this.silenceMs,
      this.#announcements.deadline,
    );
  }

  // ---- Time ----

  /** Begins to handle an input; `deadline` was due before it. @returns whether the node has overslept */
  begin(nowMs: number, deadline: number): boolean {
    // What was due when the last input came was late already then, and that was noticed.
    const lateMs = nowMs - Math.max(deadline, this.#nowMs);
    const isLate = lateMs > latenessMs(this.#settings.intervalMs, this.isListening);
    this.#effects = [];
    this.#nowMs = nowMs;
    return isLate;
  }

  get effects(): readonly ElectionEffect[] {
    return this.#effects;
  }

  /**
   * Whoever wakes late cannot know what it missed: it listens for an interval, and a standby whose timer ran out
   * meanwhile starts it anew, once: on a machine that is late all the time somebody must still become active.
   */
  listenAfterLateness(): void {
    this.#listenEndMs = Math.max(this.#listenEndMs, this.#nowMs + this.#settings.intervalMs);
    if (this.#role !== "standby" || this.#nowMs < this.#activeDownMs || this.#restartedLate) return;
    this.#restartTimer(this.#settings.intervalMs);
    this.#restartedLate = true;
  }

  /** In init nothing more is to be learnt than that there is an active. */
  endInitListening(): void {
    if (this.#role === "init") this.#listenEndMs = Math.min(this.#listenEndMs, this.#nowMs);
  }

  /** An active was heard that this node does not contest. */
  follow(intervalMs: number): void {
    this.#restartTimer(intervalMs);
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#restartedLate = false;
  }

  /** The active resigned, and others may come first: wait for the skew time. */
  awaitSkew(): void {
    const skew = skewMs(this.#health.effectivePriority, this.#settings.intervalMs);
    this.#activeDownMs = Math.min(this.#activeDownMs, this.#nowMs + skew);
  }

  /** The timer ran out, but others are to come first. @returns false when they had time enough */
  waitForOthers(): boolean {
    if (this.#nowMs >= this.#graceEndMs) return false;
    this.#activeDownMs = Math.min(this.#nowMs + this.#settings.intervalMs, this.#graceEndMs);
    return true;
  }

  /** Sends what is due. */
  beatIfDue(): void {
    if (this.#nowMs >= this.#beatMs) this.beat();
    if (this.#announcements.take(this.#nowMs)) this.do({ do: "announce" });
  }

  // ---- Deeds ----

  do(effect: ElectionEffect): void {
    this.#effects.push(effect);
  }

  /** Changes the role as the table says. */
  go(trigger: Trigger, cause: string, reason: TransitionReason = { kind: trigger }): void {
    const from = this.#role;
    const to = transitions[from][trigger];
    if (to === undefined) return;
    if (from === "active") this.#leaveActive(trigger !== "yielded");
    this.#role = to;
    this.#sinceMs = this.#nowMs;
    this.#cause = cause;
    if (to === "active") this.#enterActive();
    if (to === "standby") this.#restartTimer(this.#settings.intervalMs);
    this.beat();
    this.do({ do: "transition", from, to, cause, reason });
    if (to === "stopped") this.do({ do: "finished" });
  }

  /** RFC 9568 6.4.3: answer a lower active at once. The neighbours' caches may hold its address: announce again. */
  assert(): void {
    const { intervalMs } = this.#settings;
    this.#announcements.restart(this.#nowMs + Math.max(intervalMs, 50));
    const lastBeatMs = this.#beatMs - intervalMs;
    if (this.#nowMs - lastBeatMs >= intervalMs / ASSERTION_RATE_MAX) this.beat();
  }

  /** A face came up. */
  announceAnew(): void {
    if (this.#role === "active") this.#announcements.start(this.#nowMs);
  }

  beat(): void {
    const { intervalMs } = this.#settings;
    if (this.#role === "active") this.#sendAdvertisements(this.#health.effectivePriority);
    this.do({ do: "send-pulses" });
    const isInStep = this.#beatMs <= this.#nowMs && this.#nowMs < this.#beatMs + intervalMs;
    this.#beatMs = (isInStep ? this.#beatMs : this.#nowMs) + intervalMs;
  }

  #enterActive(): void {
    this.#resigningUntilMs = Number.NEGATIVE_INFINITY;
    this.#restartedLate = false;
    this.do({ do: "add-addresses" });
    this.#announcements.start(this.#nowMs);
    if (this.#announcements.take(this.#nowMs)) this.do({ do: "announce" });
  }

  #leaveActive(resigns: boolean): void {
    this.#announcements.stop();
    this.do({ do: "remove-addresses" });
    if (!resigns) return;
    const downMs = activeDownMs(this.#health.effectivePriority, this.#settings.intervalMs);
    this.#resigningUntilMs = this.#nowMs + GRACE_DOWN_TIMES * downMs;
    this.#sendAdvertisements(0);
  }

  #sendAdvertisements(priority: number): void {
    for (const { name: face, families, up } of this.#health.faces) {
      if (!up) continue;
      for (const family of families) this.do({ do: "send-advertisement", face, family, priority });
    }
  }

  #restartTimer(intervalMs: number): void {
    const downMs = activeDownMs(this.#health.effectivePriority, intervalMs);
    this.#activeDownMs = this.#nowMs + downMs;
    this.#graceEndMs = this.#activeDownMs + GRACE_DOWN_TIMES * downMs;
  }
}
