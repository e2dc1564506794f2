import type { FlowFields } from "../../wire/flow-fields.ts";
import { encodeSyncFrame } from "../../wire/flow-sync.ts";
import { BucketSet } from "./bucket-set.ts";
import type { GroupSet } from "./flow-owner.ts";
import type { SourceEffect } from "./source-types.ts";
import { Bucketing, type TableDigest } from "./table-digest.ts";

/**
 * One comparison of this node's table with a standby's, as the source sees it.
 *
 * Both kernels are read while flows come and go. A flow that changes meanwhile makes its bucket *touched*: it may differ
 * because one side was read before the change and the other after. Every change that either pass may have missed was
 * an event here between the question and the answer, so the touched buckets are known here.
 */
export class Comparison {
  readonly number: number;
  /** It is about flows of these. */
  readonly groups: GroupSet;
  readonly bucketing: Bucketing;
  /** True for a regular sweep: nothing is known to be lost. */
  readonly regular: boolean;
  /** When it is given up. */
  readonly deadlineMs: number;
  readonly touched: BucketSet;
  readonly #theirs: Uint32Array;
  #theirsUntil = 0;
  #theirsWhole = false;
  own: TableDigest | undefined;

  constructor(options: {
    readonly number: number;
    readonly groups: GroupSet;
    readonly bits: number;
    readonly seed: number;
    readonly regular: boolean;
    readonly deadlineMs: number;
  }) {
    this.groups = options.groups;
    this.number = options.number;
    this.bucketing = new Bucketing(options.bits, options.seed);
    this.regular = options.regular;
    this.deadlineMs = options.deadlineMs;
    this.touched = new BucketSet(options.bits);
    this.#theirs = new Uint32Array(2 ** options.bits);
  }

  /** Both ends are asked for a digest of their tables. */
  question(): SourceEffect[] {
    const { groups, regular: paced } = this;
    const { bits, seed } = this.bucketing;
    const frame = encodeSyncFrame({ type: "compare", groups, sweep: this.number, seed, bits, paced });
    return [
      { do: "send", frame },
      { do: "start-digest", groups, bits, seed, paced, touched: this.touched },
    ];
  }

  touch(fields: FlowFields): void {
    this.touched.add(this.bucketing.bucket(fields));
  }

  /** Takes the next sums of the standby. @returns false when they are not the next */
  receive(first: number, sums: Uint8Array, last: boolean): boolean {
    const count = sums.length / 4;
    if (first !== this.#theirsUntil || first + count > this.#theirs.length || this.#theirsWhole) return false;
    const view = new DataView(sums.buffer, sums.byteOffset, sums.byteLength);
    for (let i = 0; i < count; i++) this.#theirs[first + i] = view.getUint32(4 * i);
    this.#theirsUntil += count;
    this.#theirsWhole = last;
    return !last || this.#theirsUntil === this.#theirs.length;
  }

  get isReady(): boolean {
    return this.own !== undefined && this.#theirsWhole;
  }

  /** The buckets to copy: what differs. What was touched is unknown: a regular sweep looks at it another time, others take it along. */
  result(): BucketSet {
    if (this.own === undefined) throw new Error("a comparison needs both sides");
    const result = this.own.differing(this.#theirs);
    for (let i = 0; i < result.bytes.length; i++) {
      const touched = this.touched.bytes[i] ?? 0;
      const differing = result.bytes[i] ?? 0;
      result.bytes[i] = this.regular ? differing & ~touched : differing | touched;
    }
    return result;
  }
}
