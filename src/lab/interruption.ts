import { constants } from "node:os";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Turns Ctrl-C and its like into an AbortSignal, so that work in progress ends in order and cleans up after
 * itself. Repeated signals change nothing: npm and the terminal both send them.
 */
export class Interruption {
  readonly #abort = new AbortController();
  #status: number | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Runs work that obeys the signal. When it was interrupted, sets the exit status of a program that died of the
   * signal, and returns undefined; other failures are thrown on.
   */
  async during<T>(work: () => Promise<T>): Promise<T | undefined> {
    const stop = (name: NodeJS.Signals) => this.#stop(128 + constants.signals[name]);
    // The reader of our output went away, as when the terminal was closed: nobody is left to tell.
    const hangUp = () => this.#stop(128 + constants.signals.SIGHUP);
    for (const name of signals) process.on(name, stop);
    process.stdout.on("error", hangUp);
    process.stderr.on("error", hangUp);
    try {
      return await work();
    } catch (error) {
      if (this.#status === undefined) throw error;
      return undefined;
    } finally {
      if (this.#status !== undefined) process.exitCode = this.#status;
      for (const name of signals) process.off(name, stop);
      process.stdout.off("error", hangUp);
      process.stderr.off("error", hangUp);
    }
  }

  #stop(status: number): void {
    this.#status ??= status;
    this.#abort.abort();
  }
}
