import { type CopyBuckets, encodeSyncFrame, type SyncFrame } from "../../wire/flow-sync.ts";
import { BucketSet } from "./bucket-set.ts";
import type { GroupSet } from "./flow-owner.ts";
import { hello, helloMismatch, SILENCE_MS } from "./hello.ts";
import type { ResumePlace } from "./resume-place.ts";
import type { Purge, PurgeResult, SinkEffect, SinkSettings, SinkState } from "./sink-types.ts";
import { SWEEP_PERIOD_MS_MAX } from "./sweep-schedule.ts";
import { Bucketing, type TableDigest } from "./table-digest.ts";

/**
 * Acknowledgements only tell how far the standby is: one of many records is enough. It goes out with the next records after
 * this time; only when none come, a timer wakes this process for it.
 */
const ACKNOWLEDGE_MS = 50;
const ACKNOWLEDGE_ALONE_MS = 100;
/** Sums of one digest frame, in bytes. */
const DIGEST_FRAME_BYTES = 64 << 10;

/** Sink's end of the stream from one source (sink-types.ts has its states). Synchronous; effects are data, performed in order. */
export class SinkStream {
  readonly #settings: SinkSettings;
  #state: SinkState = "greeting";
  #copy = 0;
  #buckets: Purge["buckets"] | undefined;
  #copyGroups: GroupSet = 0;
  /** This node's kernel holds everything that the source's does of these groups. */
  #completeGroups: GroupSet = 0;
  #whole = false;
  /** The source is active for these, and this node for those. */
  #sourceGroups: GroupSet = 0;
  #selfGroups: GroupSet = 0;
  /** Somebody else is active for these: this node, or another source. */
  #contested: GroupSet = 0;
  #session: number | undefined;
  #position = 0;
  /** Resuming: complete when this position is reached. */
  #head = 0;
  #sweep: number | undefined;
  #sweepGroups: GroupSet = 0;
  /** A place in the log was passed over, and no copy that began later has ended. */
  #gap = false;
  /** The last digest found flows whose timers run down. */
  #refreshNeeded = true;
  /** Somebody else was active for these since the last comparison or copy of them that this node took part in. */
  #missedGroups: GroupSet = 0;
  /** Records came while another node claimed the group as well: nobody knows which of them were not taken, and of which group they were. */
  #kept = false;
  #digestBusyMs = 0;
  claimedMs = 0;
  heardMs: number;
  /** What is to be acknowledged, and the soonest time for it. */
  #unacknowledged: { readonly sequence: number; readonly sentAtMs: number } | undefined;
  #acknowledgeDueMs = 0;
  /** How often the source compares the tables, in seconds; 0 until it has said so. */
  sweepSeconds = 0;
  recordsReceived = 0;
  bytesReceived = 0;

  constructor(settings: SinkSettings, nowMs: number) {
    this.#settings = settings;
    this.heardMs = nowMs;
  }

  get state(): SinkState {
    return this.#state;
  }

  /** This node's kernel holds everything that the source's does of these groups. A regular sweep under way does not change that. */
  get completeGroups(): GroupSet {
    return this.#state === "closed" ? 0 : this.#completeGroups & this.#sourceGroups;
  }

  /** … of all groups that the source is active for. */
  get complete(): boolean {
    return this.#sourceGroups !== 0 && this.completeGroups === this.#sourceGroups;
  }

  /** The source says that it is active for these. */
  get sourceGroups(): GroupSet {
    return this.#state === "closed" ? 0 : this.#sourceGroups;
  }

  /** Something of these groups has not come, as the source has said: it dropped events, or this node was away for too long. */
  get brokenGroups(): GroupSet {
    return this.#gap && this.#state !== "closed" ? this.#sourceGroups : 0;
  }

