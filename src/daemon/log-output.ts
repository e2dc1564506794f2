import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { errno, sendTo } from "../linux/libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Where the reader is slow, it is tried again after this time. */
const RETRY_MS = 50;
/** What waits for a slow reader: about two thousand lines. */
const WAITING_BYTES_MAX = 256 << 10;

/** @returns bytes that were taken; 0: no room now, try again; "gone": nobody reads any more, and nobody will */
export type WriteNow = (bytes: Uint8Array) => number | "gone";

/**
 * Lines for a reader that may stand still: a terminal on hold, a pipe nobody reads, a journal on a full disk. Node's own
 * standard output would block this process then (a terminal), and with it the renewal of addresses, or keep lines without end (a pipe).
 * Here lines wait, as many as have room; the rest is dropped, counted, and named as soon as there is room again.
 */
export class LogOutput {
  /** Lines that were given up. */
  dropped = 0;
  readonly #write: WriteNow;
  readonly #waitingBytesMax: number;
  readonly #onDropped: (count: number) => string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #droppedUntold = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onDropped the line that says how many were dropped */
  constructor(
    onDropped: (count: number) => string,
    { write = writeNow(1), waitingBytesMax = WAITING_BYTES_MAX } = {},
  ) {
    this.#onDropped = onDropped;
    this.#write = write;
    this.#waitingBytesMax = waitingBytesMax;
  }

  push(line: string): void {
    const bytes = new TextEncoder().encode(line);
    // Once one was dropped, others wait until that is said: nobody should take what comes next for what came next.
    if (this.#droppedUntold > 0 || this.#waitingBytes + bytes.length > this.#waitingBytesMax) {
      this.dropped++;
      this.#droppedUntold++;
    } else {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    this.flush();
  }

  /** Writes what the reader takes. */
  flush(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) {
        if (this.#droppedUntold === 0) return;
        this.#waiting.push(new TextEncoder().encode(this.#onDropped(this.#droppedUntold)));
        this.#waitingBytes += this.#waiting[0]?.length ?? 0;
        this.#droppedUntold = 0;
        continue;
      }
      const written = this.#write(first);
      const taken = written === "gone" ? first.length : written;
      this.#waitingBytes -= taken;
      if (taken === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(taken);
      if (taken === 0) break;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, RETRY_MS);
  }
}

/**
 * Writes to a descriptor without ever waiting, and without a change of the descriptor itself, which others share: a socket, as
 * of journald, by a flag of the call; a pipe or a terminal by opening it a second time. Files do not wait for readers.
 */
export function writeNow(fd: number): WriteNow {
  const kind = fstatSync(fd);
  if (kind.isSocket()) {
    return (bytes) => {
      const sent = sendTo(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, null);
      if (sent >= 0) return sent;
      return sent === -errno.EAGAIN ? 0 : "gone";
    };
  }
  const own = kind.isFile() ? fd : openAgain(fd);
  return (bytes) => {
    try {
      return writeSync(own, bytes);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : "gone";
    }
  };
}

function openAgain(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A terminal of another user: it may hold us up, but nothing is lost.
    return fd;
  }
}
