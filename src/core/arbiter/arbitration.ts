import type { GroupRole } from "../election/election-types.ts";
import type { ArbiterAnswer, ArbiterRequest } from "./arbiter-messages.ts";

//            every node is in sight, or this one is not active
//      +------+ <------------------------------- (every state but lost)
//      | none |
//      +------+ --- active, and somebody is out of sight ---> +--------+   no answer    +-------------+
//                                                             | asking | <------------> | unreachable |
//                  +------+ <---------- it is ours ---------- +--------+                +-------------+
//                  | held | -- the lease has run out -------->     |
//                  +------+                                        | another node holds it, renews it, and is out of sight
//                                                                  v
//      none <-- that node or the holder is seen, or it is ours --- +------+
//                                                                  | lost |
//                                                                  +------+

export type ArbiterState = "none" | "asking" | "held" | "lost" | "unreachable";

/** What the failover role says of the group. */
export interface Standing {
  readonly role: GroupRole;
  /** The peers that it hears. */
  readonly seen: readonly string[];
  /** It hears no other node, and not all of them have said that they stopped. */
  readonly isAlone: boolean;
  /** The node that it stays down for. */
  readonly lostTo: string | undefined;
  /** Why it stays down as long as it is alone: see TieBreak. */
  readonly cutOff: string | null;
}

export interface ArbitrationSettings {
  readonly node: string;
  readonly peers: readonly string[];
  readonly leaseMs: number;
  /** Of pulses. */
  readonly intervalMs: number;
  /**
   * Ask first: the node may serve only while it holds the key, and must have stopped before its lease can run out. For what must
   * not happen twice; a gateway takes over first.
   */
  readonly exclusive?: boolean;
}

export type ArbitrationEffect =
  /** One at a time; its answer, or that there was none in time, comes back. */
  | { readonly do: "ask"; readonly request: ArbiterRequest }
  /** Stay down for this node; undefined: do not. */
  | { readonly do: "tell"; readonly lostTo: string | undefined }
  /** Exclusive groups: whether the node may serve now. */
  | { readonly do: "permit"; readonly granted: boolean }
  | { readonly do: "state"; readonly from: ArbiterState; readonly to: ArbiterState };

export interface ArbitrationView {
  readonly state: ArbiterState;
  /** Undefined before the first answer was due. */
  readonly reachable: boolean | undefined;
  /** As the last answer said. */
  readonly holder: string | undefined;
  readonly problem: string | undefined;
}

/** Who has just taken over lets the one that may have been active all the time ask first: connections stay where they are. */
const NEWCOMER_MS_MIN = 1_000;
const NEWCOMER_INTERVALS = 10;
/**
 * Active for longer than this before somebody went out of sight: it did not just take over. A standby takes over less than an
 * interval before it counts the active among those that are out of sight.
 */
const INCUMBENT_MS_MIN = 250;
const INCUMBENT_INTERVALS = 4;
/** Between two looks at who holds the key. */
const WATCH_MS = 500;
const RETRY_MS = 1_000;
/** While nothing is at stake: only to know that the arbiter is there. */
const PROBE_MS = 5_000;
const RENEWALS_PER_LEASE = 3;
/** A key that is still there so long after its lease must have run out is one that is renewed, however it looks. */
const EXPIRY_MARGIN_MS = 2_000;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The tie-breaker for nodes that do not hear each other: a key of the group in etcd, under a lease that its holder renews. Time
 * and answers come in, requests go out. That a key is there proves little, since its holder may have lost its power a moment ago:
 * only one that is renewed belongs to a node that lives. An arbiter that does not answer changes nothing.
 */
export class Arbitration {
  readonly #settings: ArbitrationSettings;
  #effects: ArbitrationEffect[] = [];
  #standing: Standing = { role: "init", seen: [], isAlone: false, lostTo: undefined, cutOff: null };
  #state: ArbiterState = "none";
  #lostTo: string | undefined;
  #activeSinceMs = NEVER;
  #lease: string | undefined;
  /** The revision of the key while it is ours. */
  #revision: string | undefined;
  /** Another node's key, as it was first seen. */
  #rival: { readonly node: string; readonly revision: string; readonly sinceMs: number } | undefined;
  /** Of the key that the next put is to replace; 0: of none. */
  #revisionToReplace = "0";
  /** It has won the key, and will be active soon: it keeps it meanwhile. */
  #takesOverUntilMs = Number.NEGATIVE_INFINITY;
  /** Before that it does not take a free key: see NEWCOMER_MS_MIN. */
  #patientUntilMs = Number.NEGATIVE_INFINITY;
  #nowMs: number;
  #asked: ArbiterRequest | undefined;
  #askedMs = 0;
  #dueMs: number;
  /** Until when the lease lasts for sure, if it is not renewed: counted from when that was asked for. */
  #surelyUntilMs = Number.NEGATIVE_INFINITY;
  #permitted = false;
  #reachable: boolean | undefined;
  #reachableSinceMs = Number.NEGATIVE_INFINITY;
  #holder: string | undefined;
  #problem: string | undefined;

