import { openConntrackTable } from "../../linux/conntrack-listing.ts";
import type { FlowVisitor } from "../../linux/conntrack-reader.ts";

/** Parts of the table (some hundred flows each) that are read before other work of this process has its turn. */
const PARTS_PER_TURN = 4;

/** A walk through the kernel's whole connection table, turn by turn: whoever asks decides the pace, and may end early. */
export class TableWalk {
  readonly #visit: FlowVisitor;
  readonly #table = openConntrackTable();
  #open = true;

  constructor(visit: FlowVisitor) {
    this.#visit = visit;
  }

  /** Reads the next parts. @returns "more", "done", or "failed": the kernel broke off */
  turn(): "more" | "done" | "failed" {
    for (let part = 0; part < PARTS_PER_TURN; part++) {
      const result = this.#table.step(this.#visit);
      if (result === "more") continue;
      this.#open = false; // It closes itself at its end.
      return result;
    }
    return "more";
  }

  close(): void {
    if (this.#open) this.#table.close();
    this.#open = false;
  }
}
