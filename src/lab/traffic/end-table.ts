import type { StreamEnd } from "./stream-end.ts";

/** What one side of the TCP streams knows: for every connection, about the direction that it receives. */
export interface StreamSideReport {
  /** Connections that were opened and are not forgotten, lost ones included. */
  readonly opened: number;
  /** Verified bytes of all connections that ever were. */
  readonly bytes: number;
  readonly longestStallMs: number;
  /** The numbers of connections that were reset, closed or failed, with the reason. */
  readonly lost: readonly { readonly id: number; readonly reason: string }[];
  readonly corrupted: readonly number[];
  /** Connections without verified bytes since the mark. */
  readonly waiting: readonly number[];
  /** Connections whose source port the gateway had to change (known to the server only). */
  readonly portsChanged: number;
  /** The addresses that connections come from (known to the server only). */
  readonly sources: readonly string[];
}

const STANDSTILL_MS = 20_000;
const STANDSTILL_POLL_MS = 1_000;

/** One side's ends of all connections. */
export class EndTable {
  readonly #ends = new Map<number, StreamEnd>();
  readonly #sources = new Set<string>();
  #portsChanged = 0;
  #forgottenBytes = 0;

  add(end: StreamEnd): void {
    this.#ends.set(end.id, end);
  }

  /** Notes where a connection comes from after translation. */
  noteSource(address: string, portChanged: boolean): void {
    this.#sources.add(address);
    if (portChanged) this.#portsChanged += 1;
  }

  /** From now on, connections that stand still for longer than any outage of a gateway that works are given up. */
  giveUpStandstills(): void {
    setInterval(() => {
      for (const end of this.#ends.values()) end.giveUpAfter(STANDSTILL_MS);
    }, STANDSTILL_POLL_MS);
  }

  /** Answers the commands that both sides have: `report`, `mark`, `forget`. */
  answer(command: string): StreamSideReport {
    if (command === "mark") for (const end of this.#ends.values()) end.mark();
    const report = this.#report();
    if (command === "forget") this.#forgetLost();
    return report;
  }

  #forgetLost(): void {
    for (const end of this.#ends.values()) {
      if (end.lost === undefined) continue;
      this.#forgottenBytes += end.received;
      this.#ends.delete(end.id);
    }
  }

  #report(): StreamSideReport {
    const all = [...this.#ends.values()];
    const alive = all.filter((end) => end.lost === undefined);
    return {
      opened: all.length,
      bytes: all.reduce((sum, end) => sum + end.received, this.#forgottenBytes),
      longestStallMs: alive.reduce((longest, end) => Math.max(longest, end.longestStallMs()), 0),
      lost: all.flatMap((end) => (end.lost === undefined ? [] : [{ id: end.id, reason: end.lost }])),
      corrupted: all.filter((end) => end.corrupted).map((end) => end.id),
      waiting: alive.filter((end) => !end.progressed).map((end) => end.id),
      portsChanged: this.#portsChanged,
      sources: [...this.#sources],
    };
  }
}
