import { IPS_ASSURED } from "../../wire/conntrack-constants.ts";
import type { FlowFields } from "../../wire/flow-fields.ts";
import type { FlowOwner } from "./flow-owner.ts";

/** A copy has this many sweeps more than packets ever give a flow, and is told of again within one. */
const SWEEPS_BEYOND = 4;
/** A flow with packets since the sweep before has at least what they give, less this many sweeps. */
const SWEEPS_RECENT = 1.5;
/** What nobody has told of for so many sweeps is forwarded nowhere. */
const SWEEPS_FORGOTTEN = 2;
/**
 * Where sweeps are further apart than that, the flow is over. A packet that is just coming may show the opposite; but the copy must be gone
 * before the next pass (10 s later, at the soonest), which would take it for a flow with packets.
 */
const SECONDS_LEFT_MIN = 3;

/** The most that a packet gives a flow, in seconds, by protocol: the kernel's timeouts. */
export type PacketSeconds = ReadonlyMap<number, number>;

/**
 * What the timer of a flow of no group tells. Any node may forward such a flow, so no node is its source by the document; the one
 * through which its packets pass is, and only timers show that:
 *
 *     0          T - 1.5 P         T             T + 2 P            T + 4 P
 *     |  quiet      |  forwarded   |   forgotten    |     a copy       |        T: what a packet gives; P: a sweep
 *     |             |  here        |   copy         |                  |
 *
 * A copy gets more time than packets give, and so never looks like the flow itself. A sweep tells the others of each flow that was
 * forwarded here since the one before, which makes their copies full again. A copy that nobody tells of would run down through
 * the second range: a pass that finds it in the third leaves it what the flow can have at most where it was forwarded.
 */
export class NoGroupTimer {
  readonly #owner: FlowOwner;
  readonly #packetSeconds: PacketSeconds;

  constructor(owner: FlowOwner, packetSeconds: PacketSeconds) {
    this.#owner = owner;
    this.#packetSeconds = packetSeconds;
  }

  /** Packets of the flow have passed through this node since the last sweep. */
  isForwardedHere(fields: FlowFields, sweepSeconds: number): boolean {
    const most = this.#mostOf(fields);
    if (most === undefined) return false;
    const { timeoutSeconds } = fields;
    return timeoutSeconds <= most && timeoutSeconds > most - SWEEPS_RECENT * sweepSeconds;
  }

  /** The time that a copy of the flow gets; undefined where its timer tells nothing. */
  secondsOfCopy(fields: FlowFields, sweepSeconds: number): number | undefined {
    const most = this.#mostOf(fields);
    return most === undefined ? undefined : most + SWEEPS_BEYOND * sweepSeconds;
  }

  /** The time that is left to a copy that nobody tells of any more; undefined for all others. */
  secondsOfForgotten(fields: FlowFields, sweepSeconds: number): number | undefined {
    const most = this.#mostOf(fields);
    if (most === undefined) return undefined;
    const { timeoutSeconds } = fields;
    const isForgotten = timeoutSeconds > most && timeoutSeconds <= most + SWEEPS_FORGOTTEN * sweepSeconds;
    return isForgotten
      ? Math.max(SECONDS_LEFT_MIN, Math.floor(most - SWEEPS_RECENT * sweepSeconds))
      : undefined;
  }

  #mostOf(fields: FlowFields): number | undefined {
    // Before it is assured, packets give it less.
    if ((fields.status & IPS_ASSURED) === 0 || this.#owner.groupOf(fields) !== 0) return undefined;
    return this.#packetSeconds.get(fields.protocol);
  }
}
