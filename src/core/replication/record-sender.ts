import { encodeSyncFrame } from "../../wire/flow-sync.ts";
import type { ChangeLog } from "./change-log.ts";
import type { SourceCounters, SourceEffect } from "./source-types.ts";

/** Records of one frame: small enough to be encrypted and applied without a pause for others. */
const FRAME_RECORDS_BYTES = 32 << 10;
/** Taken from the log at once; the socket says when it wants more. Else a slow standby would get the whole log into memory. */
const TAKE_BYTES_MAX = 1 << 20;
/** Before a handover: it is bounded by the size of the log. */
export const EVERYTHING = Number.POSITIVE_INFINITY;

/** How far the records of one stream have gone: read from the log, sent, and acknowledged. */
export class RecordSender {
  readonly #log: ChangeLog;
  readonly #counters: SourceCounters;
  /** How far the log has been sent. */
  #cursor = 0;
  /** Too much waits in the socket: nothing is taken from the log meanwhile. */
  pressed = false;
  #sequence = 0;
  #acknowledged = 0;
  #oldestUnacknowledgedMs: number | undefined;

  constructor(log: ChangeLog, counters: SourceCounters) {
    this.#log = log;
    this.#counters = counters;
  }

  /** A new connection: nothing has been sent on it. */
  restart(): void {
    this.pressed = false;
    this.#sequence = 0;
    this.#acknowledged = 0;
    this.#oldestUnacknowledgedMs = undefined;
  }

  /** Records that were sent and not acknowledged. */
  get unacknowledged(): number {
    return this.#sequence - this.#acknowledged;
  }

  /** Records of the log that were not sent. */
  get unsent(): number {
    return this.#log.head - this.#cursor;
  }

  /** Age of the oldest record that was not acknowledged; 0 when all were. */
  ageMs(nowMs: number): number {
    return this.#oldestUnacknowledgedMs === undefined ? 0 : Math.max(0, nowMs - this.#oldestUnacknowledgedMs);
  }

  /** Goes on from a place in the log, and tells the standby so: `unbroken` if everything before it has been sent. */
  beginLog(position: number, how?: "resumed" | "unbroken"): SourceEffect {
    this.#cursor = position;
    const { session, head } = this.#log;
    const [resumed, unbroken] = [how === "resumed", how === "unbroken"];
    return {
      do: "send",
      frame: encodeSyncFrame({ type: "log", place: { session, position }, head, resumed, unbroken }),
    };
  }

  /**
   * Frames with what the log has and was not sent. What is beyond `bytesMax` waits, as under pressure, until the socket is
   * relieved. `gone`: the standby was too slow for so long that the log has forgotten its place.
   */
  take(
    nowMs: number,
    bytesMax = TAKE_BYTES_MAX,
  ): { readonly frames: SourceEffect[]; readonly gone: boolean } {
    const frames: SourceEffect[] = [];
    let bytes = 0;
    while (!this.pressed) {
      const batch = this.#log.read(this.#cursor, FRAME_RECORDS_BYTES);
      if (batch === "gone") return { frames, gone: true };
      if (batch === undefined) break;
      const count = batch.next - this.#cursor;
      this.#cursor = batch.next;
      frames.push(this.send(nowMs, batch.records, count));
      bytes += batch.records.length;
      this.pressed = bytes >= bytesMax;
    }
    return { frames, gone: false };
  }

  send(nowMs: number, records: Uint8Array, count: number): SourceEffect {
    this.#sequence += count;
    this.#oldestUnacknowledgedMs ??= nowMs;
    const frame = encodeSyncFrame({
      ...({ type: "records", sequence: this.#sequence, position: this.#cursor } as const),
      sentAtMs: nowMs,
      records,
    });
    this.#counters.recordsSent += count;
    this.#counters.bytesSent += frame.length;
    return { do: "send", frame };
  }

  acknowledge(sequence: number, sentAtMs: number): readonly SourceEffect[] {
    // An acknowledgement of what was never sent proves nothing.
    if (sequence <= this.#acknowledged || sequence > this.#sequence) return [];
    this.#counters.recordsAcknowledged += sequence - this.#acknowledged;
    this.#acknowledged = sequence;
    if (sequence === this.#sequence) this.#oldestUnacknowledgedMs = undefined;
    else if (Number.isFinite(sentAtMs)) this.#oldestUnacknowledgedMs = sentAtMs;
    return [];
  }
}
