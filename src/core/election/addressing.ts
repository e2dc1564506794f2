import type { PulseHeir } from "../../wire/pulse.ts";
import type { Handover } from "./handover.ts";
import type { Membership } from "./membership.ts";
import type { Neighbourhood } from "./neighbourhood.ts";

/** What the pulses of a node in a group say to one peer only, and whether that one gets them. */
export class Addressing {
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

  /** The peer talks, and does not say that pulses reach it on a path. False where nothing is heard of it. */
  isDeafOn(peer: string, path: string): boolean {
    return this.#neighbourhood.peer(peer)?.isDeafOn(this.#member.nowMs, path) ?? false;
  }
}
