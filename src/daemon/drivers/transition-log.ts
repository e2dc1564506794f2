import type { ElectionEffect } from "../../core/election/election-types.ts";
import { withStamp } from "../../core/history/history-lines.ts";
import { heardStamps, stamp, transitionEvidence } from "../../core/history/transition-evidence.ts";
import type { Transition } from "../role-message.ts";
import type { GroupReport } from "../role-report.ts";
import { clockOffsetMs } from "./clock-offset.ts";

/** Deeds that get a stamp, in the order in which they are shown. */
const deeds = ["removed", "pulsed", "addresses", "announced", "advertised", "told"] as const;
export type Deed = (typeof deeds)[number];

/** What is repeated when the control role has started again. */
const KEPT_MAX = 16;
/** A drain this long ago was not for this handover. */
const DRAIN_MS_MAX = 5_000;

type TransitionEffect = ElectionEffect & { readonly do: "transition" };

/**
 * Stamps of what a group does when its role changes. On the way of a takeover a stamp is one reading of the clock into memory
 * that is there already; the record is made when everything is done.
 */
export class TransitionLog {
  readonly #group: string;
  /** Which life of this process it is: wall-clock time of its start. */
  readonly #session = Date.now();
  readonly #atMs = new Float64Array(deeds.length);
  #decidedMs = 0;
  #dueMs = Number.NaN;
  #drainAskedMs = Number.NaN;
  #drainedMs = Number.NaN;
  #sequence = 0;
  /** Carried out, and not told yet; usually one. Until it is, stamps of other deeds do not count. */
  #changes: TransitionEffect[] = [];
  readonly #kept: Transition[] = [];

  constructor(group: string) {
    this.#group = group;
  }

  /** The machine has decided what to do. `dueMs`: the deadline that made it, if one did. */
  decided(dueMs = Number.NaN): void {
    if (this.#changes.length > 0) return;
    this.#decidedMs = performance.now();
    this.#dueMs = dueMs;
    this.#atMs.fill(Number.NaN);
  }

  done(deed: Deed): void {
    if (this.#changes.length === 0) this.#atMs[deeds.indexOf(deed)] = performance.now();
  }

  drainAsked(): void {
    this.#drainAskedMs = performance.now();
    // Of an earlier one.
    this.#drainedMs = Number.NaN;
  }

  drained(): void {
    this.#drainedMs = performance.now();
  }

  changed(change: TransitionEffect): void {
    this.#changes.push(change);
  }

  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** @returns records of the changes that have just been carried out */
  take(view: GroupReport["view"]): readonly Transition[] {
    const records = this.#changes.map((change) => this.#record(change, view));
    this.#changes = [];
    for (const record of records) this.#keep(record);
    return records;
  }

  /**
   * Addresses that were not there in time are there now.
   *
   * @returns the record of the takeover with this stamp, if that is the last change
   */
  lateAddresses(nowMs: number): Transition | undefined {
    const record = this.#kept.at(-1);
    if (this.hasChanges || record?.to !== "active") return undefined;
    const afterMs = nowMs + clockOffsetMs - record.decidedMs;
    const completed = withStamp(record, stamp("addresses", afterMs));
    this.#kept[this.#kept.length - 1] = completed;
    return completed;
  }

  /** This life of the failover role begins. */
  start(view: GroupReport["view"]): Transition {
    this.decided();
    const record = this.#record(
      {
        ...({ do: "transition", from: "stopped", to: view.role } as const),
        cause: view.cause,
        reason: { kind: "started" },
      },
      view,
    );
    this.#keep(record);
    return record;
  }

  /** The last changes, for a control role that may have missed them. */
  get kept(): readonly Transition[] {
    return this.#kept;
  }

  #record({ from, to, cause, reason }: TransitionEffect, view: GroupReport["view"]): Transition {
    const decidedMs = this.#decidedMs;
    const { kind, other, wordMs } = reason;
    const noticedMs = view.sinceMs;
    const isHandover = from === "active" && other !== undefined && kind !== "yielded";
    const drains =
      isHandover && decidedMs - this.#drainAskedMs < DRAIN_MS_MAX
        ? ([
            ["drain-asked", this.#drainAskedMs],
            ["drained", this.#drainedMs],
          ] as const)
        : [];
    const stamps = [
      ...(to === "active" ? heardStamps(view, { other, wordMs, noticedMs, decidedMs }) : []),
      ...[...drains, ["due", this.#dueMs] as const, ["noticed", noticedMs] as const]
        .filter(([, atMs]) => !Number.isNaN(atMs))
        .map(([what, atMs]) => stamp(what, atMs - decidedMs)),
      stamp("decided", 0),
      ...deeds.flatMap((deed, index) => {
        const atMs = this.#atMs[index] ?? Number.NaN;
        return Number.isNaN(atMs) ? [] : [stamp(deed, atMs - decidedMs)];
      }),
    ];
    return {
      ...{ group: this.#group, from, to, kind, cause },
      ...(other === undefined ? {} : { other }),
      evidence: transitionEvidence(view, noticedMs, noticedMs - this.#dueMs || 0),
      stamps: stamps.sort((a, b) => a.atUs - b.atUs),
      source: { session: this.#session, sequence: ++this.#sequence },
      decidedMs: decidedMs + clockOffsetMs,
    };
  }

  #keep(record: Transition): void {
    this.#kept.push(record);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
  }
}
