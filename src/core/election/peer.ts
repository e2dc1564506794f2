import type { IpAddress } from "../../base/ip.ts";
import { equalIp } from "../../base/ip.ts";
import type { Pulse } from "../../wire/pulse.ts";
import type { PeerSettings, PeerView } from "./election-types.ts";
import type { Rank } from "./rank.ts";
import { activeDownMs, CONTEST_DOWN_TIMES, RESIGNATION_GUARD_INTERVALS } from "./timing.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/** What this node knows of another node of the document. */
export class Peer {
  readonly name: string;
  readonly #addresses: readonly IpAddress[];
  readonly #lastHeardMs: Map<string, number>;
  readonly #ownIntervalMs: number;
  #pulse: Pulse | undefined;
  #lastPulseMs = NEVER;
  #lastActiveMs = NEVER;
  #resignedMs = NEVER;
  #contestedMs = NEVER;
  #contestedSinceMs = NEVER;

  constructor(settings: PeerSettings, paths: readonly string[], intervalMs: number) {
    this.name = settings.name;
    this.#addresses = settings.addresses;
    this.#lastHeardMs = new Map(paths.map((path) => [path, NEVER]));
    this.#ownIntervalMs = intervalMs;
  }

  get intervalMs(): number {
    return this.#pulse?.intervalMs ?? this.#ownIntervalMs;
  }

  /** Whether an advertisement with this source address is the peer's. */
  sends(source: IpAddress): boolean {
    const isSource = (address: IpAddress) => equalIp(address, source);
    return this.#addresses.some(isSource) || (this.#pulse?.advertisementSources.some(isSource) ?? false);
  }

  heard(nowMs: number, path: string): void {
    this.#lastHeardMs.set(path, nowMs);
  }

  said(nowMs: number, pulse: Pulse): void {
    // Pulses come in order, so this one was sent after the resignation.
    if (pulse.role === "active" && this.#pulse?.role !== "active") this.#resignedMs = NEVER;
    this.#pulse = pulse;
    this.#lastPulseMs = nowMs;
    if (pulse.role !== "active") this.#lastActiveMs = NEVER;
  }

  wasActive(nowMs: number): void {
    this.#lastActiveMs = nowMs;
  }

  resigned(nowMs: number): void {
    this.#lastActiveMs = NEVER;
    this.#resignedMs = nowMs;
  }

  /** Something on some path was heard within an active-down time, reckoned with the longest skew. */
  isAlive(nowMs: number): boolean {
    if (this.#pulse?.role === "stopped") return false;
    return this.#isWithinDownTime(nowMs, Math.max(...this.#lastHeardMs.values()));
  }

  isActive(nowMs: number): boolean {
    return this.#isWithinDownTime(nowMs, this.#lastActiveMs);
  }

  /** Whether what says that it is active may have been sent before it resigned. */
  hasJustResigned(nowMs: number): boolean {
    return nowMs - this.#resignedMs < RESIGNATION_GUARD_INTERVALS * this.intervalMs;
  }

  /** Whether it can take over with every connection. */
  isCandidate(nowMs: number): boolean {
    const pulse = this.#pulse;
    if (pulse === undefined || !this.#isWithinDownTime(nowMs, this.#lastPulseMs)) return false;
    return pulse.role === "standby" && pulse.tableComplete && !pulse.resigning && pulse.effectivePriority > 0;
  }

  get wantsToBeActive(): boolean {
    return this.#pulse?.wantsToBeActive ?? false;
  }

  /** Both are active, and this node ranks itself higher. */
  contested(nowMs: number): void {
    if (!this.#isWithinDownTime(nowMs, this.#contestedMs)) this.#contestedSinceMs = nowMs;
    this.#contestedMs = nowMs;
  }

  /**
   * With the priority of its last pulse, or the one given (an advertisement may be newer). Advertisements say nothing
   * of the table: if pulses are missing on one side, or a contest lasts because each side ranks itself higher, then
   * only what RFC 9568 compares counts, which is the same on both sides.
   */
  rank(nowMs: number, effectivePriority = this.#pulse?.effectivePriority ?? 0): Rank {
    const isTableTold = this.#isWithinDownTime(nowMs, this.#lastPulseMs) && !this.#isContestLasting(nowMs);
    return {
      name: this.name,
      tableComplete: isTableTold ? this.#pulse?.tableComplete : undefined,
      effectivePriority,
      addresses: this.#addresses,
    };
  }

  view(nowMs: number): PeerView {
    const isHeard = (heardMs: number) => (heardMs === NEVER ? undefined : heardMs);
    return {
      name: this.name,
      alive: this.isAlive(nowMs),
      role: this.#pulse?.role,
      priority: this.#pulse?.effectivePriority,
      tableComplete: this.#pulse?.tableComplete ?? false,
      watermark: this.#pulse?.watermark ?? 0n,
      revision: this.#pulse?.revision,
      paths: [...this.#lastHeardMs].map(([name, heardMs]) => ({ name, lastHeardMs: isHeard(heardMs) })),
    };
  }

  #isContestLasting(nowMs: number): boolean {
    if (!this.#isWithinDownTime(nowMs, this.#contestedMs)) return false;
    return nowMs - this.#contestedSinceMs > CONTEST_DOWN_TIMES * activeDownMs(0, this.intervalMs);
  }

  #isWithinDownTime(nowMs: number, heardMs: number): boolean {
    return nowMs - heardMs < activeDownMs(0, this.intervalMs);
  }
}
