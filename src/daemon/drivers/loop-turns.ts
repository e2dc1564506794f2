import { currentProcessor } from "../../linux/libc.ts";
import { clockOffsetMs } from "./clock-offset.ts";

// The shared memory: when the loop is to wake up, as a 64-bit number; then 32-bit words.
const PROCESSOR = 2;
const MOVES = 3;
const TURN = 4;
const IDLE = 5;
const BYTES = 24;

const RUNNING = Number.NEGATIVE_INFINITY;

/**
 * What the failover loop is about, in memory that it shares with its guard (roles/loop-guard.ts). The loop writes a few words
 * and wakes nobody.
 */
export class LoopTurns {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #due: Float64Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#due = new Float64Array(memory, 0, 1);
  }

  /** Nothing is to be guarded yet. */
  static create(): LoopTurns {
    const turns = new LoopTurns(new SharedArrayBuffer(BYTES));
    turns.#due[0] = Number.POSITIVE_INFINITY;
    return turns;
  }

  /** The other end of the same. */
  static in(memory: SharedArrayBuffer): LoopTurns {
    return new LoopTurns(memory);
  }

  /** The loop waits, until then at the latest. */
  rest(deadlineMs: number): void {
    this.#words[PROCESSOR] = currentProcessor();
    // Not before now: a deadline that has passed is no reason to be late.
    this.#due[0] = Math.max(deadlineMs, performance.now()) + clockOffsetMs;
  }

  /** The loop has woken up. */
  wake(): void {
    this.#words[TURN] = (this.#words[TURN] ?? 0) + 1;
    this.#due[0] = RUNNING;
  }

  /** How often the guard had to move it. */
  get moves(): number {
    return Atomics.load(this.#words, MOVES);
  }

  // What the guard calls.

  /** When the loop is to wake up, on the clock since boot; undefined while it runs, Infinity when it is not guarded. */
  get dueMs(): number | undefined {
    const dueMs = this.#due[0] ?? RUNNING;
    return dueMs === RUNNING ? undefined : dueMs;
  }

  get isGuarded(): boolean {
    return this.#due[0] !== Number.POSITIVE_INFINITY;
  }

  /** Which turn runs, or ran last. */
  get turn(): number {
    return Atomics.load(this.#words, TURN);
  }

  /** Where the loop was when it began to wait, and where the kernel will look for it. */
  get processor(): number {
    return Atomics.load(this.#words, PROCESSOR);
  }

  moveTo(processor: number): void {
    Atomics.store(this.#words, PROCESSOR, processor);
    Atomics.add(this.#words, MOVES, 1);
  }

  /** Blocks the guard. */
  sleep(ms: number): void {
    Atomics.wait(this.#words, IDLE, 0, ms);
  }
}
