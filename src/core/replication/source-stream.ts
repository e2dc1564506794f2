import { encodeSyncFrame, FLOW_SYNC_VERSION, type SyncFrame } from "../../wire/flow-sync.ts";

// The source's end of one stream to one standby.
//
//               connected                hello                 active
//   offline ----------------> greeting ----------> idle <------------------+
//      ^                                            | active                | standby
//      | disconnected                               v                       |
//      +------------------------------------- copying --- copied ---> live -+
//                                               ^  lost: overrun,            |
//                                               |  backpressure, refresh due |
//                                               +----------------------------+
//
// A copy is taken from the kernel while changes go on. A chunk of the copy may have been read by the kernel before a
// change that we have seen already: a flow in it may be destroyed by now. So while a copy runs, changes wait and are
// sent *after* the chunk that was under way when they were read.

export type SourceState = "offline" | "greeting" | "idle" | "copying" | "live";

/** Why what the standby has may differ from the truth, so that a copy begins. */
export type ResyncCause = "joined" | "became-active" | "overrun" | "backpressure" | "copy-failed" | "refresh";

export type SourceEffect =
  | { readonly do: "send"; readonly frame: Uint8Array }
  /** Begin a pass over the kernel's table; hand its records to copied(), its end to copyEnded(). */
  | { readonly do: "start-copy" }
  | { readonly do: "abort-copy" }
  | { readonly do: "marked"; readonly token: number }
  /** The standby has everything. */
  | { readonly do: "close"; readonly reason: string };

export interface SourceSettings {
  readonly cluster: string;
  readonly node: string;
  readonly peer: string;
  /** How often a copy renews the timers on the standby, from the end of one to the beginning of the next. */
  readonly refreshMs: number;
}

export interface SourceCounters {
  readonly resyncs: Record<ResyncCause, number>;
  recordsSent: number;
  bytesSent: number;
  recordsAcknowledged: number;
}

/** Changes that wait for the copy's next chunk; beyond this the copy begins anew. */
const WAITING_BYTES_MAX = 16 << 20;
export const HEARTBEAT_MS = 500;
/** A peer that says nothing for this long is gone, whatever TCP believes. */
export const SILENCE_MS = 3_000;

/** Source's end of the stream to one standby. Synchronous; time comes in, effects are data, performed in order. */
export class SourceStream {
  readonly counters: SourceCounters = {
    resyncs: { joined: 0, "became-active": 0, overrun: 0, backpressure: 0, "copy-failed": 0, refresh: 0 },
    recordsSent: 0,
    bytesSent: 0,
    recordsAcknowledged: 0,
  };
  readonly #settings: SourceSettings;
  #state: SourceState = "offline";
  #active = false;
  #whole = false;
  #copy = 0;
  /** Since when the standby may lack changes; undefined when the copy that runs, or none, is enough. */
  #copyAgain: ResyncCause | undefined;
  #behind = false;
  #waiting: { records: Uint8Array; count: number }[] = [];
  #waitingBytes = 0;
  #sequence = 0;
  #acknowledged = 0;
  #oldestUnacknowledgedMs: number | undefined;
  /** It has confirmed a whole copy. A refresh under way does not change that. */
  #standbyComplete = false;
  #heardMs = 0;
  #heartbeatDueMs = Number.POSITIVE_INFINITY;
  #refreshDueMs = Number.POSITIVE_INFINITY;

  constructor(settings: SourceSettings) {
    this.#settings = settings;
  }

  get state(): SourceState {
    return this.#state;
  }

  /** The standby's kernel holds a whole copy of ours, and changes since then go there one by one. */
  get complete(): boolean {
    return this.#standbyComplete && !this.#behind;
  }

  get lagRecords(): number {
    return this.#sequence - this.#acknowledged;
  }

  /** Age of the oldest record that the standby has not confirmed; 0 when it has all. */
  lagMs(nowMs: number): number {
    return this.#oldestUnacknowledgedMs === undefined ? 0 : Math.max(0, nowMs - this.#oldestUnacknowledgedMs);
  }

