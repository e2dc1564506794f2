import { errno, kernelError, pollBlocking, pollInBackground, pollPrecise } from "./libc.ts";

const POLLIN = 0x001;
/** About 31 years: the seconds fit into 32 bits, and whoever waits so long may be woken in between. */
const NANOSECONDS_MAX = 1e18;
const POLLFD_BYTES = 8; // struct pollfd: int fd, short events, short revents

/** A set of descriptors to wait on until one is readable (or has failed, which also reads as readable). */
export class PollSet {
  readonly #fds: Uint8Array;
  readonly #view: DataView;
  /** struct timespec: two 64-bit numbers, whose upper halves stay 0. */
  readonly #timespec = new Uint32Array(4);
  readonly #timespecBytes = new Uint8Array(this.#timespec.buffer);
  readonly #count: number;

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#fds = new Uint8Array(Math.max(1, fds.length) * POLLFD_BYTES);
    this.#view = new DataView(this.#fds.buffer);
    for (const [index, fd] of fds.entries()) {
      this.#view.setInt32(index * POLLFD_BYTES, fd, true);
      this.#view.setInt16(index * POLLFD_BYTES + 4, POLLIN, true);
    }
  }

  /**
   * Blocks the calling thread for at most `timeoutMs` (fractions count; Infinity waits for ever).
   *
   * @returns how many descriptors are readable; ask readable() which
   */
  wait(timeoutMs: number): number {
    let ready: number;
    if (timeoutMs === Number.POSITIVE_INFINITY) {
      ready = pollBlocking(this.#fds, this.#count, -1);
    } else {
      const nanoseconds = Math.min(Math.max(0, Math.round(timeoutMs * 1e6)), NANOSECONDS_MAX);
      this.#timespec[0] = Math.floor(nanoseconds / 1e9);
      this.#timespec[2] = nanoseconds % 1e9;
      ready = pollPrecise(this.#fds, this.#count, this.#timespecBytes);
    }
    if (ready >= 0) return ready;
    if (ready === -errno.EINTR) {
      this.#forget();
      return 0;
    }
    throw kernelError("poll", -ready);
  }

  /** Waits without blocking the caller's thread. Only one wait may be under way at a time. */
  waitInBackground(timeoutMs: number, done: () => void): void {
    pollInBackground(this.#fds, this.#count, timeoutMs, done);
  }

  /** Whether the descriptor at this place in the set was readable after the last wait. */
  readable(index: number): boolean {
    return this.#view.getInt16(index * POLLFD_BYTES + 6, true) !== 0;
  }

  #forget(): void {
    for (let index = 0; index < this.#count; index++) this.#view.setInt16(index * POLLFD_BYTES + 6, 0, true);
  }
}
