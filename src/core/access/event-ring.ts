export interface KeptEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/**
 * The last events, so that who was cut off goes on where it was. Ids are the life of the ring and a number: an id of
 * another life is known to be unknown.
 */
export class EventRing {
  readonly #life: string;
  readonly #size: number;
  readonly #events: KeptEvent[] = [];
  #last = 0;

  constructor(life: string, size: number) {
    this.#life = life;
    this.#size = size;
  }

  get lastNumber(): number {
    return this.#last;
  }

  add(event: string, data: unknown): KeptEvent {
    const kept = { id: this.idOf(++this.#last), event, data };
    this.#events.push(kept);
    if (this.#events.length > this.#size) this.#events.shift();
    return kept;
  }

  idOf(number: number): string {
    return `${this.#life}-${number}`;
  }

  /** @returns the number of an event; undefined when it is not one whose followers are all known */
  numberOf(id: string): number | undefined {
    const [life, number = ""] = id.split("-");
    if (life !== this.#life || !/^[0-9]{1,15}$/.test(number)) return undefined;
    const value = Number(number);
    return value <= this.#last && value >= this.#last - this.#events.length ? value : undefined;
  }

  /** What came after an event, the oldest first; undefined when some of it is not known any more. */
  after(number: number): readonly KeptEvent[] | undefined {
    const missing = this.#last - number;
    if (missing > this.#events.length) return undefined;
    return missing <= 0 ? [] : this.#events.slice(-missing);
  }
}
