import type { ResyncCause } from "./source-types.ts";

/**
 * After a loss the tables are compared when it has been quiet for a second, and after ten in any case: under a flood that
 * overruns this process again and again, comparing again and again would only take more from forwarding.
 */
const QUIET_MS = 1_000;
const QUIET_MS_MAX = 10_000;

/** The standby lacks changes, and no comparison or copy under way makes up for it. */
export class PendingLoss {
  cause: ResyncCause | undefined;
  dueMs = Number.POSITIVE_INFINITY;
  #limitMs = Number.POSITIVE_INFINITY;

  add(nowMs: number, cause: ResyncCause): void {
    this.cause = cause;
    this.#limitMs = Math.min(this.#limitMs, nowMs + QUIET_MS_MAX);
    this.dueMs = Math.min(this.#limitMs, nowMs + QUIET_MS);
  }

  forget(): void {
    this.cause = undefined;
    this.dueMs = Number.POSITIVE_INFINITY;
    this.#limitMs = Number.POSITIVE_INFINITY;
  }
}
