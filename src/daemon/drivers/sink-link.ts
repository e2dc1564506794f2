import type { TLSSocket } from "node:tls";
import { DecodeError } from "../../base/decode-error.ts";
import type { FlowFilter } from "../../core/replication/flow-filter.ts";
import { FlowKeySet } from "../../core/replication/flow-key-set.ts";
import type { FlowOwner, GroupSet } from "../../core/replication/flow-owner.ts";
import { NoGroupTimer } from "../../core/replication/no-group-timer.ts";
import { SinkStream } from "../../core/replication/sink-stream.ts";
import type { Purge, SinkEffect } from "../../core/replication/sink-types.ts";
import { TableDigest } from "../../core/replication/table-digest.ts";
import type { UnmergedGroups } from "../../core/replication/unmerged-groups.ts";
import type { UnprotectedCount } from "../../core/replication/unprotected-count.ts";
import type { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { readPacketSeconds } from "../../linux/packet-seconds.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { FlowRecordWriter } from "../../wire/flow-record.ts";
import { type LogPlace, SyncFrameSplitter } from "../../wire/flow-sync.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import type { StreamReport } from "../role-report.ts";
import { PROVISIONAL_SECONDS } from "./provisional.ts";
import { TablePass } from "./table-pass.ts";

/** Timers on a standby only run down: a flow gets at least three sweeps of time, and more when half of it is over. */
const SWEEPS_SURVIVED = 3;
const SWEEPS_LEFT_MIN = 1.5;

/** For the last frame, with the reason of the end. */
const FAREWELL_MS = 1_000;

export interface SinkLinkOptions {
  readonly settings: NodeSettings;
  readonly peer: string;
  readonly socket: TLSSocket;
  readonly injector: ConntrackInjector;
  /** The node's count of what its kernel refused, which comparisons settle. */
  readonly unprotected: UnprotectedCount;
  readonly filter: FlowFilter;
  readonly owner: FlowOwner;
  /** Entries in this node's table. */
  readonly flows: number;
  /** What an earlier stream has left in this node's kernel. */
  readonly resume: LogPlace | undefined;
  readonly unmerged: UnmergedGroups;
  readonly onChange: (link: SinkLink) => void;
  readonly onClose: (link: SinkLink) => void;
  readonly log: (level: LogLevel, text: string) => void;
}

/** Records that a pass over the own table collects before they are written into the kernel. */
const PASS_RECORDS_BYTES = 16 << 10;

/** The TLS connection from one source: its records go into this node's kernel at once. */
export class SinkLink {
  readonly peer: string;
  readonly stream: SinkStream;
  /** Flows that the source does not have, removed after copies. */
  purged = 0;
  malformed = 0;
  readonly #options: SinkLinkOptions;
  readonly #splitter = new SyncFrameSplitter();
  readonly #keys = new FlowKeySet();
  /** Longer timers that a pass over the own table gives. */
  readonly #passWriter = new FlowRecordWriter(PASS_RECORDS_BYTES);
  /** Flows that the source lacks. */
  readonly #offerWriter = new FlowRecordWriter(PASS_RECORDS_BYTES);
  /** Shorter timers of copies of no group. */
  readonly #forgottenWriter = new FlowRecordWriter(PASS_RECORDS_BYTES);
  #noGroupTimer: NoGroupTimer;
  /** Comparisons with this source were about these. */
  #compared: GroupSet = 0;
  #purgePass: TablePass | undefined;
  #digestPass: TablePass | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SinkLinkOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.#noGroupTimer = new NoGroupTimer(options.owner, readPacketSeconds());
    const { settings, socket, flows, resume, unmerged } = options;
    this.stream = new SinkStream(
      {
        ...{ cluster: settings.cluster, node: settings.node, peer: options.peer, flows, resume },
        unmerged,
        groups: settings.groups.map(({ name }) => name),
      },
      performance.now(),
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => options.log("warning", `stream from ${this.peer}: ${error.message}`));
    socket.on("close", () => this.#closed());
  }

  /** This node is active for these, and other sources say that they are for those. */
  setClaims(self: GroupSet, rivals: GroupSet): void {
    const effects = this.stream.setClaims(self, rivals);
    if (effects.length > 0) this.#perform(effects);
  }

  report(): StreamReport {
    return {
      peer: this.peer,
      direction: "from",
      connected: this.stream.state !== "closed",
      state: this.stream.state,
      records: this.stream.recordsReceived,
      bytes: this.stream.bytesReceived,
      lagRecords: 0,
      lagMs: 0,
      complete: this.stream.complete,
      resyncs: {},
    };
  }

  close(): void {
    this.#options.socket.destroy();
  }

  #receive(chunk: Uint8Array): void {
    const fault = this.#splitter.push(chunk, (frame) => {
      if (this.stream.state === "closed") return;
      this.#perform(this.stream.receive(performance.now(), frame));
    });
    if (fault === undefined) return;
    this.malformed++;
    this.#options.log("error", `stream from ${this.peer}: malformed frame (${fault.reason})`);
    this.close();
  }

  #perform(effects: readonly SinkEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
    clearTimeout(this.#timer);
    const { deadline } = this.stream;
    if (deadline !== Number.POSITIVE_INFINITY) {
      const wait = Math.max(1, deadline - performance.now());
      this.#timer = setTimeout(() => this.#perform(this.stream.timeout(performance.now())), wait);
    }
    this.#options.onChange(this);
  }

  #performOne(effect: SinkEffect): void {
    switch (effect.do) {
      case "send":
        this.#options.socket.write(effect.frame);
        break;
      case "apply":
        this.#apply(effect);
        break;
      case "begin-copy":
        this.#keys.clear();
        this.#beginComparison(effect.groups);
        break;
      case "made-up":
        this.#options.unprotected.ended(effect.groups);
        break;
      case "purge":
        this.#purge(effect.purge);
        break;
      case "abort-purge":
        this.#purgePass?.abort();
        this.#purgePass = undefined;
        break;
      case "start-digest":
        this.#options.unprotected.abandoned(effect.groups);
        this.#beginComparison(effect.groups);
        this.#digest(effect);
        break;
      case "abort-digest":
        this.#digestPass?.abort();
        this.#digestPass = undefined;
        break;
      case "begin-anew":
        this.#options.log("info", `stream from ${this.peer}: begins anew, for it alone is active now`);
        this.close();
        break;
      case "close":
        this.#options.log("warning", `stream from ${this.peer} closed: ${effect.reason}`);
        // Whoever is still there reads the reason; a half-open connection would never end by itself.
        this.#options.socket.end();
        setTimeout(() => this.close(), FAREWELL_MS);
        break;
    }
  }

  #beginComparison(groups: GroupSet): void {
    this.#compared |= groups;
    this.#options.unprotected.began(groups);
  }

  #apply(effect: SinkEffect & { do: "apply" }): void {
    const result = this.#options.injector.inject(effect.records, {
      first: "create",
      taken: effect.taken,
      timeoutSecondsMin: this.#secondsMin(),
      onRefused: (fields) => this.#options.unprotected.refused(this.#options.owner.groupOf(fields)),
      ...(effect.provisional ? { timeoutSecondsMax: PROVISIONAL_SECONDS } : {}),
      ...(effect.remember ? { onUpsert: (fields) => this.#keys.add(fields) } : {}),
    });
    if (!(result instanceof DecodeError)) return;
    this.malformed++;
    this.#options.log("error", `stream from ${this.peer}: malformed record (${result.reason})`);
    this.close();
  }

  /** Of a flow that the source tells of. */
  #secondsMin(): number | ((fields: FlowFields) => number) {
    const sweepSeconds = this.#sweepSeconds;
    const most = sweepSeconds * SWEEPS_SURVIVED;
    if (this.#options.owner.isOnlyOne) return most;
    return (fields) => Math.max(most, this.#noGroupTimer.secondsOfCopy(fields, sweepSeconds) ?? 0);
  }

  /** A table is compared so often; before the source has said how often, what the document says holds. */
  get #sweepSeconds(): number {
    return Math.max(this.stream.sweepSeconds, Math.ceil(this.#options.settings.refreshMs / 1_000));
  }

  #digest({ groups, bits, seed, paced }: SinkEffect & { do: "start-digest" }): void {
    const { filter, owner } = this.#options;
    const digest = new TableDigest(bits, seed);
    const sweepSeconds = this.#sweepSeconds;
    const secondsLeftMin = sweepSeconds * SWEEPS_LEFT_MIN;
    let refreshNeeded = false;
    this.#noGroupTimer = new NoGroupTimer(owner, readPacketSeconds());
    this.#digestPass?.abort();
    this.#digestPass = new TablePass({
      paced,
      visit: (fields) => {
        if (!filter.accepts(fields)) return;
        if (owner.isOneOf(groups, fields)) {
          digest.add(fields);
          if (fields.timeoutSeconds < secondsLeftMin) refreshNeeded = true;
        } else {
          this.#forget(fields, sweepSeconds);
        }
      },
      onTurn: () => this.#writeForgotten(),
      onEnd: (whole, busyMs) => {
        this.#digestPass = undefined;
        this.#perform(this.stream.digested(whole ? digest : undefined, { busyMs, refreshNeeded }));
      },
    });
  }

  /** Shortens the timer of a copy of no group that nobody tells of. */
  #forget(fields: FlowFields, sweepSeconds: number): void {
    const seconds = this.#noGroupTimer.secondsOfForgotten(fields, sweepSeconds);
    if (seconds === undefined) return;
    if (!this.#forgottenWriter.hasRoom) this.#writeForgotten();
    fields.timeoutSeconds = seconds;
    this.#forgottenWriter.writeUpsert(fields);
  }

  #writeForgotten(): void {
    if (this.#forgottenWriter.count === 0) return;
    this.#options.injector.inject(this.#forgottenWriter.take(), {
      ...({ first: "update", missing: "skip", taken: "keep", timeoutSecondsMin: 0 } as const),
    });
  }

  /** Removes established flows through this node that the copy should have contained and did not; refreshes the others. */
  #purge({ copy, groups, buckets, offered }: Purge): void {
    const { filter, owner, injector } = this.#options;
    const secondsLeftMin = this.#sweepSeconds * SWEEPS_LEFT_MIN;
    let purged = 0;
    let refreshed = 0;
    this.#purgePass?.abort();
    this.#purgePass = new TablePass({
      visit: (fields) => {
        if (!filter.accepts(fields) || !owner.isOneOf(groups, fields)) return;
        const copied = buckets.set.has(buckets.bucketing.bucket(fields));
        const isBeyond = copied && !this.#keys.has(fields);
        const isOffered = isBeyond && owner.isOneOf(offered, fields);
        if (isOffered) {
          if (!this.#offerWriter.hasRoom) this.#offer();
          this.#offerWriter.writeUpsert(fields);
        }
        if (isBeyond && !isOffered) {
          // At once, and this very entry: another may take its place while the pass goes on.
          injector.deleteFlow(fields);
          purged++;
        } else if (fields.timeoutSeconds < secondsLeftMin) {
          if (!this.#passWriter.hasRoom) this.#writePass();
          this.#passWriter.writeUpsert(fields);
          refreshed++;
        }
      },
      onTurn: () => {
        this.#writePass();
        this.#offer();
      },
      onEnd: (_whole, busyMs) => {
        // A pass that broke off leaves stale flows to the next sweep: nothing is missing because of it.
        this.#purgePass = undefined;
        this.#keys.clear();
        this.purged += purged;
        this.#perform(this.stream.purged(copy, { purged, refreshed, busyMs }));
      },
    });
  }

  #offer(): void {
    if (this.#offerWriter.count > 0) this.#perform(this.stream.offer(this.#offerWriter.take()));
  }

  #writePass(): void {
    if (this.#passWriter.count === 0) return;
    this.#options.injector.inject(this.#passWriter.take(), {
      ...({ first: "update", missing: "skip", taken: "keep" } as const),
      timeoutSecondsMin: this.#sweepSeconds * SWEEPS_SURVIVED,
    });
  }

  #closed(): void {
    clearTimeout(this.#timer);
    this.#options.unprotected.abandoned(this.#compared);
    for (const effect of this.stream.disconnected()) this.#performOne(effect);
    this.#options.onClose(this);
    this.#options.onChange(this);
  }
}
