import { openConntrackTable } from "../../linux/conntrack-listing.ts";
import type { FlowVisitor } from "../../linux/conntrack-reader.ts";

export interface TablePassOptions {
  readonly visit: FlowVisitor;
  /** Called after each turn (some hundred flows), before others have theirs. */
  readonly onTurn?: () => void;
  /** `whole` is false when the kernel broke off; `busyMs` is what the pass took of this process's time. */
  readonly onEnd: (whole: boolean, busyMs: number) => void;
  /** While this is true the pass waits: somebody else has to keep up. */
  readonly mustWait?: () => boolean;
  /** Leave half of the time to others. */
  readonly paced?: boolean;
}

/** Parts of the table that are read before other work of this process has its turn. */
const PARTS_PER_TURN = 4;
const WAIT_MS = 2;

/** One pass over the kernel's connection table in small steps, beside the other work of this process. */
export class TablePass {
  readonly #options: TablePassOptions;
  readonly #table = openConntrackTable();
  #ended = false;
  #busyMs = 0;

  /** Flows that were seen so far. */
  get seen(): number {
    return this.#table.counters.messages;
  }

  constructor(options: TablePassOptions) {
    this.#options = options;
    setImmediate(() => this.#turn());
  }

  /** Ends the pass early; nothing is called any more. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#table.close();
  }

  #turn(): void {
    const { visit, onTurn, onEnd, mustWait, paced } = this.#options;
    const startMs = performance.now();
    let result: "more" | "done" | "failed" | "wait" = "more";
    for (let part = 0; part < PARTS_PER_TURN && result === "more" && !this.#ended; part++) {
      if (mustWait?.() === true) {
        result = "wait";
        break;
      }
      result = this.#table.step(visit);
    }
    if (result !== "failed" && !this.#ended) onTurn?.();
    const tookMs = performance.now() - startMs;
    this.#busyMs += tookMs;
    if (this.#ended) return;
    if (result === "done" || result === "failed") {
      this.#ended = true;
      onEnd(result === "done", this.#busyMs);
    } else if (result === "wait") {
      setTimeout(() => this.#turn(), WAIT_MS);
    } else if (paced === true) {
      setTimeout(() => this.#turn(), tookMs);
    } else {
      setImmediate(() => this.#turn());
    }
  }
}
