import type { FlowFields } from "../../wire/flow-fields.ts";
import {
  encodeSyncFrame,
  FLOW_SYNC_VERSION,
  FLOW_SYNC_VERSION_OLDEST,
  type SyncFrame,
} from "../../wire/flow-sync.ts";
import type { ChangeLog } from "./change-log.ts";
import { Comparison } from "./comparison.ts";
import { helloMismatch, SILENCE_MS } from "./hello.ts";
import {
  newSourceCounters,
  type ResyncCause,
  type SourceCounters,
  type SourceEffect,
  type SourceSettings,
  type SourceState,
} from "./source-types.ts";
import { bucketBits, type TableDigest } from "./table-digest.ts";

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

export const HEARTBEAT_MS = 500;
/** Records of one frame: small enough to be encrypted and applied without a pause for others. */
const FRAME_RECORDS_BYTES = 32 << 10;
/** A standby with fewer entries than a sixteenth of ours has lost its table: a copy of everything is quicker. */
const NEARLY_EMPTY = 16;
/** Without an answer for this long a comparison is given up. Paced passes over millions of flows take a while. */
const COMPARE_LIMIT_MS = 120_000;
/**
 * After a loss the tables are compared when it has been quiet for a second, and after ten in any case: under a flood that
 * overruns this process again and again, comparing again and again would only take more from forwarding.
 */
const QUIET_MS = 1_000;
const QUIET_MS_MAX = 10_000;
/** Stale flows in a table that was nearly empty are found by a sweep soon after the copy. */
const SWEEP_AFTER_COPY_MS = 5_000;
/** Passes of both nodes together may take a fiftieth of the time, about. */
const SWEEP_SHARE = 50;

/** Source's end of the stream to one standby. Synchronous; time comes in, effects are data, performed in order. */
export class SourceStream {
  readonly counters: SourceCounters = newSourceCounters();
  readonly #settings: SourceSettings;
  readonly #log: ChangeLog;
  readonly #nextSeed: () => number;
  #state: SourceState = "offline";
  #active = false;
  #whole = false;
  #copy = 0;
  /** Whether the copy under way follows a regular sweep. */
  #copyIsRefresh = false;
  #copyIsWhole = false;
  /** The standby lacks changes, and no comparison or copy under way makes up for it: one begins when it is quiet. */
  #lossCause: ResyncCause | undefined;
  #quietDueMs = Number.POSITIVE_INFINITY;
  #quietLimitMs = Number.POSITIVE_INFINITY;
  #comparison: Comparison | undefined;
  #comparisons = 0;
  #compareDeadlineMs = Number.POSITIVE_INFINITY;
  /** How far the log has been sent. */
  #cursor = 0;
  /** Too much waits in the socket: nothing is taken from the log until relieved(). */
  #pressed = false;
  #sequence = 0;
  #acknowledged = 0;
  #oldestUnacknowledgedMs: number | undefined;
  /** It has confirmed a whole copy, or that it has all of the log. A regular sweep does not change that. */
  #standbyComplete = false;
  /** Flows of this node when they were counted last. */
  #flows = 0;
  #busyMs = 0;
  #heardMs = 0;
  #heartbeatDueMs = Number.POSITIVE_INFINITY;
  #sweepDueMs = Number.POSITIVE_INFINITY;

  /** @param nextSeed numbers of 32 bits that nobody can foresee: what hides from one comparison is found by the next */
  constructor(settings: SourceSettings, log: ChangeLog, nextSeed: () => number) {
    this.#settings = settings;
    this.#log = log;
    this.#nextSeed = nextSeed;
  }

  get state(): SourceState {
    return this.#state;
  }

  /** The standby's kernel holds a whole copy of ours, and changes since then go there one by one. */
  get complete(): boolean {
    return this.#standbyComplete;
  }

  /** Records that the standby has not confirmed, sent or not. */
  get lagRecords(): number {
    return this.#sequence - this.#acknowledged + (this.#followsLog ? this.#log.head - this.#cursor : 0);
  }

