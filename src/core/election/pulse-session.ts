import type { PulseHeader } from "../../wire/pulse.ts";

/** The low bits of a session number count acquaintances; the others name the start. */
const COUNT_BITS = 16n;

export type Freshness = "fresh" | "hello" | "stale";

/**
 * Tells fresh pulses of one peer on one path from replayed ones (docs/protocol/pulse.md).
 *
 * Our session number is a challenge. A start of the peer gets acquainted by echoing it, and then it changes, so that
 * nothing that was sent before can do the same again. Of a start that is acquainted, each pulse must be newer than the
 * last. Give it only pulses whose tag, sender and recipient were checked.
 */
export class PulseSession {
  #own: bigint;
  /** The start of the peer that we are acquainted with, its session, and its newest pulse. */
  #peer: { readonly start: bigint; session: bigint; sequence: number } | undefined;
  /** What we heard last and what has proved nothing: we echo it as long as we have no acquaintance. */
  #candidate = 0n;

  /** `ownSession` is random, 64 bits, and never the same in two starts. */
  constructor(ownSession: bigint) {
    this.#own = ((ownSession >> COUNT_BITS) << COUNT_BITS) + 1n;
  }

  /** What was heard last and has proved nothing; 0: nothing was. */
  get candidate(): bigint {
    return this.#candidate;
  }

  /** The start of the peer that we are acquainted with. */
  get peerStart(): bigint | undefined {
    return this.#peer?.start;
  }

  /** Whether this answers our challenge, which is used up by that: the next one is another. */
  takeAnswer(echo: bigint): boolean {
    if (echo !== this.#own) return false;
    this.#own = BigInt.asUintN(64, this.#own + 1n) || 1n;
    return true;
  }

  /**
   * Only a "fresh" pulse's content may be used. "hello" may be a peer that has just started, or a recording.
   *
   * @param isAnswer whether the echo answers a challenge of ours, be it one of another path; it uses that challenge up
   */
  accept({ session, echo, sequence }: PulseHeader, isAnswer: (echo: bigint) => boolean): Freshness {
    const peer = this.#peer;
    // Nearly always it is the very session: what it starts with need not be worked out.
    const start = peer?.session === session ? peer.start : startOf(session);
    if (peer?.start === start) {
      if (sequence <= peer.sequence) return "stale";
      peer.session = session;
      peer.sequence = sequence;
      return "fresh";
    }
    if (!isAnswer(echo)) {
      this.#candidate = session;
      return "hello";
    }
    this.#peer = { start, session, sequence };
    return "fresh";
  }

  /**
   * Writes the header of a pulse to the peer on this path into memory that is there already. Numbers grow with every pulse; those that say the
   * same on several paths have one.
   */
  fillHeader(
    into: { -readonly [K in keyof PulseHeader]: PulseHeader[K] },
    sequence: number,
    echo = this.#peer?.session ?? this.#candidate,
  ): PulseHeader {
    into.session = this.#own;
    into.echo = echo;
    into.sequence = sequence;
    return into;
  }
}

/** What all session numbers of one start of a node have in common. */
export function startOf(session: bigint): bigint {
  return session >> COUNT_BITS;
}
