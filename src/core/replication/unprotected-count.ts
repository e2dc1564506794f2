import type { GroupSet } from "./flow-owner.ts";

interface Refused {
  open: number;
  /** … since a comparison of the group began that is under way. */
  since: number | undefined;
}

/** Flows of no group: in no comparison as such, but sent again with each, where they are forwarded. */
const NO_GROUP: GroupSet = 0;
const GROUPS_MAX = 8;

/**
 * Connections that this node's kernel refused to create, and that nothing has made up for yet, by group: whichever node is a
 * group's source, a comparison with it settles what was refused of that group, and of no other.
 *
 * A comparison sends again what is missing here. So when one has ended, only what was refused since it began is open:
 * what it sent again itself, in vain, is among that.
 */
export class UnprotectedCount {
  readonly #groups = new Map<GroupSet, Refused>(
    [NO_GROUP, ...Array.from({ length: GROUPS_MAX }, (_, bit) => 1 << bit)].map((group) => [
      group,
      { open: 0, since: undefined },
    ]),
  );

  /** A connection of one group, or of none. */
  refused(group: GroupSet): void {
    for (const one of this.#of(group)) {
      one.open++;
      if (one.since !== undefined) one.since++;
    }
  }

  /** A comparison, or a copy of everything, begins. */
  began(groups: GroupSet): void {
    for (const one of this.#withNone(groups)) one.since ??= 0;
  }

  /** It was broken off: nothing is made up for. */
  abandoned(groups: GroupSet): void {
    for (const one of this.#withNone(groups)) one.since = undefined;
  }

  /** Everything that it found missing was sent again. */
  ended(groups: GroupSet): void {
    for (const one of this.#withNone(groups)) {
      one.open = one.since ?? one.open;
      one.since = undefined;
    }
  }

  /** This node is active for these: what it has is all that there is. */
  forget(groups: GroupSet): void {
    for (const one of this.#of(groups)) {
      one.open = 0;
      one.since = undefined;
    }
  }

  of(group: GroupSet): number {
    return this.#groups.get(group)?.open ?? 0;
  }

  get total(): number {
    return [...this.#groups.values()].reduce((sum, { open }) => sum + open, 0);
  }

  *#withNone(groups: GroupSet): Iterable<Refused> {
    yield* this.#of(NO_GROUP);
    if (groups !== NO_GROUP) yield* this.#of(groups);
  }

  *#of(groups: GroupSet): Iterable<Refused> {
    for (const [group, one] of this.#groups)
      if (groups === NO_GROUP ? group === NO_GROUP : (group & groups) !== 0) yield one;
  }
}
