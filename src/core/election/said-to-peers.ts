import type { PulseHeir } from "../../wire/pulse.ts";
import type { Handover } from "./handover.ts";
import type { Membership } from "./membership.ts";
import type { Neighbourhood } from "./neighbourhood.ts";

/** What the pulses of a node in a group say to one peer only, and what is known of how they get there. */
export class SaidToPeers {
  readonly #member: Membership;
  readonly #neighbourhood: Neighbourhood;
  readonly #handover: Handover;

  constructor(member: Membership, neighbourhood: Neighbourhood, handover: Handover) {
    this.#member = member;
    this.#neighbourhood = neighbourhood;
    this.#handover = handover;
  }

  /** On which paths this node hears the peer (`Pulse.heard`). */
  heardPaths(peer: string): number {
    return this.#neighbourhood.peer(peer)?.heardPaths(this.#member.nowMs) ?? 0;
  }

  /** Whom this node hands over to (`Pulse.heir`). */
  heirFor(peer: string): PulseHeir {
    return this.#handover.heirFor(peer, this.#member.isResigning);
  }

  /** The peer says that it does not hear this node on a path. False where it says nothing, or is not heard itself. */
  isDeafOn(peer: string, path: string): boolean {
    return this.#neighbourhood.peer(peer)?.isDeafOn(this.#member.nowMs, path) ?? false;
  }
}
