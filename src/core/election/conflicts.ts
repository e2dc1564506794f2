/** A conflict that pauses for so long and comes back is told again. */
const TOLD_AGAIN_MS = 5_000;
/** Anyone on the link can be another active: more of them at a time are counted, and not told by name. */
const NAMES_MAX = 16;

/** Which other actives this node stays active beside: each is told once, not with every advertisement. */
export class Conflicts {
  readonly #lastMs = new Map<string, number>();

  /** @returns whether it is to be told */
  note(nowMs: number, name: string): boolean {
    for (const [other, lastMs] of this.#lastMs)
      if (nowMs - lastMs >= TOLD_AGAIN_MS) this.#lastMs.delete(other);
    const isKnown = this.#lastMs.has(name);
    if (!isKnown && this.#lastMs.size >= NAMES_MAX) return false;
    this.#lastMs.set(name, nowMs);
    return !isKnown;
  }
}
