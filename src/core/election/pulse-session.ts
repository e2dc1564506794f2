import type { Pulse } from "../../wire/pulse.ts";

/**
 * Sessions of the peer that are over are remembered up to this many; then our own session changes, which makes
 * everything recorded so far worthless, and the memory starts anew.
 */
const RETIRED_SESSIONS_MAX = 64;

export type Freshness = "fresh" | "hello" | "stale";

/**
 * Tells fresh pulses of one peer on one path from replayed ones (docs/protocol/pulse.md).
 *
 * The random session of each start is a challenge to the peer: a pulse counts only if it echoes ours, so it was made
 * after we started, and if it is newer than all before it. Give it only pulses whose tag, sender and recipient
 * were checked.
 */
export class PulseSession {
  #ownSession: bigint;
  #ownSequence = 0;
  /** The peer's session that has proved itself by echoing ours, with the highest sequence accepted in it. */
  #peer: { readonly session: bigint; sequence: number } | undefined;
  /** A session that we heard and that has proved nothing: we echo it as long as we have no better. */
  #candidate = 0n;
  readonly #retired = new Set<bigint>();

  /** `ownSession` is random, 64 bits, not 0, and never the same in two starts. */
  constructor(ownSession: bigint) {
    this.#ownSession = ownSession;
  }

  /** Only a "fresh" pulse's content may be used. After "hello" our next header answers the peer's challenge. */
  accept(pulse: Pick<Pulse, "session" | "echo" | "sequence">): Freshness {
    const isKnown = pulse.session === this.#peer?.session;
    if (this.#retired.has(pulse.session)) return "stale";
    if (pulse.echo !== this.#ownSession) {
      // It may come from a peer that has not heard this start of ours yet, or be a recording: nobody can tell.
      if (this.#peer === undefined) this.#candidate = pulse.session;
      return isKnown && pulse.sequence <= (this.#peer?.sequence ?? 0) ? "stale" : "hello";
    }
    if (this.#peer !== undefined && isKnown) {
      if (pulse.sequence <= this.#peer.sequence) return "stale";
      this.#peer.sequence = pulse.sequence;
      return "fresh";
    }
    if (this.#peer !== undefined) this.#retire(this.#peer.session);
    this.#peer = { session: pulse.session, sequence: pulse.sequence };
    return "fresh";
  }

  /** The header of the next pulse to the peer on this path. */
  nextHeader(): Pick<Pulse, "session" | "echo" | "sequence"> {
    this.#ownSequence += 1;
    return {
      session: this.#ownSession,
      echo: this.#peer?.session ?? this.#candidate,
      sequence: this.#ownSequence,
    };
  }

  #retire(session: bigint): void {
    if (this.#retired.size >= RETIRED_SESSIONS_MAX) {
      // The next number was never sent, so no recording echoes it; 0 means "none" and is left out.
      this.#ownSession = BigInt.asUintN(64, this.#ownSession + 1n) || 1n;
      this.#retired.clear();
    }
    this.#retired.add(session);
  }
}
