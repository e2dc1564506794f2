import { type IpAddress, isLinkLocal } from "../../base/ip.ts";
import { PULSE_SOURCES_MAX } from "../../wire/pulse.ts";
import { type Ailments, ailments, type CheckVerdict, newerVerdicts } from "../health/check-set.ts";
import type { FaceSettings } from "./election-types.ts";

export interface Face {
  readonly name: string;
  readonly families: FaceSettings["families"];
  /** See `Health.setAddresses`. */
  addresses: readonly IpAddress[];
  up: boolean;
}

/** What the other roles tell; what is absent is as it was. */
export interface Readiness {
  /** The rules are in place. */
  readonly gatewayReady?: boolean;
  /** See `Pulse`. */
  readonly tableComplete?: boolean;
  readonly checks?: readonly CheckVerdict[];
  /** Somebody has set the node aside; Null: resumed. */
  readonly maintenance?: Maintenance | null;
  /** No tie-breaker answers: why it is not to serve as long as it hears nobody; Null: it may. */
  readonly cutOff?: string | null;
}

export interface Maintenance {
  /** Who and why, in words for a sentence. */
  readonly why: string;
  /** A living node without every connection is good enough to take over. */
  readonly force: boolean;
}

/** Ranks below everybody who serves at all, but is a valid priority of an active. */
const PRIORITY_LAST = 1;
/** The worst illness of a node that could serve. */
const ILLNESS_SEVERE = 1_000;

/** What this node can do: its faces, its checks, and what the other roles have told. */
export class Health {
  readonly faces: readonly Face[];
  readonly #priority: number;
  #addresses: readonly IpAddress[] = [];
  #advertisementSources: readonly IpAddress[] = [];
  gatewayReady = false;
  tableComplete = false;
  /** The node that holds the arbiter's lease, while this one hears nothing of it. */
  lostTo: string | undefined;
  cutOff: string | null = null;
  maintenance: Maintenance | null = null;
  #verdicts: readonly CheckVerdict[] = [];
  #ailments: Ailments = ailments([]);

  constructor(faces: readonly FaceSettings[], priority: number) {
    this.faces = faces.map((face) => ({ ...face, up: false }));
    this.#gatherAddresses();
    this.#priority = priority;
  }

  /** @returns true when anything is another now */
  update(readiness: Readiness): boolean {
    const before = this.#told;
    this.gatewayReady = readiness.gatewayReady ?? this.gatewayReady;
    this.tableComplete = readiness.tableComplete ?? this.tableComplete;
    if (readiness.maintenance !== undefined) this.maintenance = readiness.maintenance;
    if (readiness.cutOff !== undefined) this.cutOff = readiness.cutOff;
    if (readiness.checks !== undefined) {
      const verdicts = newerVerdicts(this.#verdicts, readiness.checks);
      if (verdicts !== this.#verdicts) this.#ailments = ailments(verdicts);
      this.#verdicts = verdicts;
    }
    return this.#told.some((value, index) => value !== before[index]);
  }

  get #told(): readonly unknown[] {
    return [this.gatewayReady, this.tableComplete, this.maintenance, this.cutOff, this.#verdicts];
  }

  face(name: string): Face | undefined {
    for (const face of this.faces) if (face.name === name) return face;
    return undefined;
  }

  /** This node's own on all faces. */
  get addresses(): readonly IpAddress[] {
    return this.#addresses;
  }

  /** The link-local ones among them: VRRP advertisements come from them (RFC 9568 5.1.2.1). */
  get advertisementSources(): readonly IpAddress[] {
    return this.#advertisementSources;
  }

  setAddresses(face: Face, addresses: readonly IpAddress[]): void {
    face.addresses = addresses;
    this.#gatherAddresses();
  }

  #gatherAddresses(): void {
    this.#addresses = this.faces.flatMap((face) => face.addresses);
    const isSource = (address: IpAddress) => address.length === 16 && isLinkLocal(address);
    this.#advertisementSources = this.#addresses.filter(isSource).slice(0, PULSE_SOURCES_MAX);
  }

  /** Why it cannot be active at all: a sentence. */
  get inability(): string | undefined {
    if (!this.gatewayReady) return "the gateway's rules are not in place";
    if (this.lostTo !== undefined)
      return `${this.lostTo} holds the arbiter's lease, and this node hears nothing of it`;
    if (this.cutOff !== null) return this.cutOff;
    for (const face of this.faces) if (face.up) return undefined;
    return "no interface of the group is up";
  }

  /** With a face down a node can still serve somebody, but any healthy node does it better. */
  get degraded(): boolean {
    for (const face of this.faces) if (!face.up) return true;
    return false;
  }

  /** A face is down, a check vetoes, or it is set aside: not a node that should become active of its own will. */
  get unfit(): boolean {
    return this.degraded || this.#ailments.vetoed || this.maintenance !== null;
  }

  get ailments(): Ailments {
    return this.#ailments;
  }

  /** 0 when unable; a sixteenth when degraded or vetoed, so that every healthy node ranks above; less failing weights. */
  get effectivePriority(): number {
    if (this.inability !== undefined) return 0;
    return this.maintenance === null ? this.#ablePriority : PRIORITY_LAST;
  }

  get #ablePriority(): number {
    const severe = this.degraded || this.#ailments.vetoed;
    return Math.max(1, (severe ? this.#priority >> 4 : this.#priority) - this.#ailments.weight);
  }

  /** What others are told while this node is not active: set aside, it is not to be handed anything. */
  get offeredPriority(): number {
    return this.maintenance === null ? this.effectivePriority : 0;
  }

  /**
   * It is set aside, but what the others would lose without its connections counts more: it goes before a node that lacks some.
   * By force it was meant to go after those as well.
   */
  get inReserve(): boolean {
    return this.maintenance !== null && !this.maintenance.force && this.tableComplete;
  }

  /**
   * It is set aside, and better than an active that nothing can go through. By force it was not meant to serve, and once active it
   * would hand over to that one again.
   */
  get fitInNeed(): boolean {
    return this.maintenance !== null && !this.maintenance.force && !this.isSevereInService;
  }

  /** How ill it is, on the same scale as `illness`. */
  get illness(): number {
    return illness(this.#priority, this.effectivePriority);
  }

  /** Whether it would be severely ill if nobody had set it aside. */
  get isSevereInService(): boolean {
    return isSeverelyIll(this.#priority, this.#ablePriority);
  }

  /** What goes through a gateway needs two faces. */
  get connectsNothing(): boolean {
    let up = 0;
    for (const face of this.faces) if (face.up) up += 1;
    return this.degraded && up < 2;
  }

  get downFaces(): readonly string[] {
    return this.faces.filter((face) => !face.up).map((face) => face.name);
  }
}

/**
 * How much worse than healthy a node is, from what it tells: nodes of different priorities compare by it. Beyond a face down or
 * a veto there are no degrees: of two such nodes neither serves better.
 */
export function illness(priority: number, effectivePriority: number): number {
  if (effectivePriority >= priority) return 0;
  if (effectivePriority <= Math.max(1, priority >> 4)) return ILLNESS_SEVERE;
  return priority - effectivePriority;
}

/** A face down or a veto, or weights that come to as much. */
export function isSeverelyIll(priority: number, effectivePriority: number): boolean {
  return illness(priority, effectivePriority) >= ILLNESS_SEVERE;
}
