/**
 * The latest changes of this node's connections, in the order of the kernel's events: what streams send from, and what a
 * standby that was away for a while gets instead of a copy.
 *
 * A ring of fixed size: what is oldest is forgotten first. A reader whose place is forgotten needs a comparison of the
 * tables; nothing else in the process keeps changes.
 */
export class ChangeLog {
  readonly #bytes: Uint8Array;
  /** Batches in a ring: where each begins in `#bytes`, its length, and the position before it. */
  readonly #offsets: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #positions: Float64Array;
  #session: number;
  /** Batches ever appended, and of these forgotten. */
  #appended = 0;
  #forgotten = 0;
  #head = 0;
  #writeAt = 0;

  constructor(options: {
    readonly capacityBytes: number;
    readonly batches: number;
    readonly session: number;
  }) {
    this.#bytes = new Uint8Array(options.capacityBytes);
    this.#offsets = new Uint32Array(options.batches);
    this.#lengths = new Uint32Array(options.batches);
    this.#positions = new Float64Array(options.batches);
    this.#session = options.session;
  }

  /** Names this log among all logs of all nodes. */
  get session(): number {
    return this.#session;
  }

  /** The position after the last record: how many have ever been appended. */
  get head(): number {
    return this.#head;
  }

  /** The position before the oldest record that is still here. */
  get tail(): number {
    return this.#appended === this.#forgotten ? this.#head : this.#position(this.#forgotten);
  }

  /** Changes are missing, or another time begins: whoever has read until now must compare. */
  restart(session: number): void {
    this.#session = session;
    this.#forgotten = this.#appended;
    this.#head = 0;
    this.#writeAt = 0;
  }

  /** Takes a copy of `count` records, which are never torn apart again. */
  append(records: Uint8Array, count: number): void {
    if (records.length > this.#bytes.length) throw new Error("a batch is larger than the whole log");
    if (this.#writeAt + records.length > this.#bytes.length) {
      // What stands between here and the end is older than everything at the beginning.
      this.#forgetOverlapping(this.#writeAt, this.#bytes.length);
      this.#writeAt = 0;
    }
    this.#forgetOverlapping(this.#writeAt, this.#writeAt + records.length);
    if (this.#appended - this.#forgotten === this.#offsets.length) this.#forgotten++;
    const slot = this.#appended % this.#offsets.length;
    this.#bytes.set(records, this.#writeAt);
    this.#offsets[slot] = this.#writeAt;
    this.#lengths[slot] = records.length;
    this.#positions[slot] = this.#head;
    this.#writeAt += records.length;
    this.#head += count;
    this.#appended++;
  }

  /**
   * The batches from a position on that lie together in memory, of `bytesMax` at most (one batch at least).
   *
   * @returns a view that the next append may overwrite, and the position after it; undefined at the head; "gone" when
   *   what follows is forgotten
   */
  read(position: number, bytesMax: number): { records: Uint8Array; next: number } | "gone" | undefined {
    if (position === this.#head) return undefined;
    const first = this.#find(position);
    if (first === undefined) return "gone";
    const start = this.#offset(first);
    let end = start + this.#length(first);
    let batch = first + 1;
    while (batch < this.#appended && this.#offset(batch) === end) {
      if (end + this.#length(batch) - start > bytesMax) break;
      end += this.#length(batch);
      batch++;
    }
    const next = batch === this.#appended ? this.#head : this.#position(batch);
    return { records: this.#bytes.subarray(start, end), next };
  }

  /** Whether everything after this position is still here. */
  has(position: number): boolean {
    return position === this.#head || this.#find(position) !== undefined;
  }

  /** The batch that begins at a position. Readers are mostly near the head, or anywhere: a binary search serves both. */
  #find(position: number): number | undefined {
    let low = this.#forgotten;
    let high = this.#appended - 1;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const at = this.#position(middle);
      if (at === position) return middle;
      if (at < position) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #forgetOverlapping(start: number, end: number): void {
    while (this.#forgotten < this.#appended) {
      const at = this.#offset(this.#forgotten);
      if (at >= end || at + this.#length(this.#forgotten) <= start) return;
      this.#forgotten++;
    }
  }

  #offset(batch: number): number {
    return this.#offsets[batch % this.#offsets.length] ?? 0;
  }

  #length(batch: number): number {
    return this.#lengths[batch % this.#lengths.length] ?? 0;
  }

  #position(batch: number): number {
    return this.#positions[batch % this.#positions.length] ?? 0;
  }
}
