import type { GroupSet } from "./flow-owner.ts";

/**
 * Groups of which connections may have come to this node that the active node does not know: this node was active for them
 * itself, or two others at once. It belongs to the node, not to a stream: streams begin anew when a node becomes standby.
 */
export class UnmergedGroups {
  #groups: GroupSet = 0;

  /** Of these, what is here beyond a whole copy is no stale connection. */
  among(groups: GroupSet): GroupSet {
    return this.#groups & groups;
  }

  /** This node is active for them. */
  add(groups: GroupSet): void {
    this.#groups |= groups;
  }

  /** The node that is active for them was offered everything that it may have lacked. */
  merged(groups: GroupSet): void {
    this.#groups &= ~groups;
  }
}

/** What one source says that it is active for. */
interface Claimant {
  readonly sourceGroups: GroupSet;
  /** When it began to say so of a group. */
  readonly claimedMs: number;
  readonly heardMs: number;
}

/**
 * Groups that other sources claim as well, beside that of this stream. One that has not been heard since this one's claim does
 * not count: it is dead more likely than active, or about to say that it is not.
 */
export function rivalsOf(claimant: Claimant, all: Iterable<Claimant>): GroupSet {
  let groups = 0;
  for (const other of all)
    if (other !== claimant && other.heardMs > claimant.claimedMs) groups |= other.sourceGroups;
  return groups;
}
