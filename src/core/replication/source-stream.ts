import type { FlowFields } from "../../wire/flow-fields.ts";
import { encodeSyncFrame, type SyncFrame } from "../../wire/flow-sync.ts";
import type { ChangeLog } from "./change-log.ts";
import { Comparison } from "./comparison.ts";
import type { GroupSet } from "./flow-owner.ts";
import { hello, helloMismatch, SILENCE_MS } from "./hello.ts";
import { PendingLoss } from "./pending-loss.ts";
import { EVERYTHING, RecordSender } from "./record-sender.ts";
import { SourceCopy } from "./source-copy.ts";
import {
  newSourceCounters,
  type ResyncCause,
  type SourceCounters,
  type SourceEffect,
  type SourceSettings,
  type SourceState,
} from "./source-types.ts";
import { SweepSchedule } from "./sweep-schedule.ts";
import { bucketBits, type TableDigest } from "./table-digest.ts";

export const HEARTBEAT_MS = 500;
/** A standby with fewer entries than a sixteenth of ours has lost its table: a copy of everything is quicker. */
const NEARLY_EMPTY = 16;
/** Without an answer for this long a comparison is given up. Paced passes over millions of flows take a while. */
const COMPARE_LIMIT_MS = 120_000;
/** A stream that is behind is not compared: its answer would come late, for the question would wait behind everything. */
const BEHIND_MS = 1_000;

/** Source's end of the stream to one standby (source-types.ts has its states). Synchronous; time comes in, effects are data, performed in order. */
export class SourceStream {
  readonly counters: SourceCounters = newSourceCounters();
  readonly #settings: SourceSettings;
  readonly #log: ChangeLog;
  readonly #nextSeed: () => number;
  state: SourceState = "offline";
  /** This node is active for these. */
  #groups: GroupSet = 0;
  #whole = false;
  readonly #copy = new SourceCopy();
  readonly #loss = new PendingLoss();
  #comparison: Comparison | undefined;
  #comparisons = 0;
  readonly #sender: RecordSender;
  /** The standby's kernel holds all that ours does of these groups, as it has confirmed. A regular sweep does not change that. */
  completeGroups: GroupSet = 0;
  /** Flows of this node when they were counted last. */
  #flows = 0;
  #heardMs = 0;
  #heartbeatDueMs = Number.POSITIVE_INFINITY;
  readonly #sweep: SweepSchedule;

  /** @param nextSeed numbers of 32 bits that nobody can foresee: what hides from one comparison is found by the next */
  constructor(settings: SourceSettings, log: ChangeLog, nextSeed: () => number) {
    this.#settings = settings;
    this.#log = log;
    this.#nextSeed = nextSeed;
    this.#sweep = new SweepSchedule(settings.sweepMs);
    this.#sender = new RecordSender(log, this.counters);
  }

  /** … of all groups that we are active for. */
  get complete(): boolean {
    return this.#groups !== 0 && this.completeGroups === this.#groups;
  }

  /** Records that the standby has not confirmed, sent or not. */
  get lagRecords(): number {
    return this.#sender.unacknowledged + (this.#followsLog ? this.#sender.unsent : 0);
  }

  /** Age of the oldest record that the standby has not confirmed; 0 when it has all. */
  lagMs(nowMs: number): number {
    return this.#sender.ageMs(nowMs);
  }

  /** From one sweep to the next: longer when the tables are large. */
  get sweepMs(): number {
    return this.#sweep.periodMs;
  }

  get deadline(): number {
    if (this.state === "offline") return Number.POSITIVE_INFINITY;
    return Math.min(
      this.#heartbeatDueMs,
      this.#sweep.dueMs,
      this.state === "live" ? this.#loss.dueMs : Number.POSITIVE_INFINITY,
      this.#comparison?.deadlineMs ?? Number.POSITIVE_INFINITY,
      this.#heardMs + SILENCE_MS,
    );
  }

