import { encodeSyncFrame, FLOW_SYNC_VERSION, type SyncFrame } from "../../wire/flow-sync.ts";
import { helloMismatch, SILENCE_MS } from "./source-stream.ts";

// The sink's end of a stream from one source.
//
//   greeting --hello--> idle --copy-begin--> copying --copy-end--> purging --purged--> live
//                                               ^                                       |
//                                               +------------- copy-begin --------------+
//
// While copying and purging, the keys of all flows that arrive are remembered; what the kernel holds beyond them is
// stale and is removed by the purge. Nothing is removed before the copy is whole: a half copy never costs a flow.

export type SinkState = "greeting" | "idle" | "copying" | "purging" | "live" | "closed";

export type SinkEffect =
  | { readonly do: "send"; readonly frame: Uint8Array }
  /** Write the records into the kernel, all of them, before the next effect; `remember` adds their keys to the copy's. */
  | {
      readonly do: "apply";
      readonly records: Uint8Array;
      readonly first: "create" | "update";
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
  /** Remove what the copy did not contain, at leisure, then call purged(). */
  | { readonly do: "purge"; readonly copy: number }
  | { readonly do: "abort-purge" }
  | { readonly do: "close"; readonly reason: string };

export interface SinkSettings {
  readonly cluster: string;
  readonly node: string;
  /** The source's name, as its certificate says. */
  readonly peer: string;
}

/** Sink's end of the stream from one source. Synchronous; effects are data, performed in order. */
export class SinkStream {
  readonly #settings: SinkSettings;
  #state: SinkState = "greeting";
  #copy = 0;
  #everComplete = false;
  #refreshing = false;
  #whole = false;
  #sourceActive = false;
  #selfActive = false;
  #heardMs: number;
  recordsReceived = 0;
  bytesReceived = 0;

  constructor(settings: SinkSettings, nowMs: number) {
    this.#settings = settings;
    this.#heardMs = nowMs;
  }

  get state(): SinkState {
    return this.#state;
  }

  /** This node's kernel holds everything that the source's does. A refresh under way does not change that. */
  get complete(): boolean {
    return this.#everComplete && this.#sourceActive && this.#state !== "closed";
  }

  /** The source is active and its copy is over, but this node was active itself meanwhile and did not take it. */
  get missedCopy(): boolean {
    return this.#sourceActive && this.#state === "idle" && this.#copy > 0;
  }

  get deadline(): number {
    return this.#state === "closed" ? Number.POSITIVE_INFINITY : this.#heardMs + SILENCE_MS;
  }

  /** This node became active or standby: an active node's own table is the truth, nothing is purged from it. */
  setSelfActive(active: boolean): readonly SinkEffect[] {
    this.#selfActive = active;
    if (!active || this.#state !== "purging") return [];
    this.#state = "idle";
    return [{ do: "abort-purge" }];
  }

  receive(nowMs: number, frame: SyncFrame): readonly SinkEffect[] {
    this.#heardMs = nowMs;
    if (this.#state === "greeting") {
      return frame.type === "hello" ? this.#greeted(frame) : this.#refuse("the first frame must be a hello");
    }
    switch (frame.type) {
      case "records":
        return this.#apply(frame);
      case "copy-begin":
        return this.#beginCopy(frame);
      case "copy-end":
        return this.#endCopy(frame.copy);
      case "mark":
        return [send({ type: "marked", token: frame.token })];
      case "heartbeat":
        return this.#heartbeat(frame.active);
      default:
        return this.#refuse(`a source may not send a ${frame.type} frame now`);
    }
  }

  /** The purge of this copy is done. */
  purged(copy: number): readonly SinkEffect[] {
    if (this.#state !== "purging" || copy !== this.#copy) return [];
    this.#state = "live";
    this.#everComplete = true;
    return [send({ type: "complete", copy })];
  }

  timeout(nowMs: number): readonly SinkEffect[] {
    if (nowMs < this.deadline) return [];
    return this.#close(`${this.#settings.peer} said nothing for ${SILENCE_MS / 1_000} s`);
  }

  disconnected(): readonly SinkEffect[] {
    const purging = this.#state === "purging";
    this.#state = "closed";
    return purging ? [{ do: "abort-purge" }] : [];
  }

  #greeted(hello: SyncFrame & { type: "hello" }): readonly SinkEffect[] {
    const mismatch = helloMismatch(hello, { ...this.#settings, expected: this.#settings.peer });
    if (mismatch !== undefined) return this.#refuse(mismatch);
    this.#state = "idle";
    const { cluster, node } = this.#settings;
    return [send({ type: "hello", version: FLOW_SYNC_VERSION, cluster, node })];
  }

  #apply(frame: SyncFrame & { type: "records" }): readonly SinkEffect[] {
    this.recordsReceived = frame.sequence;
    this.bytesReceived += frame.records.length;
    const remember = this.#state === "copying" || this.#state === "purging";
    return [
      {
        do: "apply",
        records: frame.records,
        // In a refresh every flow is there already, and is the right one.
        first: this.#refreshing && remember && !this.#selfActive ? "update" : "create",
        taken: this.#selfActive ? "keep" : "replace",
        provisional: this.#selfActive,
        remember,
      },
      send({ type: "acknowledge", sequence: frame.sequence, sentAtMs: frame.sentAtMs }),
    ];
  }

  #beginCopy({ copy, refresh, whole }: SyncFrame & { type: "copy-begin" }): readonly SinkEffect[] {
    this.#whole = whole;
    this.#refreshing = refresh && this.#everComplete;
    if (!refresh) this.#everComplete = false;
    const abort: SinkEffect[] = this.#state === "purging" ? [{ do: "abort-purge" }] : [];
    this.#copy = copy;
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
    return this.#whole ? [{ do: "purge", copy }] : this.purged(copy);
  }

  #heartbeat(active: boolean): readonly SinkEffect[] {
    // A source that is no longer active copies again when it is: until then its stream proves nothing.
    if (!active) this.#everComplete = false;
    this.#sourceActive = active;
    return [send({ type: "heartbeat", active: this.#selfActive })];
  }

  #refuse(reason: string): readonly SinkEffect[] {
    return [send({ type: "refuse", reason }), ...this.#close(reason)];
  }

  #close(reason: string): readonly SinkEffect[] {
    return [...this.disconnected(), { do: "close", reason }];
  }
}

function send(frame: SyncFrame): SinkEffect {
  return { do: "send", frame: encodeSyncFrame(frame) };
}
