/**
 * Connections that this node's kernel refused to create, and that nothing has made up for yet.
 *
 * A comparison sends again what is missing here. So when one has ended, only what was refused since it began is open:
 * what it sent again itself, in vain, is among that.
 */
export class UnprotectedCount {
  #settled = 0;
  #begun: number | undefined;

  /** A comparison, or a copy of everything, begins. @param refused connections that were ever refused */
  began(refused: number): void {
    this.#begun ??= refused;
  }

  /** It was broken off: nothing is made up for. */
  abandoned(): void {
    this.#begun = undefined;
  }

  /** Everything that it found missing was sent again. */
  ended(): void {
    this.#settled = this.#begun ?? this.#settled;
    this.#begun = undefined;
  }

  of(refused: number): number {
    return refused - this.#settled;
  }
}