  /** What of the source's log is in this node's kernel, if nothing is missing before it. */
  get resumePoint(): ResumePlace | undefined {
    const missing = this.#sourceGroups & ~this.#completeGroups;
    if (this.#sourceGroups === 0 || missing !== 0 || this.#contests(this.#sourceGroups)) return undefined;
    if (this.#session === undefined) return undefined;
    return { session: this.#session, position: this.#position, groups: this.#sourceGroups };
  }

  /** This node lacks what it would not take of the source, because somebody else was active, too. */
  get #hasMissedCopy(): boolean {
    return (this.#sourceGroups & this.#missedGroups & ~this.#completeGroups & ~this.#contested) !== 0;
  }

  get deadline(): number {
    if (this.#state === "closed") return Number.POSITIVE_INFINITY;
    return Math.min(this.#acknowledgeAloneMs, this.heardMs + SILENCE_MS);
  }

  /**
   * Who else is active. What this node is active for is its own: nothing of it is purged. Nor is anything of what two sources
   * claim: each may have flows that the other lacks.
   */
  setClaims(self: GroupSet, rivals: GroupSet): readonly SinkEffect[] {
    if (self === this.#selfGroups && (self | rivals) === this.#contested) return [];
    this.#selfGroups = self;
    this.#contested = self | rivals;
    this.#completeGroups &= ~this.#contested;
    this.#missedGroups |= this.#contested;
    if ((rivals & this.#sourceGroups) !== 0) this.#settings.unmerged.add(rivals & this.#sourceGroups);
    const effects: SinkEffect[] = [];
    if (this.#state === "purging" && this.#contests(this.#copyGroups)) {
      effects.push({ do: "abort-purge" });
      this.#state = "idle";
    }
    if (this.#sweep !== undefined && this.#contests(this.#sweepGroups)) {
      effects.push({ do: "abort-digest" });
      this.#sweep = undefined;
    }
    // Without that, this node would be incomplete until the next sweep.
    return this.#hasMissedCopy ? [...effects, { do: "begin-anew" }] : effects;
  }

  #contests(groups: GroupSet): boolean {
    return (this.#contested & groups) !== 0;
  }

  receive(nowMs: number, frame: SyncFrame): readonly SinkEffect[] {
    this.heardMs = nowMs;
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
        return this.#heartbeat(nowMs, frame.groups, frame.sweepSeconds);
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
    this.#completeGroups &= ~this.#copyGroups;
    if (!this.#gap) this.#completeGroups |= this.#copyGroups & ~this.#contested;
    // A copy of everything leaves what is beyond it to the sweep that follows.
    if (this.#buckets !== undefined) this.#settings.unmerged.merged(this.#copyGroups);
    const all = Math.round(busyMs + this.#digestBusyMs);
    this.#digestBusyMs = 0;
    return [
      { do: "made-up", groups: this.#copyGroups },
      send({ type: "complete", copy, purged, refreshed, busyMs: all }),
    ];
  }

  timeout(nowMs: number): readonly SinkEffect[] {
    if (this.#state === "closed") return [];
    if (nowMs < this.heardMs + SILENCE_MS) {
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
    const place = resume === undefined ? {} : { resume };
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
    // Of a source that says nothing of its groups, everything may be about ours.
    const contested = this.#contests(this.#sourceGroups === 0 ? this.#contested : this.#sourceGroups);
    if (contested) {
      this.#kept = true;
      this.#completeGroups = 0;
      this.#missedGroups |= this.#sourceGroups;
    }
    return [
      {
        do: "apply",
        records: frame.records,
        taken: contested ? "keep" : "replace",
        provisional: contested,
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

  #beginLog({ place, head, resumed, unbroken }: SyncFrame & { type: "log" }): readonly SinkEffect[] {
    this.#session = place.session;
    this.#position = place.position;
    // The source's groups have changed: of those that stay, everything before has been sent.
    if (unbroken && !this.#kept && this.#state !== "resuming") return [];
    if (unbroken && !this.#contests(this.#sourceGroups)) {
      // It compares only what is new to it. A new stream begins with a comparison of everything.
      return this.#close(`${this.#settings.peer} has given up a group while its connections came`);
    }
    if (!resumed) {
      this.#kept = unbroken;
      // What was between is missing until a comparison or a copy makes up for it.
      this.#completeGroups = 0;
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
    if (this.#contests(this.#sourceGroups)) return [];
    this.#completeGroups = this.#sourceGroups;
    return [send({ type: "complete", copy: 0, purged: 0, refreshed: 0, busyMs: 0 })];
  }

  #compare({ groups, sweep, bits, seed, paced }: SyncFrame & { type: "compare" }): readonly SinkEffect[] {
    const abort: SinkEffect[] = this.#sweep === undefined ? [] : [{ do: "abort-digest" }];
    this.#sweep = undefined;
    // An active node's table is its own; the source gives up by itself.
    if (this.#contests(groups)) return abort;
    this.#missedGroups &= ~groups;
    this.#sweep = sweep;
    this.#sweepGroups = groups;
    return [...abort, { do: "start-digest", groups, bits, seed, paced }];
  }

  #beginCopy(frame: SyncFrame & { type: "copy-begin" }): readonly SinkEffect[] {
    const { copy, groups, refresh, whole, buckets } = frame;
    const abort = this.#abortPasses();
    this.#whole = whole;
    if (!this.#contests(groups)) this.#missedGroups &= ~groups;
    this.#gap = false;
    if (!refresh) this.#completeGroups &= ~groups;
    this.#copy = copy;
    this.#copyGroups = groups;
    this.#buckets = buckets === undefined ? undefined : ownBuckets(buckets);
    this.#state = "copying";
    return [...abort, { do: "begin-copy", groups }];
  }

  #endCopy(copy: number): readonly SinkEffect[] {
    if (this.#state !== "copying" || copy !== this.#copy) return [];
    if (this.#contests(this.#copyGroups)) {
      this.#state = "idle";
      return [];
    }
    this.#state = "purging";
    const buckets = this.#buckets;
    const nothing = buckets === undefined || (buckets.set.isEmpty && !this.#refreshNeeded);
    if (nothing) return this.purged(copy, { purged: 0, refreshed: 0, busyMs: 0 });
    const groups = this.#copyGroups;
    const offered = this.#whole ? this.#settings.unmerged.among(groups) : groups;
    return [{ do: "purge", purge: { copy, groups, buckets, offered } }];
  }

  #heartbeat(nowMs: number, groups: GroupSet, sweepSeconds: number): readonly SinkEffect[] {
    if ((groups & ~this.#sourceGroups) !== 0) this.claimedMs = nowMs;
    // A source that is no longer active for a group compares again when it is: until then its stream proves nothing of that.
    this.#completeGroups &= groups;
    this.#sourceGroups = groups;
    this.sweepSeconds = Math.min(sweepSeconds, SWEEP_PERIOD_MS_MAX / 1_000);
    const effects = [send({ type: "heartbeat", groups: this.#selfGroups, sweepSeconds: 0 })];
    // What its copy did not contain of a group may have come from the node that is active for that now.
    if (this.#state !== "purging" || (this.#copyGroups & ~groups) === 0) return effects;
    this.#state = "idle";
    return [...effects, { do: "abort-purge" }];
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