  constructor(settings: ArbitrationSettings, nowMs: number) {
    this.#settings = settings;
    this.#nowMs = this.#dueMs = nowMs;
  }

  /** Must be called for every change. */
  stands(nowMs: number, standing: Standing): readonly ArbitrationEffect[] {
    return this.#input(nowMs, () => {
      const before = this.#isAtStake;
      if (standing.role !== "active") this.#activeSinceMs = NEVER;
      else if (this.#standing.role !== "active") this.#activeSinceMs = nowMs;
      this.#standing = standing;
      // The failover role remembers what a control role that was restarted does not know, and the other way round.
      this.#lostTo ??= standing.lostTo;
      if (this.#lostTo !== undefined) this.#checkLost(this.#lostTo);
      if (!before && this.#isAtStake) {
        const patienceMs = Math.max(NEWCOMER_MS_MIN, NEWCOMER_INTERVALS * this.#settings.intervalMs);
        const isIncumbent =
          nowMs - this.#activeSinceMs >=
          Math.max(INCUMBENT_MS_MIN, INCUMBENT_INTERVALS * this.#settings.intervalMs);
        this.#patientUntilMs = nowMs + (isIncumbent || this.#settings.exclusive === true ? 0 : patienceMs);
        this.#dueMs = this.#patientUntilMs;
        this.#rival = undefined;
      }
      if (before && !this.#isAtStake) this.#dueMs = nowMs;
    });
  }

  answered(nowMs: number, answer: ArbiterAnswer): readonly ArbitrationEffect[] {
    return this.#input(nowMs, () => {
      const asked = this.#asked;
      this.#asked = undefined;
      if (asked === undefined) return;
      if (this.#reachable !== true) this.#reachableSinceMs = nowMs;
      this.#reachable = true;
      this.#problem = undefined;
      this.#take(nowMs, asked, answer);
    });
  }

  /** No answer in time, or none that can be understood. */
  failed(nowMs: number, problem: string): readonly ArbitrationEffect[] {
    return this.#input(nowMs, () => {
      this.#asked = undefined;
      this.#reachable = false;
      this.#problem = problem;
      this.#dueMs = nowMs + (this.#isAtStake ? RETRY_MS : PROBE_MS);
    });
  }

  timeout(nowMs: number): readonly ArbitrationEffect[] {
    return this.#input(nowMs, () => {});
  }

  /** When `timeout` is next due; Infinity while an answer is awaited. */
  get deadline(): number {
    return Math.min(
      this.#asked === undefined ? this.#dueMs : NEVER,
      this.#permitted ? this.#permitEndMs : NEVER,
    );
  }

  get view(): ArbitrationView {
    const { reachable, holder, problem } = {
      reachable: this.#reachable,
      holder: this.#holder,
      problem: this.#problem,
    };
    return { state: this.#state, reachable, holder, problem };
  }

  #input(nowMs: number, handle: () => void): readonly ArbitrationEffect[] {
    this.#effects = [];
    this.#nowMs = nowMs;
    handle();
    if (this.#asked === undefined && nowMs >= this.#dueMs) this.#ask(nowMs);
    this.#updateState();
    this.#updatePermit(nowMs);
    return this.#effects;
  }

  // ---- Asking ----

  #ask(nowMs: number): void {
    const request = this.#nextRequest();
    this.#asked = request;
    this.#askedMs = nowMs;
    this.#effects.push({ do: "ask", request });
  }

