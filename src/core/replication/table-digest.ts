import type { FlowFields } from "../../wire/flow-fields.ts";
import { BUCKET_BITS_MAX, BUCKET_BITS_MIN } from "../../wire/flow-sync.ts";
import { BucketSet } from "./bucket-set.ts";
import { FlowHash, finish } from "./flow-hash.ts";

/** Enough buckets that one differing flow costs few others a second look. */
const FLOWS_PER_BUCKET = 4;

/** @returns in how many buckets (2^bits) a table of this size is compared */
export function bucketBits(flows: number): number {
  const bits = Math.ceil(Math.log2(Math.max(1, flows / FLOWS_PER_BUCKET)));
  return Math.min(BUCKET_BITS_MAX, Math.max(BUCKET_BITS_MIN, bits));
}

/** Says which bucket a flow is in: the same on all nodes for the same seed, whatever its kernel's own hash is. */
export class Bucketing {
  readonly bits: number;
  readonly seed: number;
  readonly hash = new FlowHash();

  constructor(bits: number, seed: number) {
    this.bits = bits;
    this.seed = seed;
  }

  bucket(fields: FlowFields): number {
    this.hash.take(fields, this.seed);
    return this.hash.low >>> (32 - this.bits);
  }
}

/**
 * A connection table in short: a sum of hashes for each bucket. The order of the flows does not matter. What counts is
 * what makes a flow itself, and its mark; timers and protocol states differ between nodes all the time.
 *
 * A difference in a bucket stays unseen with a chance of 1 in 2^32, and the next comparison has another seed.
 */
export class TableDigest {
  readonly bucketing: Bucketing;
  readonly sums: Uint32Array;
  flows = 0;

  constructor(bits: number, seed: number) {
    this.bucketing = new Bucketing(bits, seed);
    this.sums = new Uint32Array(2 ** bits);
  }

  add(fields: FlowFields): void {
    const bucket = this.bucketing.bucket(fields);
    const value = finish((this.bucketing.hash.high ^ Math.imul(fields.mark, 0x9e3779b1)) | 0);
    this.sums[bucket] = (this.sums[bucket] ?? 0) + value + 1;
    this.flows++;
  }

  /** The buckets whose sums are not those of `theirs`. */
  differing(theirs: Uint32Array): BucketSet {
    const result = new BucketSet(this.bucketing.bits);
    for (let bucket = 0; bucket < this.sums.length; bucket++) {
      if (this.sums[bucket] !== theirs[bucket]) result.add(bucket);
    }
    return result;
  }
}
