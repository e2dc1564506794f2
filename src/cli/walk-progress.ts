import { grouped } from "../base/number-text.ts";
import type { ConnectionWalk } from "../contract/connections.ts";

/** A walk that is over before is not worth a word. */
const PATIENCE_MS = 500;

/** Shows how far a walk is, in one line that is written over; on terminals only. */
export class WalkProgress {
  readonly #stream: NodeJS.WriteStream;
  readonly #sinceMs: number;
  #shown = false;

  /** @param nowMs on the clock of performance.now */
  constructor(stream: NodeJS.WriteStream, nowMs: number) {
    this.#stream = stream;
    this.#sinceMs = nowMs;
  }

  show({ node, read, entries, matched }: ConnectionWalk, nowMs: number): void {
    if (!this.#stream.isTTY || nowMs - this.#sinceMs < PATIENCE_MS) return;
    this.#shown = true;
    // Connections that came meanwhile are read, too.
    const percent = Math.min(100, Math.floor((100 * read) / Math.max(1, entries)));
    const found = matched === read ? "" : `, ${grouped(matched)} found`;
    this.#stream.write(
      `\r\x1b[K${node}: ${grouped(read)} of ${grouped(entries)} connections read (${percent}%)${found}`,
    );
  }

  /** Wipes the line, before anything else is written. */
  clear(): void {
    if (this.#shown) this.#stream.write("\r\x1b[K");
    this.#shown = false;
  }
}
