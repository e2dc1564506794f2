/** The paths between nodes: two faces and the link that pulses take. */
export const paths = ["lan", "wan", "sync"] as const;
export type Path = (typeof paths)[number];

interface Scheduled {
  readonly atMs: number;
  readonly run: () => void;
}

/** Virtual time: what is scheduled runs in order of its time, and in order of scheduling at the same time. */
export class VirtualTime {
  nowMs = 0;
  readonly #queue: Scheduled[] = [];

  at(atMs: number, run: () => void): void {
    const entry = { atMs: Math.max(atMs, this.nowMs), run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.atMs ?? 0) <= entry.atMs) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
  }

  /** Runs everything until `endMs`, and calls `afterEach` after each event. */
  runUntil(endMs: number, afterEach: () => void): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#queue.shift();
      this.nowMs = next.atMs;
      next.run();
      afterEach();
    }
    this.nowMs = endMs;
  }
}

/** How badly the network behaves now. */
export interface Weather {
  /** Probabilities. */
  readonly loss: number;
  readonly duplication: number;
  /** Added to the delay of each frame, up to so much: frames overtake each other. */
  readonly jitterMs: number;
}

export const fairWeather: Weather = { loss: 0, duplication: 0, jitterMs: 0 };
/** One way. Less than the differences of skew times at the shortest interval, as on a LAN. */
const DELAY_MS = 0.05;
const DELAY_SPREAD_MS = 0.2;

/** Three broadcast segments. Cuts are by direction, so that one-way partitions are possible. */
export class VirtualNetwork {
  readonly #time: VirtualTime;
  readonly #random: () => number;
  readonly #cuts = new Set<string>();
  weather: Weather = fairWeather;

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time;
    this.#random = random;
  }

  cut(path: Path, from: string, to: string): void {
    this.#cuts.add(`${path} ${from} ${to}`);
  }

  mend(path: Path, from: string, to: string): void {
    this.#cuts.delete(`${path} ${from} ${to}`);
  }

  isOpen(path: Path, from: string, to: string): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${path} ${from} ${to}`);
  }

  send(path: Path, from: string, to: string, deliver: () => void): void {
    if (!this.isOpen(path, from, to) || this.#random() < this.weather.loss) return;
    const copies = this.#random() < this.weather.duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delayMs = DELAY_MS + DELAY_SPREAD_MS * this.#random() + this.weather.jitterMs * this.#random();
      this.#time.at(this.#time.nowMs + delayMs, deliver);
    }
  }
}
