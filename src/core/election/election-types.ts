import type { IpAddress, IpFamily } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { Pulse, PulseRole } from "../../wire/pulse.ts";
import type { HandoverReason } from "./handover.ts";
import type { Trigger } from "./transitions.ts";

/** What this node is in the group. RFC 9568 calls standby "Backup" and init "Initialize". */
export type GroupRole = PulseRole;

export interface FaceSettings {
  readonly name: string;
  /** The families that it sends VRRP advertisements for. */
  readonly families: readonly IpFamily[];
  /** This node's own addresses on it, the link-local one included once it is known. */
  readonly addresses: readonly IpAddress[];
}

export interface PeerSettings {
  readonly name: string;
  /** 1 to 254. */
  readonly priority: number;
  /** Its own addresses on all faces, as in the document. */
  readonly addresses: readonly IpAddress[];
}

export interface ElectionSettings {
  readonly node: string;
  readonly group: string;
  /** 1 to 255. */
  readonly virtualRouterId: number;
  /** 1 to 254, or 255 for the address owner (RFC 9568 1.6); different on every node. */
  readonly priority: number;
  /** 10 to 40950, in steps of 10 (VRRP counts in centiseconds). */
  readonly intervalMs: number;
  /** Between two pulses: at most `intervalMs`. */
  readonly pulseIntervalMs: number;
  readonly preempt: boolean;
  /** How long it has been well before it preempts. */
  readonly preemptDelayMs: number;
  /** What the skew is a part of: the interval, or one second where VRRPv2 is spoken (RFC 3768 6.1). */
  readonly skewOfMs?: number;
  readonly faces: readonly FaceSettings[];
  readonly peers: readonly PeerSettings[];
  /** The paths that pulses take, at most `PULSE_PATHS_MAX`; the same list on every node of this revision. */
  readonly paths: readonly string[];
  /** Of the document: what a pulse of another one says of its paths is not understood. */
  readonly revision: string;
}

/** What a driver shall do, in order. Their results come back as inputs. */
export type ElectionEffect =
  /** A priority of 0 resigns. */
  | {
      readonly do: "send-advertisement";
      readonly face: string;
      readonly family: IpFamily;
      readonly priority: number;
    }
  /** To every peer on every path, with what `pulse()` says now. */
  | { readonly do: "send-pulses" }
  /** They need not be there before the next "announce", which follows at once: what stands between does not need them. */
  | { readonly do: "add-addresses" }
  | { readonly do: "remove-addresses" }
  /** A gratuitous ARP or unsolicited neighbour advertisement for every virtual address, on the faces that are up. */
  | { readonly do: "announce" }
  /** Let the replicator bring the standby up to date; its answer comes back as `drained()` with the token. */
  | { readonly do: "drain"; readonly token: number; readonly limitMs: number }
  /** The handover that was asked for, or that a peer wanted, does not take place: this node stays active. */
  | { readonly do: "handover-refused"; readonly problem: Problem }
  /** `cause` is a sentence for people, `reason` the same for programs. */
  | {
      readonly do: "transition";
      readonly from: GroupRole;
      readonly to: GroupRole;
      readonly cause: string;
      readonly reason: TransitionReason;
    }
  /** This node stays active beside another active, `with`, that it ranks above: told once for each conflict. */
  | { readonly do: "conflict"; readonly with: string }
  /** `stop()` is complete. */
  | { readonly do: "finished" };

/** What made a role change: history and metrics go by this. */
export interface TransitionReason {
  readonly kind: TransitionKind;
  /** Who fell silent, resigned, is active instead, or takes over: a node, or words for a foreign router. */
  readonly other?: string | undefined;
  /** When the active that is replaced spoke last. */
  readonly wordMs?: number | undefined;
}

export type TransitionKind = Trigger | HandoverReason | "silence" | "resignation" | "started";

/** What our pulses say; identity, session, watermark and revision are the driver's. */
export type PulseState = Pick<
  Pulse,
  | "role"
  | "effectivePriority"
  | "tableComplete"
  | "resigning"
  | "wantsToBeActive"
  | "gaveWay"
  | "inReserve"
  | "fitInNeed"
  | "intervalMs"
  | "advertisementSources"
>;

/** All times are on the clock that the inputs' `nowMs` is on. */
export interface ElectionView {
  readonly role: GroupRole;
  readonly sinceMs: number;
  /** Why it has this role: a sentence. */
  readonly cause: string;
  /** When a standby takes over unless it hears an active before. */
  readonly takeoverDueMs: number | undefined;
  readonly priority: number;
  readonly effectivePriority: number;
  readonly gatewayReady: boolean;
  readonly tableComplete: boolean;
  /** The arbiter has given the role to this node, which is not heard: see Health. */
  readonly lostTo: string | undefined;
  /** It was set aside: it takes over only where nobody else could serve with every connection. */
  readonly maintenance: boolean;
  readonly faces: readonly { readonly name: string; readonly up: boolean }[];
  /** The node or foreign router that is active as far as this node knows. */
  readonly activeNode: string | undefined;
  readonly peers: readonly PeerView[];
  readonly foreignActive: ForeignRouterView | undefined;
  /** Woken late while active: it listens before it sends again. */
  readonly listening: boolean;
  readonly draining: boolean;
  /** Why the last handover did not take place; cleared by the next transition. */
  readonly handoverRefused: Problem | undefined;
  readonly counters: Readonly<Record<ElectionCounter, number>>;
}

export interface PeerView {
  readonly name: string;
  readonly alive: boolean;
  /** As it said last; undefined when it was never heard. */
  readonly role: GroupRole | undefined;
  /** Its effective priority. */
  readonly priority: number | undefined;
  readonly tableComplete: boolean;
  readonly watermark: number;
  readonly revision: string | undefined;
  /** Pulse paths, and faces by name (advertisements). */
  readonly paths: readonly PathView[];
}

/** What this node and a peer know of one path between them. */
export interface PathView {
  readonly name: string;
  /** Pulses take it; else only advertisements do, which standbys do not send. */
  readonly pulses: boolean;
  /** When a pulse or an advertisement of the peer last came in by it. */
  readonly lastHeardMs: number | undefined;
  /** It came within an active-down time. */
  readonly alive: boolean;
  /** Whether the peer says that pulses of this node reach it there; undefined where nothing of late tells. */
  readonly heardByPeer: boolean | undefined;
}

/** A VRRP router that is no node of the document. */
export interface ForeignRouterView {
  readonly address: string;
  readonly face: string;
  readonly priority: number;
  /** As it advertises. */
  readonly intervalMs: number;
  readonly lastHeardMs: number;
}

/** What was ignored, and what happened that should be rare. */
export const electionCounters = [
  "advertisementOfOtherRouterId",
  "advertisementOfOwn",
  "advertisementOnUnknownFace",
  "evidenceAfterResignation",
  "foreignRouterLower",
  "foreignRouterOverflow",
  "pulseFromUnknownPeer",
  "pulseOnUnknownPath",
  "pulseOfOtherGroup",
  "drainTokenUnknown",
  "inputAfterStop",
  "lateAsActive",
  "lateAsStandby",
  // Heard another active while active: to stay beside it, or to give way.
  "conflict",
  "peerGaveWay",
] as const;
export type ElectionCounter = (typeof electionCounters)[number];

export function noCounts(): Record<ElectionCounter, number> {
  return Object.fromEntries(electionCounters.map((name) => [name, 0])) as Record<ElectionCounter, number>;
}