  /** Age of the oldest record that the standby has not confirmed; 0 when it has all. */
  lagMs(nowMs: number): number {
    return this.#oldestUnacknowledgedMs === undefined ? 0 : Math.max(0, nowMs - this.#oldestUnacknowledgedMs);
  }

  /** The time from one sweep to the next: longer when the tables are large. */
  get sweepMs(): number {
    return Math.max(this.#settings.sweepMs, this.#busyMs * SWEEP_SHARE);
  }

  get deadline(): number {
    if (this.#state === "offline") return Number.POSITIVE_INFINITY;
    return Math.min(
      this.#heartbeatDueMs,
      this.#sweepDueMs,
      this.#state === "live" ? this.#quietDueMs : Number.POSITIVE_INFINITY,
      this.#compareDeadlineMs,
      this.#heardMs + SILENCE_MS,
    );
  }

  /** @param flows entries in this node's table */
  connected(nowMs: number, flows: number): readonly SourceEffect[] {
    this.#state = "greeting";
    this.#flows = flows;
    this.#heardMs = nowMs;
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    this.#sequence = 0;
    this.#acknowledged = 0;
    this.#oldestUnacknowledgedMs = undefined;
    this.#copy = 0;
    this.#pressed = false;
    this.#standbyComplete = false;
    const { cluster, node } = this.#settings;
    return [
      send({
        type: "hello",
        version: FLOW_SYNC_VERSION,
        oldestVersion: FLOW_SYNC_VERSION_OLDEST,
        cluster,
        node,
        flows,
      }),
    ];
  }

  disconnected(): readonly SourceEffect[] {
    const effects = this.#abortPass();
    this.#state = "offline";
    this.#standbyComplete = false;
    this.#forgetLoss();
    this.#heartbeatDueMs = Number.POSITIVE_INFINITY;
    this.#sweepDueMs = Number.POSITIVE_INFINITY;
    return effects;
  }

  /** Whether this node's table is the truth: it was complete when the node became active, or has become so by time. */
  setWhole(whole: boolean): void {
    this.#whole = whole;
  }

  /** This node became active (the log has been restarted before) or standby. */
  setActive(nowMs: number, active: boolean): readonly SourceEffect[] {
    if (active === this.#active) return [];
    this.#active = active;
    this.#standbyComplete = false;
    if (this.#state === "offline" || this.#state === "greeting") return [];
    if (active) {
      return [
        this.#heartbeat(nowMs),
        ...this.#beginLog(this.#log.head),
        ...this.#compare(nowMs, "became-active"),
      ];
    }
    // What was read before goes out still: the flows' last changes under this node. A copy of ours ends unfinished.
    this.#pressed = false;
    const effects = [...this.#abortPass(), ...this.#pump(nowMs), this.#heartbeat(nowMs)];
    this.#state = "idle";
    this.#sweepDueMs = Number.POSITIVE_INFINITY;
    return effects;
  }

  receive(nowMs: number, frame: SyncFrame): readonly SourceEffect[] {
    this.#heardMs = nowMs;
    switch (frame.type) {
      case "hello":
        return this.#greeted(nowMs, frame);
      case "acknowledge":
        this.#acknowledge(frame.sequence, frame.sentAtMs);
        return [];
      case "marked":
        return [{ do: "marked", token: frame.token }];
      case "complete":
        this.#completed(frame);
        return [];
      case "digest":
        return this.#receiveDigest(nowMs, frame);
      case "heartbeat":
        return [];
      case "refuse":
        return [{ do: "close", reason: `${this.#settings.peer} refused: ${frame.reason}` }];
      default:
        return [
          {
            do: "close",
            reason: `${this.#settings.peer} sent a ${frame.type} frame, which only a source may send`,
          },
        ];
    }
  }

  /** A flow changed here. Only a comparison under way needs to know each one. */
  touch(fields: FlowFields): void {
    this.#comparison?.touch(fields);
  }

  /** The log has grown. */
  changed(nowMs: number): readonly SourceEffect[] {
    return this.#state === "copying" ? [] : this.#pump(nowMs);
  }

  /** The log was restarted, because changes were lost before they were read. */
  overrun(nowMs: number): readonly SourceEffect[] {
    if (!this.#followsLog) return [];
    this.#lost(nowMs, "overrun");
    return this.#beginLog(this.#log.head);
  }

  /** This node's pass for a comparison ended; `undefined` when it broke off. */
  digested(nowMs: number, digest: TableDigest | undefined, busyMs: number): readonly SourceEffect[] {
    if (this.#state !== "comparing" || this.#comparison === undefined) return [];
    if (digest === undefined) return this.#compareFailed(nowMs);
    this.#flows = digest.flows;
    this.#busyMs = Math.max(this.#busyMs / 2, busyMs);
    this.#comparison.own = digest;
    return this.#comparison.isReady ? [{ do: "drain" }] : [];
  }

  /** All events were read. */
  drained(nowMs: number): readonly SourceEffect[] {
    const comparison = this.#comparison;
    if (this.#state !== "comparing" || comparison?.isReady !== true) return [];
    this.#endComparison();
    if (this.#lossCause !== undefined) {
      this.#state = "live";
      return [];
    }
    const set = comparison.result();
    if (comparison.regular) {
      this.counters.sweeps++;
      this.counters.bucketsDiffering += set.size;
    }
    // Also when nothing differs: the standby makes its timers longer then.
    return this.#beginCopy(nowMs, { set, comparison });
  }

  /** A chunk of the copy was read. */
  copied(nowMs: number, records: Uint8Array, count: number): readonly SourceEffect[] {
    if (this.#state !== "copying") return [];
    if (this.#copyIsRefresh) this.counters.flowsMended += count;
    const chunk = count > 0 ? [this.#sendRecords(nowMs, records, count)] : [];
    return [...chunk, ...this.#pump(nowMs)];
  }

  /** The pass over the kernel's table ended; `whole` is false when it broke off. */
  copyEnded(nowMs: number, whole: boolean): readonly SourceEffect[] {
    if (this.#state !== "copying") return [];
    const effects = [...this.#pump(nowMs)];
    if (!whole) this.#lost(nowMs, "copy-failed");
    if (this.#lossCause === undefined) return [...effects, ...this.#endCopy(nowMs)];
    this.#state = "live";
    return effects;
  }

  /** Too much waits to be sent: changes stay in the log until relieved(). */
  pressed(): void {
    this.#pressed = true;
  }

  relieved(nowMs: number): readonly SourceEffect[] {
    this.#pressed = false;
    return this.changed(nowMs);
  }

  /** Asks the standby to confirm that everything so far is in its kernel; the answer is a `marked` effect. */
  mark(nowMs: number, token: number): readonly SourceEffect[] {
    if (this.#state === "offline" || this.#state === "greeting") return [];
    this.#pressed = false;
    return [...this.#pump(nowMs), send({ type: "mark", token })];
  }

  timeout(nowMs: number): readonly SourceEffect[] {
    if (this.#state === "offline") return [];
    if (nowMs >= this.#heardMs + SILENCE_MS) {
      return [{ do: "close", reason: `${this.#settings.peer} said nothing for ${SILENCE_MS / 1_000} s` }];
    }
    const effects: SourceEffect[] = [];
    if (nowMs >= this.#heartbeatDueMs) effects.push(this.#heartbeat(nowMs));
    if (nowMs >= this.#compareDeadlineMs) effects.push(...this.#compareFailed(nowMs));
    if (this.#state !== "live") return effects;
    if (nowMs >= this.#quietDueMs) effects.push(...this.#compare(nowMs, this.#lossCause));
    else if (nowMs >= this.#sweepDueMs) effects.push(...this.#compare(nowMs, undefined));
    return effects;
  }

  #greeted(nowMs: number, hello: SyncFrame & { type: "hello" }): readonly SourceEffect[] {
    if (this.#state !== "greeting") return [];
    const mismatch = helloMismatch(hello, { ...this.#settings, expected: this.#settings.peer });
    if (mismatch !== undefined) return [{ do: "close", reason: mismatch }];
    this.#state = "idle";
    const heartbeat = this.#heartbeat(nowMs);
    if (!this.#active) return [heartbeat];
    const { resume, flows } = hello;
    if (resume !== undefined && resume.session === this.#log.session && this.#log.has(resume.position)) {
      this.counters.resumed++;
      this.#state = "live";
      this.#sweepDueMs = nowMs + this.sweepMs;
      return [heartbeat, ...this.#beginLog(resume.position, true), ...this.#pump(nowMs)];
    }
    const begin = [heartbeat, ...this.#beginLog(this.#log.head)];
    if (flows * NEARLY_EMPTY > this.#flows) return [...begin, ...this.#compare(nowMs, "joined")];
    this.counters.resyncs.joined++;
    return [...begin, ...this.#beginCopy(nowMs, undefined)];
  }

  #beginLog(position: number, resumed = false): SourceEffect[] {
    this.#cursor = position;
    const { session, head } = this.#log;
    return [send({ type: "log", place: { session, position }, head, resumed })];
  }

  /** Compares the tables: because of a loss, or (without a cause) as the regular sweep. */
  #compare(nowMs: number, cause: ResyncCause | undefined): readonly SourceEffect[] {
    // Everything that happened before the question must be at the standby when it gets it.
    this.#pressed = false;
    const before = this.#pump(nowMs);
    if (cause !== undefined) {
      this.counters.resyncs[cause]++;
      this.#standbyComplete = false;
    }
    this.#forgetLoss();
    this.#state = "comparing";
    this.#sweepDueMs = Number.POSITIVE_INFINITY;
    this.#compareDeadlineMs = nowMs + COMPARE_LIMIT_MS;
    const comparison = new Comparison({
      number: ++this.#comparisons,
      bits: bucketBits(this.#flows),
      seed: this.#nextSeed(),
      regular: cause === undefined,
    });
    this.#comparison = comparison;
    const { bits, seed } = comparison.bucketing;
    const paced = comparison.regular;
    return [
      ...before,
      send({ type: "compare", sweep: comparison.number, seed, bits, paced }),
      { do: "start-digest", bits, seed, paced },
    ];
  }

  #receiveDigest(nowMs: number, frame: SyncFrame & { type: "digest" }): readonly SourceEffect[] {
    const comparison = this.#comparison;
    if (comparison === undefined || frame.sweep !== comparison.number) return [];
    if (!comparison.receive(frame.first, frame.sums, frame.last)) return this.#compareFailed(nowMs);
    return comparison.isReady ? [{ do: "drain" }] : [];
  }

  #compareFailed(nowMs: number): readonly SourceEffect[] {
    if (this.#comparison?.regular === false) this.#lost(nowMs, "compare-failed");
    const effects = this.#abortPass();
    this.#state = "live";
    this.#sweepDueMs = nowMs + this.sweepMs;
    return effects;
  }

  #endComparison(): void {
    this.#comparison = undefined;
    this.#compareDeadlineMs = Number.POSITIVE_INFINITY;
  }

  #beginCopy(
    nowMs: number,
    part: { readonly set: Comparison["touched"]; readonly comparison: Comparison } | undefined,
  ): readonly SourceEffect[] {
    this.#state = "copying";
    this.#copyIsRefresh = part?.comparison.regular === true;
    this.#copyIsWhole = part === undefined;
    this.#copy++;
    const common = {
      ...({ type: "copy-begin", copy: this.#copy } as const),
      refresh: this.#copyIsRefresh,
      whole: this.#whole,
    };
    if (part === undefined) return [send(common), { do: "start-copy", buckets: undefined }];
    const { bits, seed } = part.comparison.bucketing;
    const begin = send({ ...common, buckets: { bits, seed, set: part.set.bytes } });
    if (part.set.isEmpty) return [begin, ...this.#endCopy(nowMs)];
    return [begin, { do: "start-copy", buckets: { set: part.set, bucketing: part.comparison.bucketing } }];
  }

  #endCopy(nowMs: number): readonly SourceEffect[] {
    this.#state = "live";
    this.#sweepDueMs = nowMs + (this.#copyIsWhole ? SWEEP_AFTER_COPY_MS : this.sweepMs);
    return [send({ type: "copy-end", copy: this.#copy }), ...this.#pump(nowMs)];
  }

  #completed({ copy, purged, refreshed, busyMs }: SyncFrame & { type: "complete" }): void {
    // Copy 0 is the log from where it had been cut. What was lost since then is not in it.
    const lost = this.#lossCause !== undefined || this.#comparison?.regular === false;
    if (copy !== this.#copy || lost) return;
    this.#standbyComplete = true;
    this.#busyMs = Math.max(this.#busyMs, busyMs);
    this.counters.timersRefreshed += refreshed;
    if (this.#copyIsRefresh) this.counters.flowsPurged += purged;
  }

  #lost(nowMs: number, cause: ResyncCause): void {
    this.#standbyComplete = false;
    this.#lossCause = cause;
    this.#quietLimitMs = Math.min(this.#quietLimitMs, nowMs + QUIET_MS_MAX);
    this.#quietDueMs = Math.min(this.#quietLimitMs, nowMs + QUIET_MS);
  }

  #forgetLoss(): void {
    this.#lossCause = undefined;
    this.#quietDueMs = Number.POSITIVE_INFINITY;
    this.#quietLimitMs = Number.POSITIVE_INFINITY;
  }

  #abortPass(): SourceEffect[] {
    const running = this.#state === "copying" || this.#comparison !== undefined;
    this.#endComparison();
    return running ? [{ do: "abort-pass" }] : [];
  }

  get #followsLog(): boolean {
    return this.#state === "live" || this.#state === "comparing" || this.#state === "copying";
  }

  /** Sends what the log has beyond the cursor. */
  #pump(nowMs: number): SourceEffect[] {
    const effects: SourceEffect[] = [];
    while (this.#followsLog && !this.#pressed) {
      const batch = this.#log.read(this.#cursor, FRAME_RECORDS_BYTES);
      if (batch === undefined) break;
      if (batch === "gone") {
        // The standby was too slow for too long.
        effects.push(...this.#beginLog(this.#log.head));
        this.#lost(nowMs, "backpressure");
        break;
      }
      const count = batch.next - this.#cursor;
      this.#cursor = batch.next;
      effects.push(this.#sendRecords(nowMs, batch.records, count));
    }
    return effects;
  }

  #acknowledge(sequence: number, sentAtMs: number): void {
    // An acknowledgement of what was never sent proves nothing.
    if (sequence <= this.#acknowledged || sequence > this.#sequence) return;
    this.counters.recordsAcknowledged += sequence - this.#acknowledged;
    this.#acknowledged = sequence;
    this.#oldestUnacknowledgedMs = sequence === this.#sequence ? undefined : sentAtMs;
  }

  #sendRecords(nowMs: number, records: Uint8Array, count: number): SourceEffect {
    this.#sequence += count;
    this.#oldestUnacknowledgedMs ??= nowMs;
    const effect = send({
      ...({ type: "records", sequence: this.#sequence, position: this.#cursor } as const),
      sentAtMs: nowMs,
      records,
    });
    this.counters.recordsSent += count;
    this.counters.bytesSent += effect.frame.length;
    return effect;
  }

  #heartbeat(nowMs: number): SourceEffect {
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    const sweepSeconds = Math.min(0xffff, Math.ceil(this.sweepMs / 1_000));
    return send({ type: "heartbeat", active: this.#active, sweepSeconds });
  }
}

function send(frame: SyncFrame): SourceEffect & { do: "send" } {
  return { do: "send", frame: encodeSyncFrame(frame) };
}
