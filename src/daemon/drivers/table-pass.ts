import { ConntrackDump, type FlowVisitor } from "../../linux/conntrack-reader.ts";

export interface TablePassOptions {
  readonly visit: FlowVisitor;
  /** Called after each part of the table (some hundred flows). */
  readonly onPart: () => void;
  /** `whole` is false when the kernel broke off. */
  readonly onEnd: (whole: boolean) => void;
  /** While this is true the pass waits: somebody else has to keep up. */
  readonly mustWait?: () => boolean;
}

/** Parts of the table that are read before other work of this process has its turn. */
const PARTS_PER_TURN = 4;
const WAIT_MS = 2;

/** One pass over the kernel's connection table in small steps, beside the other work of this process. */
export class TablePass {
  readonly #options: TablePassOptions;
  readonly #dump = new ConntrackDump();
  #ended = false;

  constructor(options: TablePassOptions) {
    this.#options = options;
    setImmediate(() => this.#turn());
  }

  /** Ends the pass early; nothing is called any more. */
  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dump.close();
  }

  #turn(): void {
    for (let part = 0; part < PARTS_PER_TURN && !this.#ended; part++) {
      if (this.#options.mustWait?.() === true) {
        setTimeout(() => this.#turn(), WAIT_MS);
        return;
      }
      const result = this.#dump.step(this.#options.visit);
      if (result !== "failed") this.#options.onPart();
      if (result === "more") continue;
      this.#ended = true;
      this.#options.onEnd(result === "done");
    }
    if (!this.#ended) setImmediate(() => this.#turn());
  }
}