  #nextRequest(): ArbiterRequest {
    const lease = this.#lease;
    if (!this.#isAtStake) return lease === undefined ? { ask: "look" } : { ask: "revoke", lease };
    if (this.#revision !== undefined && lease !== undefined) return { ask: "renew", lease };
    return { ask: "look" };
  }

  #take(nowMs: number, asked: ArbiterRequest, answer: ArbiterAnswer): void {
    const { node, leaseMs } = this.#settings;
    this.#dueMs = nowMs + (this.#isAtStake ? WATCH_MS : PROBE_MS);
    switch (answer.what) {
      case "granted":
        this.#lease = answer.lease;
        this.#follow(nowMs, { ask: "put", lease: answer.lease, revision: this.#revisionToReplace });
        break;
      case "put":
        this.#holder = node;
        this.#rival = undefined;
        this.#revision = answer.revision;
        this.#dueMs = nowMs + leaseMs / RENEWALS_PER_LEASE;
        if (!this.#isAtStake) this.#dueMs = nowMs;
        if (this.#lostTo !== undefined) this.#takesOverUntilMs = nowMs + leaseMs;
        this.#win();
        break;
      case "renewed":
        this.#surelyUntilMs = this.#askedMs + leaseMs;
        // Others see by the revision that somebody renews it.
        if (asked.ask === "renew")
          this.#follow(nowMs, { ask: "put", lease: asked.lease, revision: this.#revision ?? "0" });
        break;
      case "expired":
        this.#lease = this.#revision = undefined;
        this.#dueMs = nowMs;
        break;
      case "revoked":
        this.#lease = this.#revision = undefined;
        this.#holder = undefined;
        break;
      case "free":
      case "holder":
        this.#hearHolder(nowMs, answer);
        break;
    }
  }

  #hearHolder(nowMs: number, answer: Extract<ArbiterAnswer, { what: "free" | "holder" }>): void {
    this.#revision = undefined;
    this.#holder = answer.what === "holder" ? answer.node : undefined;
    if (!this.#isAtStake) return;
    if (answer.what === "holder" && answer.node !== this.#settings.node) {
      this.#watch(nowMs, answer);
      return;
    }
    // Asked before it took over, when nothing was at stake.
    if (answer.what === "free" && nowMs < this.#patientUntilMs) {
      this.#dueMs = this.#patientUntilMs;
      return;
    }
    // After an outage of the arbiter keys are gone: whoever stepped down lets the one that stayed take its key again first.
    if (this.#lostTo !== undefined && nowMs - this.#reachableSinceMs < this.#settings.leaseMs) return;
    // Free, or ours from before a restart or under a lease that we have lost sight of.
    this.#rival = undefined;
    this.#revisionToReplace = answer.what === "holder" ? answer.revision : "0";
    if (this.#lease === undefined) this.#follow(nowMs, { ask: "grant", leaseMs: this.#settings.leaseMs });
    else this.#follow(nowMs, { ask: "put", lease: this.#lease, revision: this.#revisionToReplace });
  }

  /** Asks at once, as the next step of the same. */
  #follow(nowMs: number, request: ArbiterRequest): void {
    if (request.ask === "grant") this.#surelyUntilMs = nowMs + this.#settings.leaseMs;
    this.#asked = request;
    this.#askedMs = nowMs;
    this.#effects.push({ do: "ask", request });
  }

  #watch(nowMs: number, { node, revision }: { readonly node: string; readonly revision: string }): void {
    if (this.#standing.seen.includes(node)) {
      this.#rival = undefined;
      // The node that it stays down for may still be out of sight, but has lost the key since then.
      this.#win();
      return;
    }
    if (this.#rival?.node !== node) this.#rival = { node, revision, sinceMs: nowMs };
    const isRenewed = this.#rival.revision !== revision;
    const hasOutlived = nowMs - this.#rival.sinceMs > this.#settings.leaseMs + EXPIRY_MARGIN_MS;
    if (this.#settings.exclusive === true || this.#lostTo === node) return;
    if (isRenewed || hasOutlived) this.#lose(node);
  }

  // ---- Verdicts ----

  #lose(node: string): void {
    this.#lostTo = node;
    this.#effects.push({ do: "tell", lostTo: node });
  }

  #win(): void {
    if (this.#lostTo === undefined) return;
    this.#lostTo = undefined;
    this.#effects.push({ do: "tell", lostTo: undefined });
  }

  #checkLost(node: string): void {
    if (this.#standing.seen.includes(node)) this.#win();
    else if (this.#standing.lostTo !== node) this.#effects.push({ do: "tell", lostTo: node });
  }

  get #missing(): readonly string[] {
    return this.#settings.peers.filter((peer) => !this.#standing.seen.includes(peer));
  }

  get #isAtStake(): boolean {
    const { role } = this.#standing;
    if (this.#lostTo !== undefined && role !== "stopped") return true;
    if (this.#settings.exclusive === true) return role === "standby" || role === "active";
    const isOurs = role === "active" || this.#nowMs < this.#takesOverUntilMs;
    return isOurs && role !== "stopped" && this.#missing.length > 0;
  }

  #updateState(): void {
    const to = this.#stateNow();
    if (to === this.#state) return;
    this.#effects.push({ do: "state", from: this.#state, to });
    this.#state = to;
  }

  #stateNow(): ArbiterState {
    if (this.#lostTo !== undefined) return "lost";
    if (!this.#isAtStake) return "none";
    if (this.#reachable === false) return "unreachable";
    return this.#revision === undefined ? "asking" : "held";
  }

  /** A third of the lease before it can run out elsewhere the node must have stopped. */
  get #permitEndMs(): number {
    return this.#surelyUntilMs - this.#settings.leaseMs / RENEWALS_PER_LEASE;
  }

  #updatePermit(nowMs: number): void {
    if (this.#settings.exclusive !== true) return;
    const granted = this.#revision !== undefined && nowMs < this.#permitEndMs;
    if (granted === this.#permitted) return;
    this.#permitted = granted;
    this.#effects.push({ do: "permit", granted });
  }
}
