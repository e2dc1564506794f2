import { type CopyBuckets, encodeSyncFrame, type LogPlace, type SyncFrame } from "../../wire/flow-sync.ts";
import { BucketSet } from "./bucket-set.ts";
import { hello, helloMismatch, SILENCE_MS } from "./hello.ts";
import { Bucketing, type TableDigest } from "./table-digest.ts";

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
  /** The copy was about these buckets only; all flows of others stay, and get longer timers where they need them. */
  readonly buckets: { readonly set: BucketSet; readonly bucketing: Bucketing };
  /**
   * What becomes of flows that the copy should have contained and did not: they are stale, and removed; or the source
   * took over without every connection, and they are offered to it.
   */
  readonly beyond: "remove" | "offer";
}

export type SinkEffect =
  | { readonly do: "send"; readonly frame: Uint8Array }
  /** Write the records into the kernel, all of them, before the next effect; `remember` adds their keys to the copy's. */
  | {
      readonly do: "apply";
      readonly records: Uint8Array;
      /**
       * A flow whose place is taken: on a standby `replace` what is there, for it is stale (an end that we were not
       * told of, and the addresses and ports used again); on an active node `keep` it, for it is the truth.
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
  | { readonly do: "begin-copy" }
  /** Everything that the last comparison, or copy of everything, found missing here was sent and applied. */
  | { readonly do: "made-up" }
  /** Make a pass over the table, at leisure, then call purged(). */
  | { readonly do: "purge"; readonly purge: Purge }
  | { readonly do: "abort-purge" }
  /** Make a pass over the table, then call digested(). */
  | { readonly do: "start-digest"; readonly bits: number; readonly seed: number; readonly paced: boolean }
  | { readonly do: "abort-digest" }
  | { readonly do: "close"; readonly reason: string };

export interface SinkSettings {
  readonly cluster: string;
  readonly node: string;
  /** The source's name, as its certificate says. */
  readonly peer: string;
  /** Entries in this node's table. */
  readonly flows: number;
  /** What an earlier stream from this source has left in this node's kernel. */
  readonly resume: LogPlace | undefined;
}

/** What a purge did. */
export interface PurgeResult {
  readonly purged: number;
  readonly refreshed: number;
  readonly busyMs: number;
}

/**
 * Acknowledgements only tell how far the standby is: one of many records is enough. It goes out with the next records after
 * this time; only when none come, a timer wakes this process for it.
 */
const ACKNOWLEDGE_MS = 50;
const ACKNOWLEDGE_ALONE_MS = 100;
/** Sums of one digest frame, in bytes. */
const DIGEST_FRAME_BYTES = 64 << 10;

/** Sink's end of the stream from one source. Synchronous; effects are data, performed in order. */
export class SinkStream {
  readonly #settings: SinkSettings;
  #state: SinkState = "greeting";
  #copy = 0;
  #buckets: Purge["buckets"] | undefined;
  #everComplete = false;
  #whole = false;
  #sourceActive = false;
  #selfActive = false;
  #session: number | undefined;
  #position = 0;
  /** Resuming: complete when this position is reached. */
  #head = 0;
  #sweep: number | undefined;
  /** A place in the log was passed over, and no copy that began later has ended. */
  #gap = false;
  /** The last digest found flows whose timers run down. */
  #refreshNeeded = true;
  /** This node was active itself since the last comparison or copy that it took part in. */
  #missed = false;
  #digestBusyMs = 0;
  #heardMs: number;
  /** What is to be acknowledged, and the soonest time for it. */
  #unacknowledged: { readonly sequence: number; readonly sentAtMs: number } | undefined;
  #acknowledgeDueMs = 0;
  /** How often the source compares the tables, in seconds; 0 until it has said so. */
  sweepSeconds = 0;
  recordsReceived = 0;
  bytesReceived = 0;

  constructor(settings: SinkSettings, nowMs: number) {
    this.#settings = settings;
    this.#heardMs = nowMs;
  }

  get state(): SinkState {
    return this.#state;
  }

  /** This node's kernel holds everything that the source's does. A regular sweep under way does not change that. */
  get complete(): boolean {
    return this.#everComplete && this.#sourceActive && this.#state !== "closed";
  }

  /** What of the source's log is in this node's kernel, if nothing is missing before it. */
  get resumePoint(): LogPlace | undefined {
    if (!this.#everComplete || this.#selfActive || this.#session === undefined) return undefined;
    return { session: this.#session, position: this.#position };
  }

  /** The source is active and this node lacks what it would not take while it was active itself. */
  get missedCopy(): boolean {
    return this.#sourceActive && this.#missed && !this.#everComplete;
  }

  get deadline(): number {
    if (this.#state === "closed") return Number.POSITIVE_INFINITY;
    return Math.min(this.#acknowledgeAloneMs, this.#heardMs + SILENCE_MS);
  }

  /** This node became active or standby: an active node's own table is the truth, nothing is purged from it. */
  setSelfActive(active: boolean): readonly SinkEffect[] {
    this.#selfActive = active;
    if (!active) return [];
    this.#everComplete = false;
    this.#missed = true;
    const effects = this.#abortPasses();
    if (this.#state === "purging") this.#state = "idle";
    return effects;
  }

  receive(nowMs: number, frame: SyncFrame): readonly SinkEffect[] {
    this.#heardMs = nowMs;
    if (this.#state === "greeting") {
      return frame.type === "hello" ? this.#greeted(frame) : this.#refuse("the first frame must be a hello");
    }
    switch (frame.type) {
      case "records":
        return this.#apply(nowMs, frame);
      case "log":
        return this.#beginLog(frame);
      case "compare":
        return this.#compare(frame);
      case "copy-begin":
        return this.#beginCopy(frame);
      case "copy-end":
        return this.#endCopy(frame.copy);
      case "mark":
        return [...this.#acknowledge(nowMs), send({ type: "marked", token: frame.token })];
      case "heartbeat":
        return this.#heartbeat(frame.active, frame.sweepSeconds);
      default:
        return this.#refuse(`a source may not send a ${frame.type} frame now`);
    }
  }

  /**
   * This node's pass for a comparison ended; undefined when it broke off: the source then gives up by itself.
   *
   * @param refreshNeeded flows were seen whose timers should be made longer
   */
  digested(
    digest: TableDigest | undefined,
    result: { readonly busyMs: number; readonly refreshNeeded: boolean },
  ): readonly SinkEffect[] {
    const sweep = this.#sweep;
    this.#sweep = undefined;
    if (sweep === undefined || digest === undefined) return [];
    this.#refreshNeeded = result.refreshNeeded;
    this.#digestBusyMs = result.busyMs;
    const { sums } = digest;
    const bytes = new Uint8Array(sums.length * 4);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < sums.length; i++) view.setUint32(4 * i, sums[i] ?? 0);
    const effects: SinkEffect[] = [];
    for (let start = 0; start < bytes.length; start += DIGEST_FRAME_BYTES) {
      const end = Math.min(bytes.length, start + DIGEST_FRAME_BYTES);
      const last = end === bytes.length;
      effects.push(send({ type: "digest", sweep, first: start / 4, last, sums: bytes.subarray(start, end) }));
    }
    return effects;
  }

  /** Some of what this node has beyond the copy. */
  offer(records: Uint8Array): readonly SinkEffect[] {
    return this.#state === "purging" ? [send({ type: "offer", records })] : [];
  }

  /** The purge of this copy is done. */
  purged(copy: number, { purged, refreshed, busyMs }: PurgeResult): readonly SinkEffect[] {
    if (this.#state !== "purging" || copy !== this.#copy) return [];
    this.#state = "live";
    // A copy that was whole before the gap does not close it.
    this.#everComplete = !this.#gap;
    const all = Math.round(busyMs + this.#digestBusyMs);
    this.#digestBusyMs = 0;
    return [{ do: "made-up" }, send({ type: "complete", copy, purged, refreshed, busyMs: all })];
  }

  timeout(nowMs: number): readonly SinkEffect[] {
    if (this.#state === "closed") return [];
    if (nowMs < this.#heardMs + SILENCE_MS) {
      return nowMs < this.#acknowledgeAloneMs ? [] : this.#acknowledge(nowMs);
    }
    return this.#close(`${this.#settings.peer} said nothing for ${SILENCE_MS / 1_000} s`);
  }

  disconnected(): readonly SinkEffect[] {
    const effects = this.#abortPasses();
    this.#state = "closed";
    return effects;
  }

  #greeted(theirs: SyncFrame & { type: "hello" }): readonly SinkEffect[] {
    const mismatch = helloMismatch(theirs, { ...this.#settings, expected: this.#settings.peer });
    if (mismatch !== undefined) return this.#refuse(mismatch);
    this.#state = "idle";
    const { flows, resume } = this.#settings;
    const place = resume === undefined || this.#selfActive ? {} : { resume };
    return [send({ ...hello(this.#settings, flows), ...place })];
  }

  get #acknowledgeAloneMs(): number {
    if (this.#unacknowledged === undefined) return Number.POSITIVE_INFINITY;
    return this.#acknowledgeDueMs + ACKNOWLEDGE_ALONE_MS - ACKNOWLEDGE_MS;
  }

  #apply(nowMs: number, frame: SyncFrame & { type: "records" }): readonly SinkEffect[] {
    this.recordsReceived = frame.sequence;
    this.bytesReceived += frame.records.length;
    this.#position = frame.position;
    this.#unacknowledged = { sequence: frame.sequence, sentAtMs: frame.sentAtMs };
    return [
      {
        do: "apply",
        records: frame.records,
        taken: this.#selfActive ? "keep" : "replace",
        provisional: this.#selfActive,
        remember: this.#buckets !== undefined && (this.#state === "copying" || this.#state === "purging"),
      },
      ...(nowMs < this.#acknowledgeDueMs ? [] : this.#acknowledge(nowMs)),
      ...this.#checkResumed(),
    ];
  }

  #acknowledge(nowMs: number): SinkEffect[] {
    const records = this.#unacknowledged;
    if (records === undefined) return [];
    this.#unacknowledged = undefined;
    this.#acknowledgeDueMs = nowMs + ACKNOWLEDGE_MS;
    return [send({ type: "acknowledge", ...records })];
  }

  #beginLog({ place, head, resumed }: SyncFrame & { type: "log" }): readonly SinkEffect[] {
    this.#session = place.session;
    this.#position = place.position;
    if (!resumed) {
      // What was between is missing until a comparison or a copy makes up for it.
      this.#everComplete = false;
      this.#gap = true;
      if (this.#state === "resuming") this.#state = "idle";
      return [];
    }
    this.#state = "resuming";
    this.#head = head;
    return this.#checkResumed();
  }

  #checkResumed(): readonly SinkEffect[] {
    if (this.#state !== "resuming" || this.#position < this.#head) return [];
    this.#state = "live";
    if (this.#selfActive) return [];
    this.#everComplete = true;
    return [send({ type: "complete", copy: 0, purged: 0, refreshed: 0, busyMs: 0 })];
  }

  #compare({ sweep, bits, seed, paced }: SyncFrame & { type: "compare" }): readonly SinkEffect[] {
    const abort: SinkEffect[] = this.#sweep === undefined ? [] : [{ do: "abort-digest" }];
    this.#sweep = undefined;
    // An active node's table is its own; the source gives up by itself.
    if (this.#selfActive) return abort;
    this.#missed = false;
    this.#sweep = sweep;
    return [...abort, { do: "start-digest", bits, seed, paced }];
  }

  #beginCopy({ copy, refresh, whole, buckets }: SyncFrame & { type: "copy-begin" }): readonly SinkEffect[] {
    const abort = this.#abortPasses();
    this.#whole = whole;
    if (!this.#selfActive) this.#missed = false;
    this.#gap = false;
    if (!refresh) this.#everComplete = false;
    this.#copy = copy;
    this.#buckets = buckets === undefined ? undefined : ownBuckets(buckets);
    this.#state = "copying";
    return [...abort, { do: "begin-copy" }];
  }

  #endCopy(copy: number): readonly SinkEffect[] {
    if (this.#state !== "copying" || copy !== this.#copy) return [];
    if (this.#selfActive) {
      this.#state = "idle";
      return [];
    }
    this.#state = "purging";
    const buckets = this.#buckets;
    const nothing = buckets === undefined || (buckets.set.isEmpty && !this.#refreshNeeded);
    if (nothing) return this.purged(copy, { purged: 0, refreshed: 0, busyMs: 0 });
    return [{ do: "purge", purge: { copy, buckets, beyond: this.#whole ? "remove" : "offer" } }];
  }

  #heartbeat(active: boolean, sweepSeconds: number): readonly SinkEffect[] {
    // A source that is no longer active compares again when it is: until then its stream proves nothing.
    if (!active) this.#everComplete = false;
    this.#sourceActive = active;
    this.sweepSeconds = sweepSeconds;
    return [send({ type: "heartbeat", active: this.#selfActive, sweepSeconds: 0 })];
  }

  #abortPasses(): SinkEffect[] {
    const effects: SinkEffect[] = [];
    if (this.#state === "purging") effects.push({ do: "abort-purge" });
    if (this.#sweep !== undefined) effects.push({ do: "abort-digest" });
    this.#sweep = undefined;
    return effects;
  }

  #refuse(reason: string): readonly SinkEffect[] {
    return [send({ type: "refuse", reason }), ...this.#close(reason)];
  }

  #close(reason: string): readonly SinkEffect[] {
    return [...this.disconnected(), { do: "close", reason }];
  }
}

/** The set is a view into the frame, which does not live long. */
function ownBuckets({ bits, seed, set }: CopyBuckets): Purge["buckets"] {
  return { set: new BucketSet(bits, set.slice()), bucketing: new Bucketing(bits, seed) };
}

function send(frame: SyncFrame): SinkEffect {
  return { do: "send", frame: encodeSyncFrame(frame) };
}
