/** Each is asked about at every expectation. */
export const ZONES_MAX = 64;

/** Conntrack zones, beside 0, in which flows of this node have been seen: the first so many. */
export class KnownZones {
  readonly #zones = new Set<number>();

  get all(): ReadonlySet<number> {
    return this.#zones;
  }

  add(zone: number): void {
    if (zone !== 0 && this.#zones.size < ZONES_MAX) this.#zones.add(zone);
  }
}
