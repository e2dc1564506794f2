import assert from "node:assert/strict";
import { ChangeLog } from "../../src/core/replication/change-log.ts";
import type { GroupSet } from "../../src/core/replication/flow-owner.ts";
import { SourceStream } from "../../src/core/replication/source-stream.ts";
import type { SourceEffect } from "../../src/core/replication/source-types.ts";
import { TableDigest } from "../../src/core/replication/table-digest.ts";
import { type SyncFrame, SyncFrameSplitter } from "../../src/wire/flow-sync.ts";
import { below, type Random } from "./mutate.ts";

export const CLUSTER = "campus";
export const SOURCE = "gw1";
export const SINK = "gw2";
export const GROUPS = ["campus", "guests"];
/** The log that the source has when a stream begins. */
export const SESSION = 77;
export const LOG_RECORDS = 8;
/** Entries of the source's table. */
export const FLOWS = 5;

const ALL_GROUPS: GroupSet = 0xff;
const RECORD = new Uint8Array(14);
const STEP_MS_MAX = 700;

/**
 * A source that hears answers of a sink, whatever they are, while its node goes on: changes, passes that end late, overruns.
 * Beside it stands what may be believed of the sink, from the frames that went out alone.
 */
export class SourceUnderTest {
  readonly stream: SourceStream;
  readonly #log = new ChangeLog({ capacityBytes: 600, batches: 8, session: SESSION });
  readonly #random: Random;
  readonly #out = new SyncFrameSplitter();
  #nowMs = 1_000;
  #pending: "digest" | "copy" | undefined;
  #bits = 8;
  #seed = 0;
  #isOpen = true;
  #groups: GroupSet = 1;
  /** The copy that was begun last, and whether its end was sent. */
  #copy = 0;
  #copyGroups: GroupSet = 0;
  #copyEnded = false;
  /** A place in the log was passed over: for these only a copy that begins later makes up for it. */
  #gap: GroupSet = 0;
  #resumed = false;

  constructor(random: Random) {
    this.#random = random;
    const settings = { cluster: CLUSTER, node: SOURCE, peer: SINK, groups: GROUPS, sweepMs: 2_000 };
    this.stream = new SourceStream(settings, this.#log, () => below(random, 2 ** 32));
    for (let i = 0; i < LOG_RECORDS; i++) this.#log.append(RECORD, 1);
    this.stream.setWhole(true);
    this.stream.setGroups(this.#nowMs, this.#groups);
    this.#perform(this.stream.connected(this.#nowMs, FLOWS));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  receive(frame: SyncFrame): void {
    const was = this.stream.completeGroups;
    this.#perform(this.stream.receive(this.#nowMs, frame));
    const added = this.stream.completeGroups & ~was;
    if (added !== 0) this.#checkCompletion(frame, added);
    this.#check();
  }

  /** What else happens on the node between two frames. */
  liveOn(): void {
    const was = this.stream.completeGroups;
    this.#nowMs += below(this.#random, STEP_MS_MAX);
    const now = this.#nowMs;
    if (this.#random() < 0.7) this.#endPass();
    const chance = this.#random();
    if (chance < 0.3) {
      this.#log.append(RECORD, 1);
      this.#perform(this.stream.changed(now));
    } else if (chance < 0.35) {
      this.#log.restart(SESSION + below(this.#random, 3));
      this.#perform(this.stream.overrun(now));
    } else if (chance < 0.4) {
      this.stream.pressed();
    } else if (chance < 0.5) {
      this.#perform(this.stream.relieved(now));
    } else if (chance < 0.53) {
      // Another set than before.
      this.#groups ^= 1 + below(this.#random, (1 << GROUPS.length) - 1);
      if (this.#groups !== 0) {
        this.#perform(this.stream.flush(now));
        this.#log.restart(SESSION);
      }
      this.#perform(this.stream.setGroups(now, this.#groups));
    }
    if (now >= this.stream.deadline) this.#perform(this.stream.timeout(now));
    assert.equal(this.stream.completeGroups & ~was, 0, "complete, and the sink has said nothing");
    this.#check();
  }

  #checkCompletion(frame: SyncFrame, added: GroupSet): void {
    assert.equal(frame.type, "complete", `complete after a ${frame.type} frame`);
    if (frame.type !== "complete") return;
    assert.equal(frame.copy, this.#copy, "complete for another copy");
    assert.equal(added & ~this.#groups, 0, "complete of groups that this node is not active for");
    assert.equal(added & this.#gap, 0, "complete over a gap in the log");
    if (frame.copy !== 0) assert.equal(added & ~this.#copyGroups, 0, "complete of what was not copied");
    if (frame.copy === 0) assert.ok(this.#resumed, "complete without a copy and without a place in the log");
    else assert.ok(this.#copyEnded, "complete before the copy was sent");
  }

  #check(): void {
    const lag = this.stream.lagMs(this.#nowMs);
    assert.ok(Number.isFinite(lag) && lag >= 0, `a lag of ${lag} ms`);
    assert.ok(this.stream.lagRecords >= 0, `a lag of ${this.stream.lagRecords} records`);
    if (!this.#isOpen) assert.ok(!this.stream.complete, "complete without a connection");
  }

  #endPass(): void {
    const pass = this.#pending;
    this.#pending = undefined;
    if (pass === "digest") {
      const digest = this.#random() < 0.9 ? new TableDigest(this.#bits, this.#seed) : undefined;
      this.#perform(this.stream.digested(this.#nowMs, digest, 1));
    } else if (pass === "copy") {
      this.#perform(this.stream.copied(this.#nowMs, RECORD, 1));
      this.#perform(this.stream.copyEnded(this.#nowMs, this.#random() < 0.9));
    }
  }

  #perform(effects: readonly SourceEffect[]): void {
    for (const effect of effects) {
      if (!this.#isOpen) return;
      switch (effect.do) {
        case "send": {
          const fault = this.#out.push(effect.frame, (frame) => this.#sent(frame));
          assert.equal(fault, undefined, "the source sends what it cannot read itself");
          break;
        }
        case "start-digest":
          this.#pending = "digest";
          this.#bits = effect.bits;
          this.#seed = effect.seed;
          break;
        case "start-copy":
          this.#pending = "copy";
          break;
        case "drain":
          this.#perform(this.stream.drained(this.#nowMs));
          break;
        case "abort-pass":
          this.#pending = undefined;
          break;
        case "close":
          this.#isOpen = false;
          this.stream.disconnected();
          break;
        case "marked":
          break;
      }
    }
  }

  #sent(frame: SyncFrame): void {
    if (frame.type === "log") {
      if (frame.unbroken) assert.ok(!frame.resumed && this.stream.completeGroups !== 0);
      else this.#gap = frame.resumed ? 0 : ALL_GROUPS;
      this.#resumed = frame.resumed;
      if (frame.resumed)
        assert.ok(this.#log.has(frame.place.position), "resumed where the log does not reach");
    } else if (frame.type === "copy-begin") {
      this.#copy = frame.copy;
      this.#copyGroups = frame.groups;
      this.#copyEnded = false;
      this.#gap &= ~frame.groups;
    } else if (frame.type === "copy-end") {
      assert.equal(frame.copy, this.#copy);
      this.#copyEnded = true;
    }
  }
}
