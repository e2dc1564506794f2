import type { LoopTurns } from "./loop-turns.ts";

/** So much later than it wished a real-time loop wakes up only when its processor is not given back. */
const GRACE_MS = 2;
/** The loop can have other plans before the deadline that the guard knows of. */
const LOOK_MS_MAX = 50;

/** What the guard asks of the kernel. */
export interface GuardKernel {
  /** The processor that the guard runs on. */
  readonly current: () => number;
  readonly keepGuardOn: (processors: readonly number[]) => void;
  /**
   * The loop, which is woken there at once, because the timer of its wait belongs to the processor that it began to wait on; and then the
   * threads that V8 and libuv have: it may wait for one of them to run.
   */
  readonly keepLoopOn: (processor: number) => void;
  /** Moves the thread that changes addresses to a processor, from where it may go on to any. */
  readonly fetchKeeper: (processor: number) => void;
}

/**
 * Moves the failover loop to another processor when it should run and does not.
 *
 * A kernel without full preemption does not interrupt itself: while it removes ten thousand devices, or works off a flood of packets, a
 * task with real-time priority waits for that processor, for seconds even, and the others are idle. The kernel does not move such a task,
 * and may even wake it there, if something of real-time priority runs elsewhere. A host that takes a virtual processor away stops its timers,
 * too: nobody wakes the loop then. So the loop stays where it is, the guard is on another
 * processor, fetches it to its own, and wakes it. A turn that does not end waits for the thread that changes addresses, of which the same is true.
 */
export class LoopGuard {
  readonly #turns: LoopTurns;
  readonly #processors: readonly number[];
  readonly #kernel: GuardKernel;
  /** Where the loop is kept. */
  #loopOn: number | undefined;
  /** The turn that ran at the last look. */
  #running: number | undefined;

  /** @param options `processors` that both may run on: two at least */
  constructor(options: {
    readonly turns: LoopTurns;
    readonly processors: readonly number[];
    readonly kernel: GuardKernel;
  }) {
    this.#turns = options.turns;
    this.#processors = options.processors;
    this.#kernel = options.kernel;
  }

  /** @returns when to look again, in milliseconds */
  look(nowMs: number): number {
    const { dueMs, turn, processor } = this.#turns;
    // At first, and when somebody else has moved it.
    if (processor !== this.#loopOn) this.#keepLoopOn(processor);
    if (this.#kernel.current() === processor) this.#leave(processor);
    if (dueMs === undefined) {
      if (turn === this.#running) this.#fetch(processor);
      this.#running = turn;
      return GRACE_MS;
    }
    this.#running = undefined;
    const leftMs = dueMs + GRACE_MS - nowMs;
    if (leftMs > 0) return Math.min(leftMs, LOOK_MS_MAX);
    this.#fetch(processor);
    return GRACE_MS;
  }

  #fetch(from: number): void {
    const here = this.#kernel.current();
    // All others have gone.
    if (here === from) return;
    this.#turns.moveTo(here);
    this.#keepLoopOn(here);
    this.#kernel.fetchKeeper(here);
    this.#leave(here, from);
  }

  #keepLoopOn(processor: number): void {
    this.#loopOn = processor;
    this.#kernel.keepLoopOn(processor);
  }

  /** @param blocked not there either, if there is a third one */
  #leave(processor: number, blocked?: number): void {
    const others = this.#processors.filter((other) => other !== processor);
    const better = others.filter((other) => other !== blocked);
    this.#kernel.keepGuardOn(better.length > 0 ? better : others);
  }
}
