import type { ElectionView } from "../core/election/election-types.ts";
import type { ResyncCause, SourceState } from "../core/replication/source-types.ts";
import type { LatenessReport } from "./drivers/lateness-meter.ts";
import type { Liveliness } from "./role-heartbeat.ts";
import type { WorkerRole } from "./role-message.ts";

/** One group, as the failover role sees it. */
export interface GroupReport {
  readonly name: string;
  readonly view: ElectionView;
  /** Virtual addresses of the group that this node holds now, with their prefix lengths. */
  readonly addresses: readonly string[];
  /** Those that it should hold as well: its kernel refused them, or their device is gone. */
  readonly missingAddresses: readonly string[];
  readonly faces: readonly { readonly name: string; readonly device: string; readonly up: boolean }[];
  readonly counters: Record<string, number>;
}

/** What the failover role answers when it is asked. */
export interface FailoverReport {
  readonly role: "failover";
  readonly groups: readonly GroupReport[];
  readonly nowMs: number;
  readonly realTime: boolean;
  /** Of the program's code: the kernel keeps it in memory. */
  readonly lockedKiB: number;
  readonly lateness: LatenessReport;
  /** How often the loop was moved from a processor that it did not get. */
  readonly moves: number;
  readonly counters: Record<string, number>;
}

export interface StreamReport {
  readonly peer: string;
  readonly direction: "to" | "from";
  readonly connected: boolean;
  readonly state: SourceState | string;
  readonly records: number;
  readonly bytes: number;
  readonly lagRecords: number;
  readonly lagMs: number;
  /** The stream's standby (direction "to") or this node (direction "from") holds everything. */
  readonly complete: boolean;
  readonly resyncs: Partial<Record<ResyncCause, number>>;
  /** Direction "to": what regular comparisons of the tables found and mended (SourceCounters). */
  readonly sweeps?: {
    readonly ended: number;
    readonly bucketsDiffering: number;
    readonly flowsMended: number;
    readonly flowsPurged: number;
    readonly timersRefreshed: number;
    /** Streams that went on where they had been cut. */
    readonly resumed: number;
    /** The time from one to the next, in milliseconds. */
    readonly periodMs: number;
  };
  /** A pass over this node's table that is under way: flows seen, of about so many. */
  readonly pass?: {
    readonly what: "compare" | "copy" | "purge";
    readonly seen: number;
    readonly total: number;
  };
  /** Why it is not connected, if that is known. */
  readonly problem?: string;
}

/** What the replicator role answers when it is asked. */
export interface ReplicatorReport {
  readonly role: "replicator";
  /** This node holds every connection of every group. */
  readonly complete: boolean;
  /** The same by group. */
  readonly groups: Readonly<Record<string, boolean>>;
  readonly streams: readonly StreamReport[];
  readonly overruns: number;
  /** Kinds of flows that this kernel does not take (src/linux/conntrack-kinds.ts). */
  readonly missingKinds: readonly string[];
  readonly injected: {
    readonly created: number;
    readonly updated: number;
    readonly deleted: number;
    readonly kept: number;
    readonly replaced: number;
    readonly absent: number;
  };
  readonly refused: Record<string, number>;
  /** Connections that the kernel refused since the tables were last compared. */
  readonly notProtected: number;
  /** … by group; of no group under the empty name. */
  readonly notProtectedByGroup: Readonly<Record<string, number>>;
  readonly purged: number;
  readonly malformed: number;
  /** Connections that were no stream of a node: other addresses, failed handshakes, foreign certificates. */
  readonly streamsRefused: number;
}

/** One process of the node, as the supervisor sees it. */
export interface ProcessReport {
  readonly role: WorkerRole | "supervisor";
  /** 0 while it does not run. */
  readonly pid: number;
  readonly restarts: number;
  /** `waiting`: it has ended, and is started again in a moment. */
  readonly state: Liveliness | "waiting";
  /** Times that it was killed because it did not answer. */
  readonly hangs: number;
  /** Times in a row that it ended before it had worked for a while. */
  readonly failures: number;
  /** How it ended the last time, in words. */
  readonly lastEnd?: string;
  /** How readily the kernel kills it for want of memory, -1000 (never) to 1000 (first); proc(5), oom_score_adj. */
  readonly oomScoreAdj?: number;
  /** The capabilities that it has at most; absent where it has all that the supervisor has. */
  readonly capabilities?: readonly string[];
}

/** What the supervisor answers when it is asked. */
export interface SupervisorReport {
  readonly role: "supervisor";
  readonly processes: readonly ProcessReport[];
  /** Lines of the log that nobody read in time, and that were given up. */
  readonly logLinesDropped: number;
}
