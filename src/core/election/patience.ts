import { listeningLatenessMs, TIMES_GIVEN_MAX } from "./timing.ts";

/**
 * How late this node may wake before it listens anew. A node that sleeps again and again while it listens never knows how
 * things are; but where it hears nobody who could serve, it is needed. So each listening in vain doubles what it bears from
 * itself: however late a machine is, it serves in the end if it is alone, and a standstill that is longer than what is usual for it is
 * still noticed.
 */
export class Patience {
  readonly #limitMs: number;
  #factor = 1;
  #timesMet = 0;

  constructor(pulseIntervalMs: number) {
    this.#limitMs = listeningLatenessMs(pulseIntervalMs);
  }

  /** Whether so late is too late for a node that listens. */
  isTried(lateMs: number): boolean {
    return lateMs > this.#factor * this.#limitMs;
  }

  /** It was late again while it listened, and has heard nobody so far. */
  grow(): void {
    this.#factor *= 2;
  }

  /** Somebody is there who could serve. Not without end: that one may be late at every wake-up as well, and leave it to this node. */
  meet(): void {
    if (this.#factor === 1 || this.#timesMet >= TIMES_GIVEN_MAX) return;
    this.#timesMet += 1;
    this.#factor = 1;
  }

  /** Somebody serves, or it has come in time: the next time begins anew. */
  reset(): void {
    this.#timesMet = 0;
    this.#factor = 1;
  }
}