  get deadline(): number {
    if (this.#state === "offline") return Number.POSITIVE_INFINITY;
    return Math.min(this.#heartbeatDueMs, this.#refreshDueMs, this.#heardMs + SILENCE_MS);
  }

  connected(nowMs: number): readonly SourceEffect[] {
    this.#state = "greeting";
    this.#heardMs = nowMs;
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    this.#sequence = 0;
    this.#acknowledged = 0;
    this.#oldestUnacknowledgedMs = undefined;
    this.#copy = 0;
    this.#standbyComplete = false;
    const { cluster, node } = this.#settings;
    return [send({ type: "hello", version: FLOW_SYNC_VERSION, cluster, node })];
  }

  disconnected(): readonly SourceEffect[] {
    const wasCopying = this.#state === "copying";
    this.#state = "offline";
    this.#standbyComplete = false;
    this.#forgetWaiting();
    this.#behind = false;
    this.#copyAgain = undefined;
    this.#heartbeatDueMs = Number.POSITIVE_INFINITY;
    this.#refreshDueMs = Number.POSITIVE_INFINITY;
    return wasCopying ? [{ do: "abort-copy" }] : [];
  }

  /** Whether this node's table is the truth: it was complete when the node became active, or has become so by time. */
  setWhole(whole: boolean): void {
    this.#whole = whole;
  }

  setActive(nowMs: number, active: boolean): readonly SourceEffect[] {
    if (active === this.#active) return [];
    this.#active = active;
    this.#standbyComplete = false;
    if (this.#state === "offline" || this.#state === "greeting") return [];
    if (active) return [this.#heartbeat(nowMs), ...this.#beginCopy("became-active")];
    // What was read before goes out still: the flows' last changes under this node. A copy of ours ends unfinished.
    const effects: SourceEffect[] = this.#state === "copying" ? [{ do: "abort-copy" }] : [];
    effects.push(...this.#sendWaiting(nowMs), this.#heartbeat(nowMs));
    this.#state = "idle";
    this.#refreshDueMs = Number.POSITIVE_INFINITY;
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
        if (frame.copy === this.#copy) this.#standbyComplete = true;
        return [];
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

  /** Flows changed here: `count` records, in order. */
  changed(nowMs: number, records: Uint8Array, count: number): readonly SourceEffect[] {
    if (!this.#active || this.#behind) return [];
    if (this.#state === "live") return [this.#sendRecords(nowMs, records, count)];
    if (this.#state !== "copying") return [];
    this.#waiting.push({ records, count });
    this.#waitingBytes += records.length;
    if (this.#waitingBytes > WAITING_BYTES_MAX) {
      this.#forgetWaiting();
      this.#copyAgain = "backpressure";
    }
    return [];
  }

  /** A chunk of the copy was read. */
  copied(nowMs: number, records: Uint8Array, count: number): readonly SourceEffect[] {
    if (this.#state !== "copying") return [];
    const chunk = count > 0 ? [this.#sendRecords(nowMs, records, count)] : [];
    return [...chunk, ...this.#sendWaiting(nowMs)];
  }

  /** The pass over the kernel's table ended; `whole` is false when it broke off. */
  copyEnded(nowMs: number, whole: boolean): readonly SourceEffect[] {
    if (this.#state !== "copying") return [];
    const effects = [...this.#sendWaiting(nowMs)];
    if (this.#behind) {
      // Changes were dropped meanwhile: this copy is worth nothing, and the next begins when relieved() is called.
      this.#state = "live";
      return effects;
    }
    const again = whole ? this.#copyAgain : "copy-failed";
    if (again !== undefined) return [...effects, ...this.#beginCopy(again)];
    this.#state = "live";
    this.#refreshDueMs = nowMs + this.#settings.refreshMs;
    return [...effects, send({ type: "copy-end", copy: this.#copy })];
  }

  /** The kernel dropped events before we read them. */
  overrun(): readonly SourceEffect[] {
    return this.#lost("overrun");
  }

  /** Too much waits to be sent: changes are not taken until relieved(), and then a copy makes up for them. */
  pressed(): readonly SourceEffect[] {
    if (this.#behind || (this.#state !== "live" && this.#state !== "copying")) return [];
    this.#behind = true;
    this.#standbyComplete = false;
    this.#forgetWaiting();
    return [];
  }

  relieved(): readonly SourceEffect[] {
    if (!this.#behind) return [];
    this.#behind = false;
    return this.#lost("backpressure");
  }

  /** Asks the standby to confirm that everything sent so far is in its kernel; the answer is a `marked` effect. */
  mark(nowMs: number, token: number): readonly SourceEffect[] {
    if (this.#state === "offline" || this.#state === "greeting") return [];
    return [...this.#sendWaiting(nowMs), send({ type: "mark", token })];
  }

  timeout(nowMs: number): readonly SourceEffect[] {
    if (this.#state === "offline") return [];
    if (nowMs >= this.#heardMs + SILENCE_MS) {
      return [{ do: "close", reason: `${this.#settings.peer} said nothing for ${SILENCE_MS / 1_000} s` }];
    }
    const effects: SourceEffect[] = [];
    if (nowMs >= this.#heartbeatDueMs) effects.push(this.#heartbeat(nowMs));
    if (nowMs >= this.#refreshDueMs && this.#state === "live") effects.push(...this.#beginCopy("refresh"));
    return effects;
  }

  #greeted(nowMs: number, hello: SyncFrame & { type: "hello" }): readonly SourceEffect[] {
    if (this.#state !== "greeting") return [];
    const mismatch = helloMismatch(hello, { ...this.#settings, expected: this.#settings.peer });
    if (mismatch !== undefined) return [{ do: "close", reason: mismatch }];
    this.#state = "idle";
    return [this.#heartbeat(nowMs), ...(this.#active ? this.#beginCopy("joined") : [])];
  }

  #beginCopy(cause: ResyncCause): readonly SourceEffect[] {
    this.counters.resyncs[cause]++;
    if (cause !== "refresh") this.#standbyComplete = false;
    this.#state = "copying";
    this.#copyAgain = undefined;
    this.#refreshDueMs = Number.POSITIVE_INFINITY;
    this.#copy++;
    return [
      send({ type: "copy-begin", copy: this.#copy, refresh: cause === "refresh", whole: this.#whole }),
      { do: "start-copy" },
    ];
  }

  #lost(cause: ResyncCause): readonly SourceEffect[] {
    if (this.#state === "copying") {
      this.#copyAgain = cause;
      return [];
    }
    return this.#state === "live" ? this.#beginCopy(cause) : [];
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
    const effect = send({ type: "records", sequence: this.#sequence, sentAtMs: nowMs, records });
    this.counters.recordsSent += count;
    this.counters.bytesSent += effect.frame.length;
    return effect;
  }

  #sendWaiting(nowMs: number): SourceEffect[] {
    const effects = this.#waiting.map(({ records, count }) => this.#sendRecords(nowMs, records, count));
    this.#forgetWaiting();
    return effects;
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #heartbeat(nowMs: number): SourceEffect {
    this.#heartbeatDueMs = nowMs + HEARTBEAT_MS;
    return send({ type: "heartbeat", active: this.#active });
  }
}

function send(frame: SyncFrame): SourceEffect & { do: "send" } {
  return { do: "send", frame: encodeSyncFrame(frame) };
}

/** Why these two nodes must not replicate to each other, or undefined. */
export function helloMismatch(
  hello: SyncFrame & { type: "hello" },
  own: { readonly cluster: string; readonly expected: string },
): string | undefined {
  if (hello.version !== FLOW_SYNC_VERSION) {
    return `${hello.node} speaks flow-sync version ${hello.version}, this node version ${FLOW_SYNC_VERSION}: install the same release on both`;
  }
  if (hello.cluster !== own.cluster)
    return `${hello.node} belongs to cluster ${hello.cluster}, not ${own.cluster}`;
  if (hello.node !== own.expected)
    return `the peer calls itself ${hello.node}, its certificate says ${own.expected}`;
  return undefined;
}
