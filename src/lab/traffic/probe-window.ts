/** What the probe saw since the last mark. Times in milliseconds. */
export interface ProbeReport {
  readonly sent: number;
  readonly answered: number;
  /** Longest time between the SENDING of two probes that were answered one after the other. */
  readonly gapMs: number;
  /**
   * The same, of those with a lost probe between them: 0 when none was lost. A probe that is late itself makes no gap here.
   */
  readonly outageMs: number;
  /** Longest time between two sendings in that outage, its ends included: so much of it may be the probe's own lateness. */
  readonly outageLateMs: number;
  /** Stretches of lost probes that have ended. */
  readonly outages: number;
  /** Longest time between two sendings anywhere: what the probe's own lateness adds to the gap. */
  readonly sendGapMs: number;
}

/** An answer that is still on its way is no outage yet. */
const OPEN_OUTAGE_MS_MIN = 50;
// Answers that come later than this many probes (about 4 s) count as lost.
const PENDING_MAX = 4_096;

interface Scan {
  readonly gapMs: number;
  readonly outageMs: number;
  readonly outageLateMs: number;
  readonly outages: number;
  readonly lastAnsweredMs: number;
  readonly outageFrom: number;
  readonly outageFromMs: number;
  /** Longest time between two sendings since then. */
  readonly lateMs: number;
  readonly answered: number;
}

/**
 * Which probes were answered, and the longest stretch of time in which none was. Judged by when the probes were
 * sent, so that an answer that waits in a queue does not look like an outage.
 */
export class ProbeWindow {
  readonly #sentMs = new Float64Array(PENDING_MAX);
  /** Time from the sending before it. */
  readonly #sentAfterMs = new Float64Array(PENDING_MAX);
  readonly #answered = new Uint8Array(PENDING_MAX);
  /** The number of the next probe. */
  #next = 0;
  /** Every probe before this one is judged for good. */
  #settled = 0;
  #lastAnsweredMs: number;
  #lastSentMs: number;
  #gapMs = 0;
  #outageMs = 0;
  #outageLateMs = 0;
  #outages = 0;
  /** The number of the last probe that was answered, or sent before the mark, and when it was sent. */
  #outageFrom = -1;
  #outageFromMs = 0;
  /** Longest time between two sendings since then, of those that are judged for good. */
  #lateMs = 0;
  #sendGapMs = 0;
  #answeredCount = 0;
  #markedAt = 0;

  constructor(nowMs: number) {
    this.#lastAnsweredMs = nowMs;
    this.#lastSentMs = nowMs;
    this.#outageFromMs = nowMs;
  }

  /** @returns the number of the probe that is sent now */
  send(nowMs: number): number {
    if (this.#next - this.#settled === PENDING_MAX) this.#settle(this.#settled + PENDING_MAX / 2);
    const sentAfterMs = nowMs - this.#lastSentMs;
    this.#sendGapMs = Math.max(this.#sendGapMs, sentAfterMs);
    this.#lastSentMs = nowMs;
    this.#sentMs[this.#next % PENDING_MAX] = nowMs;
    this.#sentAfterMs[this.#next % PENDING_MAX] = sentAfterMs;
    this.#answered[this.#next % PENDING_MAX] = 0;
    return this.#next++;
  }

  answer(number: number): void {
    if (number < this.#settled || number >= this.#next) return;
    this.#answered[number % PENDING_MAX] = 1;
  }

  /** Begins a new window; what is still on its way belongs to the old one. */
  mark(): void {
    this.#settle(this.#next);
    this.#gapMs = 0;
    this.#outageMs = 0;
    this.#outageLateMs = 0;
    this.#outages = 0;
    // What is on its way now is not lost: an outage begins after the mark.
    this.#outageFrom = this.#next - 1;
    this.#outageFromMs = this.#lastSentMs;
    this.#lateMs = 0;
    this.#sendGapMs = 0;
    this.#answeredCount = 0;
    this.#markedAt = this.#next;
  }

  report(nowMs: number): ProbeReport {
    const gap = this.#scan(this.#next);
    // An outage that goes on counts up to now.
    const openMs = nowMs - gap.lastAnsweredMs;
    const openOutageMs = nowMs - gap.outageFromMs;
    const isOpenLongest = openOutageMs >= OPEN_OUTAGE_MS_MIN && openOutageMs > gap.outageMs;
    const openLateMs = Math.max(gap.lateMs, nowMs - this.#lastSentMs);
    return {
      sent: this.#next - this.#markedAt,
      answered: this.#answeredCount + gap.answered,
      gapMs: round(Math.max(gap.gapMs, openMs)),
      outageMs: round(isOpenLongest ? openOutageMs : gap.outageMs),
      outageLateMs: round(isOpenLongest ? openLateMs : gap.outageLateMs),
      outages: gap.outages,
      sendGapMs: round(this.#sendGapMs),
    };
  }

  #settle(end: number): void {
    const { gapMs, outageMs, outageLateMs, outages, answered, ...since } = this.#scan(end);
    const { lastAnsweredMs, outageFrom, outageFromMs, lateMs } = since;
    this.#gapMs = gapMs;
    this.#outageMs = outageMs;
    this.#outageLateMs = outageLateMs;
    this.#outages = outages;
    this.#lastAnsweredMs = lastAnsweredMs;
    this.#outageFrom = outageFrom;
    this.#outageFromMs = outageFromMs;
    this.#lateMs = lateMs;
    this.#answeredCount += answered;
    this.#settled = end;
  }

  #scan(end: number): Scan {
    let gapMs = this.#gapMs;
    let outageMs = this.#outageMs;
    let outageLateMs = this.#outageLateMs;
    let outages = this.#outages;
    let lastAnsweredMs = this.#lastAnsweredMs;
    let outageFrom = this.#outageFrom;
    let outageFromMs = this.#outageFromMs;
    let lateMs = this.#lateMs;
    let answered = 0;
    for (let number = this.#settled; number < end; number++) {
      lateMs = Math.max(lateMs, this.#sentAfterMs[number % PENDING_MAX] ?? 0);
      if (this.#answered[number % PENDING_MAX] === 0) continue;
      const sentMs = this.#sentMs[number % PENDING_MAX] ?? 0;
      gapMs = Math.max(gapMs, sentMs - lastAnsweredMs);
      if (number > outageFrom + 1) {
        if (sentMs - outageFromMs > outageMs) {
          outageMs = sentMs - outageFromMs;
          outageLateMs = lateMs;
        }
        outages += 1;
      }
      lastAnsweredMs = sentMs;
      outageFrom = number;
      outageFromMs = sentMs;
      lateMs = 0;
      answered += 1;
    }
    const longest = { gapMs, outageMs, outageLateMs };
    return { ...longest, outages, lastAnsweredMs, outageFrom, outageFromMs, lateMs, answered };
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
