import type { TLSSocket } from "node:tls";
import { DecodeError } from "../../base/decode-error.ts";
import type { FlowFilter } from "../../core/replication/flow-filter.ts";
import { FlowKeySet } from "../../core/replication/flow-key-set.ts";
import { type SinkEffect, SinkStream } from "../../core/replication/sink-stream.ts";
import type { ConntrackInjector } from "../../linux/conntrack-injector.ts";
import { SyncFrameSplitter } from "../../wire/flow-sync.ts";
import type { NodeSettings } from "../node-settings.ts";
import type { LogLevel } from "../role-message.ts";
import type { StreamReport } from "../role-report.ts";
import { TablePass } from "./table-pass.ts";

/** Timers on a standby only run down: a flow lives at least through two refreshes and a half. */
const REFRESHES_SURVIVED = 2.5;
/** Longer than keep-alives of most applications, shorter than the days of an established TCP flow. */
const PROVISIONAL_SECONDS = 300;

export interface SinkLinkOptions {
  readonly settings: NodeSettings;
  readonly peer: string;
  readonly socket: TLSSocket;
  readonly injector: ConntrackInjector;
  readonly filter: FlowFilter;
  readonly selfActive: boolean;
  readonly onChange: () => void;
  readonly onClose: (link: SinkLink) => void;
  readonly log: (level: LogLevel, text: string) => void;
}

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
  readonly #timeoutSecondsMin: number;
  #pass: TablePass | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SinkLinkOptions) {
    this.#options = options;
    this.peer = options.peer;
    const { settings, socket } = options;
    this.#timeoutSecondsMin = Math.ceil((settings.refreshMs / 1_000) * REFRESHES_SURVIVED);
    this.stream = new SinkStream(
      { cluster: settings.cluster, node: settings.node, peer: options.peer },
      performance.now(),
    );
    this.setSelfActive(options.selfActive);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => options.log("warning", `stream from ${this.peer}: ${error.message}`));
    socket.on("close", () => this.#closed());
  }

  get complete(): boolean {
    return this.stream.complete;
  }

  setSelfActive(active: boolean): void {
    this.#perform(this.stream.setSelfActive(active));
    if (active || !this.stream.missedCopy) return;
    // The other node took over while this one was stalled. It begins a new stream with a new copy; without that, this
    // node would be incomplete until the next refresh.
    this.#options.log(
      "info",
      `stream from ${this.peer}: asks for a new copy, for this node has become standby`,
    );
    this.close();
  }

  report(): StreamReport {
    return {
      peer: this.peer,
      direction: "from",
      connected: true,
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
    this.#options.onChange();
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
        break;
      case "purge":
        this.#purge(effect.copy);
        break;
      case "abort-purge":
        this.#pass?.abort();
        this.#pass = undefined;
        break;
      case "close":
        this.#options.log("warning", `stream from ${this.peer} closed: ${effect.reason}`);
        this.#options.socket.end();
        break;
    }
  }

  #apply(effect: SinkEffect & { do: "apply" }): void {
    const result = this.#options.injector.inject(effect.records, {
      first: effect.first,
      taken: effect.taken,
      timeoutSecondsMin: this.#timeoutSecondsMin,
      ...(effect.provisional ? { timeoutSecondsMax: PROVISIONAL_SECONDS } : {}),
      ...(effect.remember ? { onUpsert: (fields) => this.#keys.add(fields) } : {}),
    });
    if (!(result instanceof DecodeError)) return;
    this.malformed++;
    this.#options.log("error", `stream from ${this.peer}: malformed record (${result.reason})`);
    this.close();
  }

  /** Removes established flows through this node that the source does not have. */
  #purge(copy: number): void {
    const { filter, injector } = this.#options;
    this.#pass = new TablePass({
      visit: (fields) => {
        if (!filter.accepts(fields) || this.#keys.has(fields)) return;
        injector.deleteFlow(fields);
        this.purged++;
      },
      onPart: () => {},
      onEnd: () => {
        // A pass that broke off leaves stale flows to the next copy: nothing is missing because of it.
        this.#pass = undefined;
        this.#keys.clear();
        this.#perform(this.stream.purged(copy));
      },
    });
  }

  #closed(): void {
    clearTimeout(this.#timer);
    for (const effect of this.stream.disconnected()) this.#performOne(effect);
    this.#options.onClose(this);
    this.#options.onChange();
  }
}
