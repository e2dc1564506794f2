import type { IpAddress } from "../../base/ip.ts";
import { equalIp } from "../../base/ip.ts";
import type { Pulse, PulseHeir } from "../../wire/pulse.ts";
import type { PeerSettings, PeerView } from "./election-types.ts";
import { isSeverelyIll } from "./health.ts";
import type { HeardPaths } from "./heard-paths.ts";
import type { Rank } from "./rank.ts";
import {
  activeDownMs,
  CONTEST_DOWN_TIMES,
  RESIGNATION_GUARD_INTERVALS,
  SILENT_INTERVALS,
  stableMs,
} from "./timing.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/** What this node knows of another node of the document. */
export class Peer {
  readonly name: string;
  /** The configured one. */
  readonly priority: number;
  readonly #addresses: readonly IpAddress[];
  readonly #paths: HeardPaths;
  readonly #intervals: { readonly intervalMs: number; readonly pulseIntervalMs: number };
  readonly #rank: { -readonly [K in keyof Rank]: Rank[K] };
  #pulse: Pulse | undefined;
  #lastPulseMs = NEVER;
  /** When it said last that it has a face down or a veto. */
  #severeMs = NEVER;
  #resignedMs = NEVER;
  #contestedMs = NEVER;
  #contestedSinceMs = NEVER;

  constructor(
    settings: PeerSettings,
    paths: HeardPaths,
    intervals: { readonly intervalMs: number; readonly pulseIntervalMs: number },
  ) {
    this.name = settings.name;
    this.priority = settings.priority;
    this.#addresses = settings.addresses;
    this.#paths = paths;
    this.#intervals = intervals;
    const { name, addresses } = settings;
    this.#rank = { name, tableComplete: undefined, effectivePriority: 0, addresses };
  }

