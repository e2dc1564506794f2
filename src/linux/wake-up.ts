import { clearEventCounter, openEventCounter, ringEventCounter } from "./libc.ts";

/**
 * Wakes a thread that waits in poll(2) from another one of the same process: an event counter, eventfd(2). Readable from the first ring
 * until it is taken.
 */
export class WakeUp {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static create(): WakeUp {
    return new WakeUp(openEventCounter());
  }

  /** The other thread's end of the same. */
  static of(fd: number): WakeUp {
    return new WakeUp(fd);
  }

  ring(): void {
    ringEventCounter(this.fd);
  }

  /** All rings until now. */
  take(): void {
    clearEventCounter(this.fd);
  }
}