  /** @param flows entries in this node's table */
  connected(nowMs: number, flows: number): readonly SourceEffect[] {
    this.state = "greeting";
    this.#flows = flows;
    this.#heardMs = nowMs;
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    this.#sender.restart();
    this.#copy.restart();
    this.completeGroups = 0;
    return [send(hello(this.#settings, flows))];
  }

  disconnected(): readonly SourceEffect[] {
    const effects = this.#abortPass();
    this.state = "offline";
    this.completeGroups = 0;
    this.#loss.forget();
    this.#heartbeatDueMs = Number.POSITIVE_INFINITY;
    this.#sweep.stop();
    return effects;
  }

  /** Whether this node's table is the truth: it was complete when the node became active, or has become so by time. */
  setWhole(whole: boolean): void {
    this.#whole = whole;
  }

  /** Sends what the log has, however much waits: it is about to be restarted. */
  flush(nowMs: number): readonly SourceEffect[] {
    this.#sender.pressed = false;
    return this.#pump(nowMs, EVERYTHING);
  }

  /** This node is active for other groups. If for any, the log was restarted, after a flush: a place in it is of these very groups. */
  setGroups(nowMs: number, groups: GroupSet): readonly SourceEffect[] {
    if (groups === this.#groups) return [];
    this.#groups = groups;
    this.completeGroups &= groups;
    // What is offered beyond an earlier copy is of other groups.
    this.#copy.isPresent = false;
    if (this.state === "offline" || this.state === "greeting") return [];
    if (groups !== 0) {
      const how = this.completeGroups === 0 ? undefined : "unbroken";
      const begin = [
        ...this.#abortPass(),
        this.#heartbeat(nowMs),
        this.#sender.beginLog(this.#log.head, how),
      ];
      if (!this.complete || !this.#whole) return [...begin, ...this.#compare(nowMs, "became-active")];
      // A copy that was broken off is ended by that of the next sweep.
      this.state = "live";
      this.#sweep.soon(nowMs);
      return begin;
    }
    // What was read before goes out still: the flows' last changes under this node. A copy of ours ends unfinished.
    const effects = [...this.#abortPass(), ...this.flush(nowMs), this.#heartbeat(nowMs)];
    this.state = "idle";
    this.#sweep.stop();
    return effects;
  }

  receive(nowMs: number, frame: SyncFrame): readonly SourceEffect[] {
    this.#heardMs = nowMs;
    switch (frame.type) {
      case "hello":
        return this.#greeted(nowMs, frame);
      case "acknowledge":
        return this.#sender.acknowledge(frame.sequence, frame.sentAtMs);
      case "heartbeat":
        return [];
      case "marked":
        return [{ do: "marked", token: frame.token }];
      case "complete":
        return this.#completed(frame);
      case "offer":
        return this.#groups !== 0 && this.#copy.isPresent ? [{ do: "adopt", records: frame.records }] : [];
      case "digest":
        return this.#receiveDigest(nowMs, frame);
      case "refuse":
        return this.#close(`refused: ${frame.reason}`);
      default:
        return this.#close(`sent a ${frame.type} frame, which only a source may send`);
    }
  }

  /** A flow changed here. Only a comparison under way needs to know each one. */
  touch(fields: FlowFields): void {
    this.#comparison?.touch(fields);
  }

  /** The log has grown. */
  changed(nowMs: number): readonly SourceEffect[] {
    return this.state === "copying" ? [] : this.#pump(nowMs);
  }

  /** The log was restarted, because changes were lost before they were read. */
  overrun(nowMs: number): readonly SourceEffect[] {
    if (!this.#followsLog) return [];
    this.#lost(nowMs, "overrun");
    return [this.#sender.beginLog(this.#log.head)];
  }

  /** This node's pass for a comparison ended; `undefined` when it broke off. */
  digested(nowMs: number, digest: TableDigest | undefined, busyMs: number): readonly SourceEffect[] {
    if (this.state !== "comparing" || this.#comparison === undefined) return [];
    if (digest === undefined) return this.#compareFailed(nowMs);
    this.#flows = digest.flows;
    this.#sweep.ownPass(busyMs);
    this.#comparison.own = digest;
    return this.#comparison.isReady ? [{ do: "drain" }] : [];
  }

  /** All events were read. */
  drained(nowMs: number): readonly SourceEffect[] {
    const comparison = this.#comparison;
    if (this.state !== "comparing" || comparison?.isReady !== true) return [];
    this.#comparison = undefined;
    if (this.#loss.cause !== undefined) {
      this.state = "live";
      return [];
    }
    if (comparison.regular) {
      this.counters.sweeps++;
      this.counters.bucketsDiffering += comparison.result().size;
    }
    // Also when nothing differs: the standby makes its timers longer then.
    return this.#beginCopy(nowMs, comparison);
  }

  /** A chunk of the copy was read, or, in the pass of a comparison, flows of no group that are forwarded here. */
  copied(nowMs: number, records: Uint8Array, count: number): readonly SourceEffect[] {
    if (this.state !== "copying" && this.state !== "comparing") return [];
    if (this.state === "copying" && this.#copy.isSweep) this.counters.flowsMended += count;
    const chunk = count > 0 ? [this.#sender.send(nowMs, records, count)] : [];
    return [...chunk, ...this.#pump(nowMs)];
  }

  /** The pass over the kernel's table ended; `whole` is false when it broke off. */
  copyEnded(nowMs: number, whole: boolean): readonly SourceEffect[] {
    if (this.state !== "copying") return [];
    const effects = [...this.#pump(nowMs)];
    if (!whole) this.#lost(nowMs, "copy-failed");
    if (this.#loss.cause === undefined) return [...effects, ...this.#endCopy(nowMs)];
    this.state = "live";
    return effects;
  }

  /** Too much waits to be sent: changes stay in the log until relieved(). */
  pressed(): void {
    this.#sender.pressed = true;
  }

  relieved(nowMs: number): readonly SourceEffect[] {
    this.#sender.pressed = false;
    return this.changed(nowMs);
  }

  /** Asks the standby to confirm that everything so far is in its kernel; the answer is a `marked` effect. */
  mark(nowMs: number, token: number): readonly SourceEffect[] {
    if (this.state === "offline" || this.state === "greeting") return [];
    return [...this.flush(nowMs), send({ type: "mark", token })];
  }

  timeout(nowMs: number): readonly SourceEffect[] {
    if (this.state === "offline") return [];
    if (nowMs >= this.#heardMs + SILENCE_MS) return this.#close(`said nothing for ${SILENCE_MS / 1_000} s`);
    const effects: SourceEffect[] = [];
    if (nowMs >= this.#heartbeatDueMs) effects.push(this.#heartbeat(nowMs));
    const comparisonMs = this.#comparison?.deadlineMs ?? Number.POSITIVE_INFINITY;
    if (nowMs >= comparisonMs) effects.push(...this.#compareFailed(nowMs));
    if (this.state !== "live") return effects;
    // A sweep that is due while a loss waits for quiet is no regular one: it makes up for the loss.
    const isDue = nowMs >= Math.min(this.#loss.dueMs, this.#sweep.dueMs);
    return isDue ? [...effects, ...this.#compare(nowMs, this.#loss.cause)] : effects;
  }

  #greeted(nowMs: number, theirs: SyncFrame & { type: "hello" }): readonly SourceEffect[] {
    if (this.state !== "greeting") return [];
    const mismatch = helloMismatch(theirs, { ...this.#settings, expected: this.#settings.peer });
    if (mismatch !== undefined) return [{ do: "close", reason: mismatch }];
    this.state = "idle";
    const heartbeat = this.#heartbeat(nowMs);
    if (this.#groups === 0) return [heartbeat];
    const { resume, flows } = theirs;
    if (resume !== undefined && resume.session === this.#log.session && this.#log.has(resume.position)) {
      this.counters.resumed++;
      this.state = "live";
      this.#sweep.next(nowMs);
      return [heartbeat, this.#sender.beginLog(resume.position, "resumed"), ...this.#pump(nowMs)];
    }
    const begin = [heartbeat, this.#sender.beginLog(this.#log.head)];
    if (flows * NEARLY_EMPTY > this.#flows) return [...begin, ...this.#compare(nowMs, "joined")];
    this.counters.resyncs.joined++;
    return [...begin, ...this.#beginCopy(nowMs)];
  }

  /** Compares the tables: because of a loss, or (without a cause) as the regular sweep. */
  #compare(nowMs: number, cause: ResyncCause | undefined): readonly SourceEffect[] {
    // Everything that happened before the question must be at the standby when it gets it.
    if (this.#sender.pressed && this.#sender.unsent > 0) {
      this.#sweep.dueMs = Math.max(this.#sweep.dueMs, nowMs + BEHIND_MS);
      if (cause !== undefined) this.#loss.dueMs = nowMs + BEHIND_MS;
      return [];
    }
    this.#sender.pressed = false;
    const before = this.#pump(nowMs);
    const missing = this.#groups & ~this.completeGroups;
    // With everything there, this sweep is asked for: a node that lacks connections wants to hear of what others have.
    const groups = cause === undefined || missing === 0 ? this.#groups : missing;
    if (cause !== undefined) {
      this.counters.resyncs[cause]++;
      this.completeGroups &= ~groups;
    }
    this.#loss.forget();
    this.state = "comparing";
    this.#sweep.stop();
    const comparison = new Comparison({
      number: ++this.#comparisons,
      groups,
      bits: bucketBits(this.#flows),
      seed: this.#nextSeed(),
      regular: cause === undefined,
      deadlineMs: nowMs + COMPARE_LIMIT_MS,
    });
    this.#comparison = comparison;
    return [...before, ...comparison.question()];
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
    this.state = "live";
    this.#sweep.next(nowMs);
    return effects;
  }

  #beginCopy(nowMs: number, comparison?: Comparison): readonly SourceEffect[] {
    this.state = "copying";
    const effects = this.#copy.begin(comparison?.groups ?? this.#groups, this.#whole, comparison);
    return effects.some((effect) => effect.do === "start-copy")
      ? effects
      : [...effects, ...this.#endCopy(nowMs)];
  }

  #endCopy(nowMs: number): readonly SourceEffect[] {
    this.state = "live";
    if (this.#copy.of === "everything") this.#sweep.soon(nowMs);
    else this.#sweep.next(nowMs);
    return [this.#copy.end(), ...this.#pump(nowMs)];
  }

  #completed({ copy, purged, refreshed, busyMs }: SyncFrame & { type: "complete" }): readonly SourceEffect[] {
    // Copy 0 is the log from where it had been cut. What was lost since then is not in it.
    const lost = this.#loss.cause !== undefined || this.#comparison?.regular === false;
    // Nobody can have all of a copy that has not been sent.
    if (copy !== this.#copy.number || lost || !this.#followsLog || this.state === "copying") return [];
    // Of those that the copy is not about, it was complete before.
    this.completeGroups = this.#groups;
    this.#sweep.theirPasses(busyMs);
    this.counters.timersRefreshed += refreshed;
    if (this.#copy.isSweep) this.counters.flowsPurged += purged;
    return this.#copy.isPresent && this.#copy.of !== "everything" ? [{ do: "adopted-all" }] : [];
  }

  #close(what: string): readonly SourceEffect[] {
    return [{ do: "close", reason: `${this.#settings.peer} ${what}` }];
  }

  #lost(nowMs: number, cause: ResyncCause): void {
    this.completeGroups = 0;
    this.#loss.add(nowMs, cause);
  }

  #abortPass(): SourceEffect[] {
    const running = this.state === "copying" || this.#comparison !== undefined;
    this.#comparison = undefined;
    return running ? [{ do: "abort-pass" }] : [];
  }

  get #followsLog(): boolean {
    return this.state === "live" || this.state === "comparing" || this.state === "copying";
  }

  /** Sends what the log has beyond what was sent. */
  #pump(nowMs: number, bytesMax?: number): SourceEffect[] {
    if (!this.#followsLog) return [];
    const { frames, gone } = this.#sender.take(nowMs, bytesMax);
    if (!gone) return frames;
    this.#lost(nowMs, "backpressure");
    return [...frames, this.#sender.beginLog(this.#log.head)];
  }

  #heartbeat(nowMs: number): SourceEffect {
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    const sweepSeconds = Math.min(0xffff, Math.ceil(this.sweepMs / 1_000));
    return send({ type: "heartbeat", groups: this.#groups, sweepSeconds });
  }
}

function send(frame: SyncFrame): SourceEffect & { do: "send" } {
  return { do: "send", frame: encodeSyncFrame(frame) };
}
