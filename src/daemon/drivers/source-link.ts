import { randomInt } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { DecodeError } from "../../base/decode-error.ts";
import type { ChangeLog } from "../../core/replication/change-log.ts";
import type { FlowFilter } from "../../core/replication/flow-filter.ts";
import type { FlowOwner, GroupSet } from "../../core/replication/flow-owner.ts";
import { FlowRecorder } from "../../core/replication/flow-recorder.ts";
import { NoGroupTimer } from "../../core/replication/no-group-timer.ts";
import { SourceStream } from "../../core/replication/source-stream.ts";
import type { SourceEffect } from "../../core/replication/source-types.ts";
import { TableDigest } from "../../core/replication/table-digest.ts";
import { nodeDnsName } from "../../keys/read-keys.ts";
import type { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { visitExpectations } from "../../linux/conntrack-reader.ts";
import { FlowLookup } from "../../linux/flow-lookup.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import type { KnownZones } from "../../linux/known-zones.ts";
import { readPacketSeconds } from "../../linux/packet-seconds.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import { FlowRecordWriter } from "../../wire/flow-record.ts";
import { SyncFrameSplitter } from "../../wire/flow-sync.ts";
import type { NodeSettings, PeerSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import type { StreamReport } from "../role-report.ts";
import type { KeyRing } from "./key-ring.ts";
import { PROVISIONAL_SECONDS } from "./provisional.ts";
import { TablePass } from "./table-pass.ts";

const RECONNECT_MS_MIN = 100;
/** A peer that boots is to get its copy soon; an attempt that is refused costs next to nothing. */
const RECONNECT_MS_MAX = 200;
const CONNECT_LIMIT_MS = 3_000;
/** TCP asks again after 1 s, 3 s, …: on a link that was just mended a new attempt is quicker. */
const REACH_LIMIT_MS = 500;
/** A connection that held this long was a good one: what happens next is news, and is tried again quickly. */
const STABLE_MS = 5_000;
/** More than this unsent: changes stay in the log until the socket has drained. */
const UNSENT_BYTES_MAX = 1 << 20;
/** A copy waits while this much is unsent. */
const COPY_UNSENT_BYTES_MAX = 1 << 20;
/** Records of one part of the table fit here with room to spare. */
const COPY_BUFFER_BYTES = 64 << 10;

export interface SourceLinkOptions {
  readonly settings: NodeSettings;
  readonly peer: PeerSettings;
  readonly ring: KeyRing;
  readonly filter: FlowFilter;
  readonly owner: FlowOwner;
  readonly zones: KnownZones;
  readonly changes: ChangeLog;
  /** Entries in this node's table. */
  readonly countFlows: () => number;
  /** Reads all events that the kernel has. */
  readonly drain: () => void;
  readonly injector: ConntrackInjector;
  /** Every connection that this peer had is in this node's table now. */
  readonly onAdopted: (peer: string) => void;
  readonly onMarked: (peer: string, token: number) => void;
  readonly log: (level: LogLevel, text: string) => void;
}

/** The TLS connection to one standby with the machine that says what to send; connects again whenever it is lost. */
export class SourceLink {
  readonly stream: SourceStream;
  readonly #options: SourceLinkOptions;
  readonly #copyWriter = new FlowRecordWriter(COPY_BUFFER_BYTES);
  #socket: TLSSocket | undefined;
  #pass: TablePass | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reconnectMs = RECONNECT_MS_MIN;
  #problem: string | undefined = "not connected yet";
  /** What was logged last: a peer that refuses again and again is told of once. */
  #logged = "";
  #upSinceMs = 0;

  constructor(options: SourceLinkOptions) {
    this.#options = options;
    const { settings, peer } = options;
    this.stream = new SourceStream(
      {
        cluster: settings.cluster,
        node: settings.node,
        peer: peer.name,
        groups: settings.groups.map(({ name }) => name),
        sweepMs: settings.refreshMs,
      },
      options.changes,
      () => randomInt(2 ** 32),
    );
    options.ring.onChange(() => {
      if (this.#socket !== undefined && options.ring.isRevoked(this.#socket))
        this.#socket.destroy(new Error("its certificate is revoked"));
    });
    this.#connect();
  }

  get peer(): string {
    return this.#options.peer.name;
  }

  /** Before the log is restarted. */
  flush(): void {
    this.#perform(this.stream.flush(performance.now()));
  }

  setGroups(groups: GroupSet, whole: boolean): void {
    this.stream.setWhole(whole);
    this.#perform(this.stream.setGroups(performance.now(), groups));
  }

  setWhole(whole: boolean): void {
    this.stream.setWhole(whole);
  }

  touch(fields: FlowFields): void {
    this.stream.touch(fields);
  }

  changed(): void {
    this.#perform(this.stream.changed(performance.now()));
  }

  overrun(): void {
    this.#perform(this.stream.overrun(performance.now()));
  }

  mark(token: number): void {
    this.#perform(this.stream.mark(performance.now(), token));
  }

  /** Sends what waits and ends the connection. Resolves when that is done. */
  finish(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.resolve();
    return new Promise((resolve) => socket.end(() => resolve()));
  }

  report(): StreamReport {
    const { counters, state } = this.stream;
    return {
      peer: this.peer,
      direction: "to",
      connected: state !== "offline",
      state,
      records: counters.recordsSent,
      bytes: counters.bytesSent,
      lagRecords: this.stream.lagRecords,
      lagMs: this.stream.lagMs(performance.now()),
      complete: this.stream.complete,
      resyncs: counters.resyncs,
      sweeps: {
        ended: counters.sweeps,
        bucketsDiffering: counters.bucketsDiffering,
        flowsMended: counters.flowsMended,
        flowsPurged: counters.flowsPurged,
        timersRefreshed: counters.timersRefreshed,
        resumed: counters.resumed,
        periodMs: this.stream.sweepMs,
      },
      ...(this.#pass === undefined
        ? {}
        : {
            pass: {
              what: state === "copying" ? ("copy" as const) : ("compare" as const),
              seen: this.#pass.seen,
              total: this.#options.countFlows(),
            },
          }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  #connect(): void {
    const { settings, peer, ring } = this.#options;
    const tcp = connectTcp({
      host: peer.syncAddress,
      port: settings.ports.replication,
      localAddress: settings.sync.address,
    });
    const socket = connectTls({
      socket: tcp,
      servername: nodeDnsName(peer.name),
      ...ring.tls,
      checkServerIdentity: ring.checkServerIdentity,
    });
    const splitter = new SyncFrameSplitter();
    let secure = false;
    socket.setNoDelay(true);
    const limit = setTimeout(() => socket.destroy(new Error("no answer in time")), CONNECT_LIMIT_MS);
    const reach = setTimeout(() => socket.destroy(new Error("no answer in time")), REACH_LIMIT_MS);
    tcp.on("connect", () => clearTimeout(reach));
    socket.on("secureConnect", () => {
      clearTimeout(limit);
      secure = true;
      this.#upSinceMs = performance.now();
      this.#socket = socket;
      this.#perform(this.stream.connected(performance.now(), this.#options.countFlows()));
    });
    socket.on("data", (chunk: Buffer) => {
      const fault: DecodeError | undefined = splitter.push(chunk, (frame) => {
        if (frame.type === "hello") this.#greeted();
        this.#perform(this.stream.receive(performance.now(), frame));
      });
      if (fault !== undefined) socket.destroy(new Error(`malformed answer: ${fault.reason}`));
    });
    socket.on("drain", () => this.#perform(this.stream.relieved(performance.now())));
    socket.on("error", (error) => {
      this.#problem = error.message;
    });
    socket.on("close", () => {
      clearTimeout(limit);
      clearTimeout(reach);
      this.#closed(secure);
    });
  }

  #greeted(): void {
    this.#problem = undefined;
    this.#log("info", `stream to ${this.peer} is up`);
  }

  #closed(wasUp: boolean): void {
    this.#socket = undefined;
    this.#problem ??= "the connection was closed";
    if (wasUp && performance.now() - this.#upSinceMs > STABLE_MS) {
      this.#logged = "";
      this.#reconnectMs = RECONNECT_MS_MIN;
    }
    this.#log("warning", `no stream to ${this.peer}: ${this.#problem}`);
    this.#perform(this.stream.disconnected());
    setTimeout(() => this.#connect(), this.#reconnectMs);
    this.#reconnectMs = Math.min(RECONNECT_MS_MAX, this.#reconnectMs * 2);
  }

  #log(level: LogLevel, text: string): void {
    if (this.#logged.includes(text)) return;
    this.#logged += `${text}\n`;
    this.#options.log(level, text);
  }

  #perform(effects: readonly SourceEffect[]): void {
    this.#socket?.cork();
    for (const effect of effects) this.#performOne(effect);
    this.#socket?.uncork();
    this.#armTimer();
  }

  #performOne(effect: SourceEffect): void {
    switch (effect.do) {
      case "send":
        this.#socket?.write(effect.frame);
        if ((this.#socket?.writableLength ?? 0) > UNSENT_BYTES_MAX) this.stream.pressed();
        break;
      case "start-copy":
        this.#startCopy(effect);
        break;
      case "start-digest":
        this.#startDigest(effect);
        break;
      case "drain":
        this.#options.drain();
        this.#perform(this.stream.drained(performance.now()));
        break;
      case "abort-pass":
        this.#pass?.abort();
        this.#pass = undefined;
        break;
      case "adopt":
        this.#adopt(effect.records);
        break;
      case "adopted-all":
        this.#options.onAdopted(this.peer);
        break;
      case "marked":
        this.#options.onMarked(this.peer, effect.token);
        break;
      case "close":
        this.#problem = effect.reason;
        this.#socket?.destroy();
        break;
    }
  }

  #adopt(records: Uint8Array): void {
    const fault = this.#options.injector.inject(records, {
      ...({ first: "create", taken: "keep" } as const),
      timeoutSecondsMin: PROVISIONAL_SECONDS,
      timeoutSecondsMax: PROVISIONAL_SECONDS,
    });
    if (fault instanceof DecodeError) this.#socket?.destroy(new Error(`malformed offer: ${fault.reason}`));
  }

  #startDigest({ groups, bits, seed, paced, touched }: SourceEffect & { do: "start-digest" }): void {
    const { filter, owner } = this.#options;
    const digest = new TableDigest(bits, seed);
    this.#pass?.abort();
    this.#copyWriter.take();
    const recorder = new FlowRecorder(filter, this.#copyWriter, () => this.#flushCopy());
    const timer = new NoGroupTimer(owner, readPacketSeconds());
    const sweepSeconds = this.stream.sweepMs / 1_000;
    this.#pass = new TablePass({
      paced,
      visit: (fields) => {
        if (!filter.accepts(fields)) return;
        if (owner.isOneOf(groups, fields)) {
          digest.add(fields);
        } else if (timer.isForwardedHere(fields, sweepSeconds)) {
          if (!touched.has(digest.bucketing.bucket(fields))) recorder.flow(fields, false);
        }
      },
      onTurn: () => {
        if (this.#copyWriter.count > 0) this.#flushCopy();
      },
      mustWait: () => this.#isFull,
      onEnd: (whole, busyMs) => {
        this.#pass = undefined;
        this.#perform(this.stream.digested(performance.now(), whole ? digest : undefined, busyMs));
      },
    });
  }

  #startCopy({ groups, buckets }: SourceEffect & { do: "start-copy" }): void {
    const { filter, owner, zones } = this.#options;
    this.#pass?.abort();
    this.#copyWriter.take();
    const recorder = new FlowRecorder(filter, this.#copyWriter, () => this.#flushCopy());
    this.#pass = new TablePass({
      visit: (fields) => {
        zones.add(fields.zone);
        if (buckets === undefined) {
          if (!owner.isCopied(groups, fields)) return;
        } else if (!owner.isOneOf(groups, fields) || !buckets.set.has(buckets.bucketing.bucket(fields))) {
          return;
        }
        recorder.flow(fields, false);
      },
      onTurn: () => this.#flushCopy(),
      onEnd: (whole) => {
        this.#pass = undefined;
        // They are few, and each needs its master, which is there by now.
        this.#copyExpectations(recorder, groups, buckets === undefined);
        this.#perform(this.stream.copyEnded(performance.now(), whole));
      },
      mustWait: () => this.#isFull,
    });
  }

  get #isFull(): boolean {
    return (this.#socket?.writableLength ?? 0) > COPY_UNSENT_BYTES_MAX;
  }

  /** An expectation is of its flow's group. @param withOthers of flows of no group, too */
  #copyExpectations(recorder: FlowRecorder, groups: GroupSet, withOthers: boolean): void {
    const { owner, zones } = this.#options;
    const lookup = new FlowLookup(zones);
    const isPlain = owner.isOnlyOne && zones.all.size === 0;
    try {
      visitExpectations((fields, ended) => {
        const master = isPlain ? undefined : lookup.masterOf(fields, false);
        const group = master === undefined ? owner.groupOfExpectation(fields) : owner.groupOf(master);
        if (group === 0 ? withOthers : (group & groups) !== 0) recorder.expectation(fields, ended);
      });
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#log("warning", `expectations of helpers are not copied to ${this.peer}: ${error.message}`);
    } finally {
      lookup.close();
    }
    this.#flushCopy();
  }

  #flushCopy(): void {
    const { count } = this.#copyWriter;
    this.#perform(this.stream.copied(performance.now(), this.#copyWriter.take(), count));
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const { deadline } = this.stream;
    if (deadline === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => this.#perform(this.stream.timeout(performance.now())),
      Math.max(1, deadline - performance.now()),
    );
  }
}