  /** Between its pulses, as it says. */
  get #pulseIntervalMs(): number {
    return this.#pulse?.intervalMs ?? this.#intervals.pulseIntervalMs;
  }

  /** For what takes the longer interval of both: one document gives it to all nodes. */
  get #intervalMs(): number {
    return Math.max(this.#intervals.intervalMs, this.#pulseIntervalMs);
  }

  /** Whether an advertisement with this source address is the peer's. */
  sends(source: IpAddress): boolean {
    const isSource = (address: IpAddress) => equalIp(address, source);
    return this.#addresses.some(isSource) || (this.#pulse?.advertisementSources.some(isSource) ?? false);
  }

  /** An advertisement of it, that may say that it is active. */
  advertised(nowMs: number, path: string, advertisementMs: number, isActive: boolean): void {
    const interval = { advertisementMs, pulseMs: this.#pulseIntervalMs };
    this.#paths.heardAdvertisement(nowMs, path, interval, isActive && !this.hasJustResigned(nowMs));
  }

  /**
   * @param isSameDocument what it says of paths means the same ones
   * @returns whether it says for the first time that it gave way to another active
   */
  said(nowMs: number, path: string, pulse: Pulse, isSameDocument: boolean): boolean {
    const gaveWay = pulse.gaveWay && this.#pulse?.gaveWay !== true;
    // Pulses come in order, so this one was sent after the resignation.
    if (pulse.role === "active" && this.#pulse?.role !== "active") this.#resignedMs = NEVER;
    this.#pulse = pulse;
    this.#lastPulseMs = nowMs;
    // 0 is no illness: it is set aside, or in fault.
    const { effectivePriority } = pulse;
    if (effectivePriority > 0 && isSeverelyIll(this.priority, effectivePriority)) this.#severeMs = nowMs;
    this.#paths.told(isSameDocument ? pulse.heard : undefined);
    const isActive = pulse.role === "active";
    if (!isActive) this.#paths.forgetActive();
    this.#paths.heardPulse(nowMs, path, pulse.intervalMs, isActive && !this.hasJustResigned(nowMs, "pulse"));
    return gaveWay;
  }

  /** A pulse came by this path after a newer one had come by another. */
  wasOvertaken(nowMs: number, path: string): void {
    this.#paths.heardPulse(nowMs, path, this.#pulseIntervalMs, false);
  }

  resigned(nowMs: number): void {
    this.#paths.forgetActive();
    this.#resignedMs = nowMs;
  }

  /** Something on some path was heard within an active-down time, reckoned with the longest skew. */
  isAlive(nowMs: number): boolean {
    return !this.hasStopped && nowMs < this.#paths.aliveUntilMs;
  }

  /** It said last that it has stopped. */
  get hasStopped(): boolean {
    return this.#pulse?.role === "stopped";
  }

  /** It said so, and may have been silent since then for no longer than an active-down time with the longest skew. */
  isActive(nowMs: number): boolean {
    return nowMs < this.#paths.activeUntilMs + this.#pulseIntervalMs;
  }

  /** When every path from it will have been silent for three intervals, if nothing more is heard of it as active. */
  get activeUntilMs(): number {
    return this.#paths.activeUntilMs;
  }

  /** What our pulses to it say of the paths on which we hear it (`Pulse.heard`). */
  heardPaths(nowMs: number): number {
    return this.#paths.heard(nowMs);
  }

  /** It talks, and does not say that it hears this node's pulses on a path. */
  isDeafOn(nowMs: number, path: string): boolean {
    return this.isKnown(nowMs) && this.#paths.heardByPeer(path) !== true;
  }

  /**
   * Both are active, and the other one says, again and again, that it hears nothing of this node: it cannot give way, whatever
   * its rank, so this node must.
   */
  cannotYield(nowMs: number): boolean {
    return this.#paths.isDeaf && this.isKnown(nowMs) && this.#isContestLasting(nowMs);
  }

  /** Whether what says that it is active may have been sent before it resigned: pulses are sent oftener, and so are sooner out of date. */
  hasJustResigned(nowMs: number, by?: "pulse"): boolean {
    const intervalMs = by === "pulse" ? this.#pulseIntervalMs : this.#intervalMs;
    return nowMs - this.#resignedMs < RESIGNATION_GUARD_INTERVALS * intervalMs;
  }

  /** Whether it can take over with every connection. */
  isCandidate(nowMs: number): boolean {
    const pulse = this.#livingStandby(nowMs);
    return pulse?.tableComplete === true && !pulse.resigning && pulse.effectivePriority > 0;
  }

  /** Whether it takes over before a node that lacks connections, although it is set aside. */
  isReserve(nowMs: number): boolean {
    const pulse = this.#livingStandby(nowMs);
    return pulse?.tableComplete === true && !pulse.resigning && pulse.inReserve;
  }

  /** Whether it is set aside, and would serve where an active cannot. */
  isFitInNeed(nowMs: number): boolean {
    const pulse = this.#livingStandby(nowMs);
    return pulse?.resigning === false && pulse.fitInNeed;
  }

  /** It has had neither a face down nor a veto for as long as keeps away links that flap. */
  isStable(nowMs: number): boolean {
    return nowMs - this.#severeMs >= stableMs(this.priority, this.#intervals.intervalMs);
  }

  /** Somebody has set it aside: any other standby that cannot be active is in fault. */
  isSetAside(nowMs: number): boolean {
    return this.#livingStandby(nowMs)?.effectivePriority === 0;
  }

  /** It has sent a pulse within the time after which a path counts as silent. */
  isPulsing(nowMs: number): boolean {
    return nowMs - this.#lastPulseMs < SILENT_INTERVALS * this.#pulseIntervalMs;
  }

  /** Its pulses arrive: it is known what it could do. */
  isKnown(nowMs: number): boolean {
    return nowMs - this.#lastPulseMs < activeDownMs(0, this.#intervalMs);
  }

  /** Whether it is there and could become active, with or without the connections; nobody has set it aside. */
  isAble(nowMs: number): boolean {
    const pulse = this.#livingStandby(nowMs);
    return pulse?.resigning === false && pulse.effectivePriority > 0;
  }

  /** What it said last, if it is a standby that still talks: what it could do counts only as long as it lives. */
  #livingStandby(nowMs: number): Pulse | undefined {
    if (!this.isKnown(nowMs) || !this.isAlive(nowMs)) return undefined;
    return this.#pulse?.role === "standby" ? this.#pulse : undefined;
  }

  /** Whom it has named to take over from it, as far as is known of late. */
  heir(nowMs: number): PulseHeir {
    return this.isKnown(nowMs) ? (this.#pulse?.heir ?? "none") : "none";
  }

  get wantsToBeActive(): boolean {
    return this.#pulse?.wantsToBeActive ?? false;
  }

  /** Both are active, and this node ranks itself higher. */
  contested(nowMs: number): void {
    if (!this.#isContested(nowMs)) this.#contestedSinceMs = nowMs;
    this.#contestedMs = nowMs;
  }

  /**
   * With the priority of its last pulse, or the one given (an advertisement may be newer). Advertisements say nothing
   * of the table: if pulses are missing on one side, or a contest lasts because each side ranks itself higher, then
   * only what RFC 9568 compares counts, which is the same on both sides. The next answer takes its memory.
   */
  rank(nowMs: number, effectivePriority = this.#pulse?.effectivePriority ?? 0): Rank {
    const isTableTold = this.isKnown(nowMs) && !this.#isContestLasting(nowMs);
    this.#rank.tableComplete = isTableTold ? this.#pulse?.tableComplete : undefined;
    this.#rank.effectivePriority = effectivePriority;
    return this.#rank;
  }

  view(nowMs: number): PeerView {
    return {
      name: this.name,
      alive: this.isAlive(nowMs),
      role: this.#pulse?.role,
      priority: this.#pulse?.effectivePriority,
      tableComplete: this.#pulse?.tableComplete ?? false,
      watermark: this.#pulse?.watermark ?? 0,
      revision: this.#pulse?.revision,
      paths: this.#paths.view(nowMs, this.isKnown(nowMs)),
    };
  }

  #isContestLasting(nowMs: number): boolean {
    return this.#isContested(nowMs) && nowMs - this.#contestedSinceMs > CONTEST_DOWN_TIMES * this.#silenceMs;
  }

  #isContested(nowMs: number): boolean {
    return nowMs - this.#contestedMs < this.#silenceMs;
  }

  /** An active-down time of its pulses, with the longest skew: what depends on a contest is asked only where they arrive. */
  get #silenceMs(): number {
    return activeDownMs(0, this.#pulseIntervalMs);
  }
}
