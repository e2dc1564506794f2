import type { Socket } from "node:net";
import { BytePattern, type StreamDirection } from "./byte-pattern.ts";

/** How often an end sends a chunk. */
export const CHUNK_INTERVAL_MS = 200;

const CHUNK_BYTES_MIN = 100;
const CHUNK_BYTES_SPREAD = 1_100;
// A connection that is stuck does not fill memory: what is unsent beyond this waits.
const UNSENT_BYTES_MAX = 262_144;

/** One end of a connection: sends its own byte sequence in chunks and verifies the other end's. */
export class StreamEnd {
  readonly id: number;
  readonly #socket: Socket;
  readonly #sending: BytePattern;
  readonly #expected: BytePattern;
  /** Verified bytes. */
  received = 0;
  corrupted = false;
  /** Reset, closed or failed, with the reason. */
  lost: string | undefined;
  /** Whether verified bytes came since the mark. */
  progressed = false;
  lastProgressMs: number;
  #longestStallMs = 0;

  constructor(id: number, socket: Socket, sends: StreamDirection) {
    this.id = id;
    this.#socket = socket;
    this.#sending = new BytePattern(id, sends);
    this.#expected = new BytePattern(id, sends === "to-server" ? "to-client" : "to-server");
    this.lastProgressMs = performance.now();
  }

  /** Sends the next chunk, of a length that varies. */
  sendChunk(): void {
    if (this.lost !== undefined || this.#socket.writableLength > UNSENT_BYTES_MAX) return;
    const length = CHUNK_BYTES_MIN + ((this.id * 31 + this.received) % CHUNK_BYTES_SPREAD);
    this.#socket.write(this.#sending.next(length));
  }

  receive(bytes: Uint8Array): void {
    if (this.corrupted || bytes.length === 0) return;
    if (!this.#expected.matches(bytes)) {
      this.corrupted = true;
      return;
    }
    const now = performance.now();
    this.#longestStallMs = Math.max(this.#longestStallMs, now - this.lastProgressMs);
    this.lastProgressMs = now;
    this.received += bytes.length;
    this.progressed = true;
  }

  lose(reason: string): void {
    this.lost ??= reason;
  }

  /** Gives the connection up when nothing verified has come for so long. */
  giveUpAfter(standstillMs: number): void {
    if (this.lost !== undefined || performance.now() - this.lastProgressMs < standstillMs) return;
    this.lose("standstill");
    this.#socket.destroy();
  }

  /** Begins a new period of judgement. */
  mark(): void {
    this.progressed = false;
    this.#longestStallMs = 0;
  }

  /** The longest time without verified bytes that ended since the mark, or goes on. */
  longestStallMs(): number {
    return Math.max(this.#longestStallMs, performance.now() - this.lastProgressMs);
  }
}

const TICK_MS = 5;

/** Makes many ends send every 200 ms, each at a phase of its own, from one timer. */
export class ChunkWheel {
  readonly #slots: Set<StreamEnd>[] = Array.from(
    { length: CHUNK_INTERVAL_MS / TICK_MS },
    () => new Set<StreamEnd>(),
  );
  #next = 0;

  constructor() {
    const startMs = performance.now();
    setInterval(() => {
      // By the clock, not by the call: a late timer sends what it missed, but never more than one round.
      const due = Math.floor((performance.now() - startMs) / TICK_MS);
      this.#next = Math.max(this.#next, due - this.#slots.length);
      for (; this.#next < due; this.#next++) {
        for (const end of this.#slots[this.#next % this.#slots.length] ?? []) end.sendChunk();
      }
    }, TICK_MS);
  }

  add(end: StreamEnd): void {
    this.#slots[Math.floor(Math.random() * this.#slots.length)]?.add(end);
  }

  remove(end: StreamEnd): void {
    for (const slot of this.#slots) slot.delete(end);
  }
}
