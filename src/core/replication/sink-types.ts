import type { LogPlace } from "../../wire/flow-sync.ts";
import type { BucketSet } from "./bucket-set.ts";
import type { GroupSet } from "./flow-owner.ts";
import type { Bucketing } from "./table-digest.ts";
import type { UnmergedGroups } from "./unmerged-groups.ts";

// The sink's end of a stream from one source.
//
//   greeting --hello--> idle --copy-begin--> copying --copy-end--> purging --purged--> live
//                        | |                    ^                                     ^  |
//                        | +--log, resumed--> resuming --------- head reached --------+  |
//                        |                      |                                        |
//                        +----------------------+------------ copy-begin ----------------+
//
// A comparison ("compare") may go on beside every state: it only reads this node's table.
//
// While some buckets are copied, and until they are purged, the keys of the flows that arrive are remembered; what the kernel
// holds beyond them in these buckets is stale and is removed by the purge. Nothing is removed before the copy is whole: a
// half copy never costs a flow. A copy of everything, into a table that was nearly empty, removes nothing: the sweep that
// follows it finds the few flows that are stale.

export type SinkState = "greeting" | "idle" | "resuming" | "copying" | "purging" | "live" | "closed";

/** What one pass over this node's table, after a copy, has to do. */
export interface Purge {
  readonly copy: number;
  /** The copy was about these groups only: flows of others, and of none, are left alone. */
  readonly groups: GroupSet;
  /** … and about these buckets only; all flows of others stay, and get longer timers where they need them. */
  readonly buckets: { readonly set: BucketSet; readonly bucketing: Bucketing };
  /**
   * Flows of these groups that the copy should have contained and did not are offered to the source: it took over without every
   * connection, or they may have begun here. Such flows of the others are stale, and removed.
   */
  readonly offered: GroupSet;
}

export type SinkEffect =
  | { readonly do: "send"; readonly frame: Uint8Array }
  /** Write the records into the kernel, all of them, before the next effect; `remember` adds their keys to the copy's. */
  | {
      readonly do: "apply";
      readonly records: Uint8Array;
      /**
       * A flow whose place is taken: on a standby of the source's groups `replace` what is there, for it is stale (an end that we were not
       * told of, and the addresses and ports used again); on a node that is active for one of them `keep` it, for it is the truth.
       */
      readonly taken: "replace" | "keep";
      /**
       * The flow may have ended here since the record was sent, because this node is active by now: it gets little
       * time, which its next packet makes full again.
       */
      readonly provisional: boolean;
      readonly remember: boolean;
    }
  /** Forget the keys of an earlier copy. */
  | { readonly do: "begin-copy"; readonly groups: GroupSet }
  /** Everything that the last comparison, or copy of everything, found missing here of these groups was sent and applied. */
  | { readonly do: "made-up"; readonly groups: GroupSet }
  /** Make a pass over the table, at leisure, then call purged(). */
  | { readonly do: "purge"; readonly purge: Purge }
  | { readonly do: "abort-purge" }
  /** Make a pass over the table, then call digested(). */
  | {
      readonly do: "start-digest";
      readonly groups: GroupSet;
      readonly bits: number;
      readonly seed: number;
      readonly paced: boolean;
    }
  | { readonly do: "abort-digest" }
  /** Close the stream: the source was active all the time, and compares the tables when a new one begins. */
  | { readonly do: "begin-anew" }
  | { readonly do: "close"; readonly reason: string };

export interface SinkSettings {
  readonly cluster: string;
  readonly node: string;
  /** The source's name, as its certificate says. */
  readonly peer: string;
  /** The names of the document's groups, in the order of their bits. */
  readonly groups: readonly string[];
  /** Entries in this node's table. */
  readonly flows: number;
  /** What an earlier stream from this source has left in this node's kernel. */
  readonly resume: LogPlace | undefined;
  /** Of the node: all its sinks have the same. */
  readonly unmerged: UnmergedGroups;
}

/** What a purge did. */
export interface PurgeResult {
  readonly purged: number;
  readonly refreshed: number;
  readonly busyMs: number;
}
