/** Frames go out in bursts so far apart: a wake-up for each frame would cost more than the frame. */
const BURST_MS_MIN = 10;

/**
 * Which announcements of a face are to be sent when: all at once, or at most so many a second. An announcement that is
 * under way is not begun anew: with many addresses and a low rate the last ones would never have their turn.
 */
export class AnnouncementPacer {
  readonly #perBurst: number;
  readonly #burstMs: number;
  #count = 0;
  #sent = 0;
  /** When the next burst is due; Infinity when nothing is left to send. */
  deadline = Number.POSITIVE_INFINITY;

  /** @param perSecond at least 1; undefined for no limit */
  constructor(perSecond: number | undefined) {
    const frameMs = perSecond === undefined ? 0 : 1_000 / perSecond;
    this.#perBurst =
      frameMs === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(BURST_MS_MIN / frameMs));
    this.#burstMs = frameMs === 0 ? 0 : this.#perBurst * frameMs;
  }

  /** All `count` frames are to be sent from now on. */
  start(nowMs: number, count: number): void {
    if (this.#sent < this.#count) return;
    this.#count = count;
    this.#sent = 0;
    this.deadline = count === 0 ? Number.POSITIVE_INFINITY : nowMs;
  }

  stop(): void {
    this.#sent = this.#count;
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /** The frames that are due now: from the first index up to, not including, the second. */
  take(nowMs: number): readonly [from: number, to: number] {
    const from = this.#sent;
    if (nowMs < this.deadline) return [from, from];
    this.#sent = Math.min(this.#count, from + this.#perBurst);
    this.deadline = this.#sent < this.#count ? nowMs + this.#burstMs : Number.POSITIVE_INFINITY;
    return [from, this.#sent];
  }
}
