import type { Problem } from "../base/problem.ts";
import type { HistoryEntry } from "../contract/failover-history.ts";
import type { Standing } from "../core/arbiter/arbitration.ts";
import type { Maintenance } from "../core/election/health.ts";
import type { CheckVerdict } from "../core/health/check-set.ts";
import type { ApiSettings } from "./api-settings.ts";
import type { NodeSettings } from "./node-settings.ts";

/** The processes of a node. The supervisor starts the others and carries their messages to each other. */
export type RoleName = "supervisor" | "failover" | "replicator" | "control" | "api";
export type WorkerRole = Exclude<RoleName, "supervisor">;

export type LogLevel = "error" | "warning" | "info" | "debug";

/**
 * Every message between roles, one list for all directions. On the wire: one JSON text a line, over a pair of UNIX
 * sockets between the supervisor and each role. None of them is needed between a peer's silence and the takeover.
 */
export type RoleMessage =
  /** supervisor → role, first of all. */
  | { readonly kind: "settings"; readonly settings: NodeSettings }
  /**
   * control → supervisor: from now on these settings count. The named roles are started again with them, in order; control itself a
   * moment after the answer.
   */
  | {
      readonly kind: "reconfigure";
      readonly request: number;
      readonly settings: NodeSettings;
      readonly restart: readonly WorkerRole[];
    }
  /** supervisor → control: the roles have started, but for control. */
  | { readonly kind: "reconfigured"; readonly request: number }
  /** supervisor → failover, which is not started again: the document that the node runs has another name. */
  | { readonly kind: "revision"; readonly revision: string }
  /** supervisor → api, first of all, and when its keys have changed: no more than it needs. */
  | { readonly kind: "api-settings"; readonly settings: ApiSettings }
  /** supervisor → the others: this role has started (again) and knows nothing of your state. */
  | { readonly kind: "role-started"; readonly role: WorkerRole }
  /** supervisor → role, every second: does your loop turn? */
  | { readonly kind: "heartbeat"; readonly number: number }
  /** role → supervisor, at once. */
  | { readonly kind: "heartbeat-answer"; readonly number: number }
  /** supervisor → role: end in an orderly way. */
  | { readonly kind: "stop" }
  /** failover → supervisor: the addresses are gone and the peers know. replicator → supervisor: all is sent. */
  | { readonly kind: "stopped" }
  /** role → supervisor, which writes it. */
  | { readonly kind: "log"; readonly level: LogLevel; readonly text: string }
  /** control → failover: the rules and sysctls are in the kernel. */
  | { readonly kind: "gateway-ready" }
  /** control → failover: what the checks of the group have come to. */
  | { readonly kind: "checks"; readonly group: string; readonly checks: readonly CheckVerdict[] }
  /** control → replicator, supervisor: read the keys again; the supervisor hands the API's on. */
  | { readonly kind: "keys-changed" }
  /** control → failover: the keys of pulses, hexadecimal; the first is used for what is sent. */
  | { readonly kind: "pulse-keys"; readonly keys: readonly string[] }
  /** control → failover: the node is set aside, or (null) it is not any more. */
  | { readonly kind: "maintenance"; readonly maintenance: Maintenance | null }
  /** failover → replicator: whether this node is active for the group. */
  | { readonly kind: "active"; readonly group: string; readonly active: boolean }
  /**
   * failover → control, after all that a change of role takes is done; again when the control role has started again, and when
   * addresses that were late have come.
   */
  | { readonly kind: "transition"; readonly transition: Transition }
  /** replicator → failover: whether this node's kernel holds all of the group's flows. */
  | {
      readonly kind: "table";
      readonly group: string;
      readonly complete: boolean;
      readonly watermark: number;
    }
  /** failover → replicator: flush what the kernel reported, and have the standby confirm it. */
  | { readonly kind: "drain"; readonly group: string; readonly token: number; readonly limitMs: number }
  /** replicator → failover. */
  | { readonly kind: "drained"; readonly group: string; readonly token: number; readonly complete: boolean }
  /** control → failover. */
  | {
      readonly kind: "switchover";
      readonly group: string;
      readonly request: number;
      readonly reason: string;
      /** The node that shall take over; without one, the best standby. */
      readonly to?: string;
    }
  /** failover → control: why it will not happen, or nothing when it has begun. */
  | { readonly kind: "switchover-answer"; readonly request: number; readonly problem?: Problem }
  /** failover → control: what the group's arbitration and its tie-breakers go by, whenever it changes. */
  | { readonly kind: "standing"; readonly group: string; readonly standing: Standing }
  /** control → failover: stay down for this node; without one: do not. */
  | { readonly kind: "arbitrated"; readonly group: string; readonly lostTo?: string }
  /** control → failover: what its tie-breakers say, see Readiness. */
  | { readonly kind: "cut-off"; readonly group: string; readonly cutOff: string | null }
  /** control → any: what is your state? */
  | { readonly kind: "ask"; readonly request: number }
  /** any → control: one of the report types of role-report.ts. */
  | { readonly kind: "answer"; readonly request: number; readonly report: unknown };

/** A change of role as the failover role knows it: the history adds what is missing. */
export interface Transition extends Omit<HistoryEntry, "id" | "node" | "at"> {
  /** On the clock that all processes of a machine share (CLOCK_MONOTONIC). */
  readonly decidedMs: number;
}

export interface Envelope {
  readonly to: RoleName;
  readonly from: RoleName;
  readonly message: RoleMessage;
}

export function encodeEnvelope(envelope: Envelope): string {
  return `${JSON.stringify(envelope)}\n`;
}

/** Gathers bytes of a role's socket and cuts them into envelopes. The other end is a process of ours: bad text is a defect. */
export class EnvelopeReader {
  readonly #decoder = new TextDecoder();
  #held = "";

  push(chunk: Uint8Array): Envelope[] {
    const lines = (this.#held + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#held = lines.pop() ?? "";
    return lines.map((line) => JSON.parse(line) as Envelope);
  }
}
