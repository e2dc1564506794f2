import type { BucketSet } from "./bucket-set.ts";
import type { GroupSet } from "./flow-owner.ts";
import type { Bucketing } from "./table-digest.ts";

// The source's end of one stream to one standby.
//
//              connected              hello         active, nothing known          sweep due
//   offline --------------> greeting ------> idle ------------------+    +------------------------+
//      ^                                      | |                   v    |                        |
//      |                     standby is empty | | log goes on   comparing --- buckets differ --+  |
//      | disconnected                         | +---------------> | tables are equal           |  |
//      |                                      v                   v                            v  |
//      +---------------------------------- copying ----------> live -----------------------------+
//                                             ^                                             |
//                                             +--------------------------------- copying <--+  (these buckets)
//
// Changes are sent from the log, each stream at its own pace. While a copy is taken from the kernel, a chunk of it may have
// been read before a change that we have seen already: a flow in it may be destroyed by now. So while a copy runs,
// changes go out only *after* the chunk that was under way when they were read.

export type SourceState = "offline" | "greeting" | "idle" | "comparing" | "copying" | "live";

/** Why what the standby has may differ from the truth, so that tables are compared or copied. */
export type ResyncCause =
  | "joined"
  | "became-active"
  | "overrun"
  | "backpressure"
  | "copy-failed"
  | "compare-failed";

export type SourceEffect =
  | { readonly do: "send"; readonly frame: Uint8Array }
  /** Begin a pass over the kernel's table and add every mirrored flow of these groups to a digest; then call digested(). */
  | {
      readonly do: "start-digest";
      readonly groups: GroupSet;
      readonly bits: number;
      readonly seed: number;
      readonly paced: boolean;
      /**
       * Buckets of flows that have changed since. Flows of no group that are forwarded here and in none of these are handed to copied()
       * on the way: what has changed may have ended, and is told by the log.
       */
      readonly touched: BucketSet;
    }
  /** Read all events that the kernel has, then call drained(). */
  | { readonly do: "drain" }
  /** Begin a pass over the kernel's table; hand the records of these groups and buckets (all buckets, if there are none) to copied(), its end to copyEnded(). */
  | {
      readonly do: "start-copy";
      readonly groups: GroupSet;
      readonly buckets: { readonly set: BucketSet; readonly bucketing: Bucketing } | undefined;
    }
  /** End the pass that is under way, if there is one. */
  | { readonly do: "abort-pass" }
  | { readonly do: "marked"; readonly token: number }
  /** The standby has flows that this node, which took over without every connection, lacks: keep what is here, add what is not. */
  | { readonly do: "adopt"; readonly records: Uint8Array }
  /** All that this standby had beyond has been adopted: it knows no more than this node. */
  | { readonly do: "adopted-all" }
  | { readonly do: "close"; readonly reason: string };

export interface SourceSettings {
  readonly cluster: string;
  readonly node: string;
  readonly peer: string;
  /** The names of the document's groups, in the order of their bits. */
  readonly groups: readonly string[];
  /** The least time from one comparison of the tables to the next. */
  readonly sweepMs: number;
}

export interface SourceCounters {
  /** Comparisons and copies that had to be made, by cause. */
  readonly resyncs: Record<ResyncCause, number>;
  /** Streams that went on where they had been cut. */
  resumed: number;
  recordsSent: number;
  bytesSent: number;
  recordsAcknowledged: number;
  /** Regular comparisons that ended, and buckets in which the tables differed in these. */
  sweeps: number;
  bucketsDiffering: number;
  /** Flows sent anew because of that, and flows that the standby removed. */
  flowsMended: number;
  flowsPurged: number;
  /** Timers that the standby made longer. */
  timersRefreshed: number;
}

export function newSourceCounters(): SourceCounters {
  return {
    resyncs: {
      joined: 0,
      "became-active": 0,
      overrun: 0,
      backpressure: 0,
      "copy-failed": 0,
      "compare-failed": 0,
    },
    resumed: 0,
    recordsSent: 0,
    bytesSent: 0,
    recordsAcknowledged: 0,
    sweeps: 0,
    bucketsDiffering: 0,
    flowsMended: 0,
    flowsPurged: 0,
    timersRefreshed: 0,
  };
}
