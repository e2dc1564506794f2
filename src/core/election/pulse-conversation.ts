import type { PulseHeader } from "../../wire/pulse.ts";
import { PulseSession, startOf } from "./pulse-session.ts";
import { activeDownMs } from "./timing.ts";

/** Starts of the peer that are over and remembered: what was held back of them must not be believed. */
const FORMER_STARTS_MAX = 8;

export type Hearing =
  /** Nothing newer was heard on any path. */
  | "fresh"
  /** It proves that this path works; what it says is older than what is known. */
  | "overtaken"
  /** See `PulseSession`; also a pulse of a start of the peer that is over. */
  | "stale"
  | "hello"
  /** A path that the group does not have. */
  | "unknown-path";

/**
 * What two nodes say to each other about one group on all paths between them: the same pulse goes out on each, with one
 * number, so that it is known which one is newer, by whatever path it came. Whether a copy is fresh is proved on each path for
 * itself (`PulseSession`), but the challenge that a path answers may have come by another: some paths may carry one direction
 * only, and others the other one.
 */
export class PulseConversation {
  readonly #sessions: ReadonlyMap<string, PulseSession>;
  readonly #downMs: number;
  #ownSequence = 0;
  /** The start of the peer that is believed now, its newest pulse, and when it was last heard. */
  #start: bigint | undefined;
  #newest = 0;
  #heardMs = Number.NEGATIVE_INFINITY;
  readonly #formerStarts: bigint[] = [];
  readonly #header = { session: 0n, echo: 0n, sequence: 0 };
  /** The session number of the last pulse that was fresh, and of the last that was not. */
  #proved = 0n;
  #candidate = 0n;

  /** `ownSession` is as for `PulseSession`: all paths share one start. */
  constructor(options: {
    readonly ownSession: bigint;
    readonly paths: readonly string[];
    readonly intervalMs: number;
  }) {
    const { ownSession, paths, intervalMs } = options;
    this.#sessions = new Map(paths.map((path) => [path, new PulseSession(ownSession)]));
    this.#downMs = activeDownMs(0, intervalMs);
  }

  /** Begins the next pulse; then take a header for each path. */
  next(): void {
    this.#ownSequence += 1;
  }

  /** The next one takes its memory. */
  header(path: string): PulseHeader | undefined {
    const session = this.#sessions.get(path);
    return session?.fillHeader(this.#header, this.#ownSequence, this.#echoOn(session));
  }

  /** Of a pulse whose tag, sender, recipient and path were checked. Only what is "fresh" may be used. */
  accept(nowMs: number, path: string, pulse: PulseHeader): Hearing {
    const session = this.#sessions.get(path);
    if (session === undefined) return "unknown-path";
    const startBefore = session.peerStart;
    const freshness = session.accept(pulse, this.#isAnswer);
    if (freshness === "hello") this.#candidate = pulse.session;
    if (freshness !== "fresh") return freshness;
    // What was fresh is of the start that the path is acquainted with.
    const start = session.peerStart ?? startOf(pulse.session);
    if (start !== this.#start) {
      const isMet = session.peerStart !== startBefore;
      if (!this.#mayBelieve(nowMs, start, isMet)) return "stale";
      this.#believe(start);
    }
    this.#heardMs = nowMs;
    this.#proved = pulse.session;
    if (pulse.sequence < this.#newest) return "overtaken";
    this.#newest = pulse.sequence;
    return "fresh";
  }

  /** @returns undefined for what the path itself is acquainted with */
  #echoOn({ peerStart, candidate }: PulseSession): bigint | undefined {
    if (this.#start !== undefined && peerStart === this.#start) return undefined;
    // What this path has heard may be a recording, and what another has heard may be used up by a third: turn about.
    const isOwnTurn = this.#ownSequence % 2 === 0;
    if (this.#start === undefined) return (isOwnTurn && candidate) || this.#candidate;
    return isOwnTurn && startOf(candidate) === this.#start ? candidate : this.#proved;
  }

  readonly #isAnswer = (echo: bigint): boolean => {
    for (const session of this.#sessions.values()) if (session.takeAnswer(echo)) return true;
    return false;
  };

  /** A peer that has just proved to be there is newer than the start that we know; else that one must be silent first. */
  #mayBelieve(nowMs: number, start: bigint, isMet: boolean): boolean {
    if (nowMs - this.#heardMs >= this.#downMs) return true;
    return isMet && !this.#formerStarts.includes(start);
  }

  #believe(start: bigint): void {
    if (this.#start !== undefined) this.#formerStarts.push(this.#start);
    if (this.#formerStarts.length > FORMER_STARTS_MAX) this.#formerStarts.shift();
    this.#start = start;
    this.#newest = 0;
  }
}
