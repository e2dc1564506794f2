import { compareIp, equalIp, formatIp, type IpAddress } from "../../base/ip.ts";
import type { Pulse, PulseHeir } from "../../wire/pulse.ts";
import type { VrrpAdvertisement } from "../../wire/vrrp.ts";
import { Conflicts } from "./conflicts.ts";
import type { ElectionCounter, ElectionSettings, ForeignRouterView } from "./election-types.ts";
import { ForeignRouters } from "./foreign-routers.ts";
import type { Health } from "./health.ts";
import { HeardPaths } from "./heard-paths.ts";
import { Peer } from "./peer.ts";
import { compareRank, primaryAddress, type Rank } from "./rank.ts";
import { activeDownMs, rankSkewMs, skewMs } from "./timing.ts";

/** What an advertisement or a pulse means for the election. */
export type Heard =
  | {
      readonly what: "active";
      readonly name: string;
      readonly isForeign: boolean;
      readonly priority: number;
      /** When this node takes over if it hears nothing more. */
      readonly deadMs: number;
      readonly outranksUs: boolean;
      /** What gives it the better right, if it has that. */
      readonly right: string;
      /** It became active without the connections that this node holds. */
      readonly lacksOurTable: boolean;
    }
  | {
      readonly what: "resignation";
      readonly name: string;
      readonly isForeign: boolean;
      /** Who is to take over, if it has said so. */
      readonly heir: PulseHeir;
      /** Between the advertisements of a foreign router, as it says; undefined of a node. */
      readonly intervalMs: number | undefined;
    }
  /** It was active as well until a moment ago; told once. */
  | { readonly what: "gave-way"; readonly name: string }
  /** A pulse of a node that neither is active nor resigns. */
  | { readonly what: "presence" };

export type HeardActive = Extract<Heard, { what: "active" }>;
export type HeardResignation = Extract<Heard, { what: "resignation" }>;

const PRESENCE: Heard = { what: "presence" };
const RANKS_HIGHER = "is active and ranks higher";

/** Everybody else in the virtual router: the nodes of the document, and foreign VRRP routers. */
export class Neighbourhood {
  readonly #settings: ElectionSettings;
  readonly #health: Health;
  readonly #count: (counter: ElectionCounter) => void;
  readonly #foreign = new ForeignRouters();
  readonly #conflicts = new Conflicts();
  readonly #own: { -readonly [K in keyof Rank]: Rank[K] };
  /** Nearly every pulse of an active says the same. */
  readonly #heardActive: { -readonly [K in keyof HeardActive]: HeardActive[K] } = {
    ...({ what: "active", name: "", isForeign: false, priority: 0, deadMs: 0 } as const),
    ...{ outranksUs: false, right: RANKS_HIGHER, lacksOurTable: false },
  };
  readonly peers: readonly Peer[];

  constructor(settings: ElectionSettings, health: Health, count: (counter: ElectionCounter) => void) {
    this.#settings = settings;
    this.#health = health;
    this.#count = count;
    const { node: name } = settings;
    this.#own = { name, tableComplete: false, effectivePriority: 0, addresses: health.addresses };
    const faces = settings.faces.map((face) => face.name);
    this.peers = settings.peers.map(
      (peer) => new Peer(peer, new HeardPaths(settings.paths, faces), settings),
    );
  }

  peer(name: string): Peer | undefined {
    for (const peer of this.peers) if (peer.name === name) return peer;
    return undefined;
  }

  /**
   * @param isListening what it says may be old: whoever woke late reads pulses first, and they tell of a resignation, too
   * @returns what the next one overwrites, or undefined if it is to be ignored; why was counted
   */
  hearAdvertisement(
    { nowMs, isListening }: { readonly nowMs: number; readonly isListening: boolean },
    face: string,
    source: IpAddress,
    advertisement: VrrpAdvertisement,
  ): Heard | undefined {
    const own = this.#health.face(face);
    if (own === undefined) return this.#ignore("advertisementOnUnknownFace");
    if (advertisement.virtualRouterId !== this.#settings.virtualRouterId) {
      return this.#ignore("advertisementOfOtherRouterId");
    }
    if (this.#health.addresses.some((address) => equalIp(address, source))) {
      return this.#ignore("advertisementOfOwn");
    }
    const peer = this.peers.find((candidate) => candidate.sends(source));
    if (peer === undefined) return this.#hearForeign(nowMs, own, source, advertisement);
    const { priority, intervalCs } = advertisement;
    peer.advertised(nowMs, face, intervalCs * 10, priority > 0);
    if (priority === 0) return isListening && peer.isPulsing(nowMs) ? PRESENCE : hearResignation(nowMs, peer);
    if (peer.hasJustResigned(nowMs)) return this.#ignore("evidenceAfterResignation");
    return this.#hearActive(nowMs, peer, priority);
  }

  /** As hearAdvertisement. */
  hearPulse(nowMs: number, path: string, pulse: Pulse): Heard | undefined {
    const peer = this.peer(pulse.sender);
    if (peer === undefined) return this.#ignore("pulseFromUnknownPeer");
    if (pulse.group !== this.#settings.group) return this.#ignore("pulseOfOtherGroup");
    if (!this.#settings.paths.includes(path)) return this.#ignore("pulseOnUnknownPath");
    const gaveWay = peer.said(nowMs, path, pulse, pulse.revision === this.#settings.revision);
    this.#foreign.forget(pulse.advertisementSources);
    if (pulse.resigning) return hearResignation(nowMs, peer);
    if (gaveWay) return { what: "gave-way", name: peer.name };
    if (pulse.role !== "active") return PRESENCE;
    if (peer.hasJustResigned(nowMs, "pulse")) return this.#ignore("evidenceAfterResignation");
    return this.#hearActive(nowMs, peer, pulse.effectivePriority);
  }

  /** A pulse that says nothing new, for another path was quicker with a newer one. */
  hearOvertaken(nowMs: number, path: string, sender: string): void {
    this.peer(sender)?.wasOvertaken(nowMs, path);
  }

  /** Someone else ranks higher, and holds every connection, or as few as this node. */
  isOutranked(nowMs: number): boolean {
    for (const peer of this.peers) if (this.#goesFirst(nowMs, peer)) return true;
    return false;
  }

  /** The next answer takes its memory. */
  #ownRank(effectivePriority: number): Rank {
    const own = this.#own;
    own.tableComplete = this.#health.tableComplete;
    own.effectivePriority = effectivePriority;
    own.addresses = this.#health.addresses;
    return own;
  }

  hears(nowMs: number, name: string | undefined): boolean {
    return name !== undefined && (this.peer(name)?.isAlive(nowMs) ?? false);
  }

  hearsAnybody(nowMs: number): boolean {
    for (const peer of this.peers) if (peer.isAlive(nowMs)) return true;
    return false;
  }

  /** The living peers that could take over with every connection, best first. */
  candidates(nowMs: number): readonly Peer[] {
    return this.#ranked(nowMs, (peer) => peer.isCandidate(nowMs));
  }

  /** The living peers that could be active, with whatever connections they have, best first. */
  able(nowMs: number): readonly Peer[] {
    return this.#ranked(nowMs, (peer) => peer.isAble(nowMs));
  }

  /** The living peers that are set aside, and would serve in need, best first. */
  fitInNeed(nowMs: number): readonly Peer[] {
    return this.#ranked(nowMs, (peer) => peer.isFitInNeed(nowMs));
  }

  /** The names of the living peers that somebody has set aside. */
  setAside(nowMs: number): readonly string[] {
    return this.peers.filter((peer) => peer.isSetAside(nowMs)).map(({ name }) => name);
  }

  #ranked(nowMs: number, isFit: (peer: Peer) => boolean): readonly Peer[] {
    return this.peers.filter(isFit).sort((a, b) => compareRank(b.rank(nowMs), a.rank(nowMs)));
  }

  /** Some other node shall take over before this one, whatever their ranks (docs/guide/failover.md, a node that is set aside). */
  goesFirst(nowMs: number, isResigning: boolean): boolean {
    const { maintenance, inReserve, tableComplete } = this.#health;
    if (inReserve) return this.peers.some((peer) => peer.isCandidate(nowMs));
    if (maintenance === null && tableComplete && !isResigning) return false;
    if (this.peers.some((peer) => peer.isCandidate(nowMs) || peer.isReserve(nowMs))) return true;
    return maintenance !== null && this.isAnybodyAble(nowMs);
  }

  /** Some other node said last that it wants the active to hand over. */
  get isWanted(): boolean {
    for (const peer of this.peers) if (peer.wantsToBeActive) return true;
    return false;
  }

  /** Some other node is there and could become active, with every connection or not. */
  isAnybodyAble(nowMs: number): boolean {
    for (const peer of this.peers) if (peer.isAble(nowMs)) return true;
    return false;
  }

  /** Somebody is active as well as this node, which ranks itself higher. @returns whether to tell of it */
  contested(nowMs: number, name: string): boolean {
    this.peer(name)?.contested(nowMs);
    return this.#conflicts.note(nowMs, name);
  }

  /**
   * Whether, after a resignation, somebody else is active already. A foreign router does not count where this node is the heir:
   * both were active before, too, and the same rules decide between them.
   */
  isTaken(nowMs: number, heir: PulseHeir): boolean {
    if (this.peers.some((peer) => peer.isActive(nowMs))) return true;
    return heir !== "recipient" && this.#foreign.isAnyoneSpeaking(nowMs);
  }

  /**
   * How long a standby that is not sure to be the next waits after a resignation. Towards a foreign router the Skew_Time is a part of the
   * interval that this one advertised (RFC 9568 6.1), as for all who wait for it with us.
   */
  skewAfterMs(nowMs: number, { intervalMs }: Pick<HeardResignation, "intervalMs">): number {
    if (intervalMs === undefined) return this.#skewMs(nowMs);
    return skewMs(this.#health.effectivePriority, this.#settings.skewOfMs ?? intervalMs);
  }

  /** No node that could serve has the connections, or ranks above this one. */
  isBestWithoutTables(nowMs: number): boolean {
    const own = this.#ownRank(this.#health.offeredPriority);
    return !this.peers.some((peer) => {
      if (peer.isCandidate(nowMs) || peer.isReserve(nowMs) || peer.isActive(nowMs)) return true;
      return peer.isAble(nowMs) && compareRank(peer.rank(nowMs), own) > 0;
    });
  }

  /** The node, or the address of the foreign router, that was active when heard last. */
  activeName(nowMs: number): string | undefined {
    const peer = this.peers.find((candidate) => candidate.isActive(nowMs));
    return peer?.name ?? this.foreignActive(nowMs)?.address;
  }

  foreignActive(nowMs: number): ForeignRouterView | undefined {
    return this.#foreign.active(nowMs);
  }

  #hearActive(nowMs: number, peer: Peer, priority: number): Heard {
    const rank = peer.rank(nowMs, priority);
    const cannotYield = peer.cannotYield(nowMs);
    const outranksUs = cannotYield || compareRank(rank, this.#ownRank(this.#health.effectivePriority)) > 0;
    const heard = this.#heardActive;
    heard.name = peer.name;
    heard.priority = priority;
    heard.outranksUs = outranksUs;
    heard.right = cannotYield ? "is active and does not hear this node on any path" : RANKS_HIGHER;
    heard.lacksOurTable = this.#health.tableComplete && rank.tableComplete === false;
    // Last of all: it asks for ranks as well.
    heard.deadMs = peer.activeUntilMs + this.#skewMs(nowMs, peer);
    return heard;
  }

  /**
   * How long this node lets others go first when a peer falls silent: one step for each better standby. Where the pulses
   * of a node do not arrive its rank is not known, and the skew of RFC 9568 6.1 keeps both apart.
   */
  #skewMs(nowMs: number, active?: Peer): number {
    const { pulseIntervalMs } = this.#settings;
    let better = 0;
    let isSure = true;
    for (const peer of this.peers) {
      if (peer === active) continue;
      if (!peer.isKnown(nowMs)) isSure = false;
      else if (this.#goesFirst(nowMs, peer)) better += 1;
    }
    const byRank = rankSkewMs(better, pulseIntervalMs);
    return isSure ? byRank : Math.max(byRank, skewMs(this.#health.effectivePriority, pulseIntervalMs));
  }

  /** With what each offers, as both know it: set aside, that is 0. Who lacks connections lets all go first that rank above it. */
  #goesFirst(nowMs: number, peer: Peer): boolean {
    const isRival = this.#health.tableComplete
      ? peer.isCandidate(nowMs) || peer.isReserve(nowMs)
      : peer.isAble(nowMs) || peer.isReserve(nowMs);
    if (!isRival) return false;
    return compareRank(peer.rank(nowMs), this.#ownRank(this.#health.offeredPriority)) > 0;
  }

  #hearForeign(
    nowMs: number,
    own: { readonly name: string; readonly addresses: readonly IpAddress[] },
    source: IpAddress,
    advertisement: VrrpAdvertisement,
  ): Heard {
    const { priority } = advertisement;
    const intervalMs = advertisement.intervalCs * 10;
    const name = `the VRRP router ${formatIp(source)}`;
    if (priority === 0) {
      this.#foreign.resigned(own.name, source);
      return { what: "resignation", name, isForeign: true, heir: "none", intervalMs };
    }
    const isKept = this.#foreign.heardActive({ nowMs, face: own.name, source, priority, intervalMs });
    if (!isKept) this.#count("foreignRouterOverflow");
    // RFC 9568 6.4.3: of equal priorities the higher primary address wins.
    const ownAddress = primaryAddress(own.addresses, source);
    const isTieLost = ownAddress === undefined || compareIp(source, ownAddress) > 0;
    const ownPriority = this.#health.effectivePriority;
    const outranksUs = priority > ownPriority || (priority === ownPriority && isTieLost);
    const deadMs = nowMs + activeDownMs(ownPriority, intervalMs, this.#settings.skewOfMs);
    const right = RANKS_HIGHER;
    return {
      ...({ what: "active", isForeign: true, lacksOurTable: false } as const),
      ...{ name, priority, deadMs, outranksUs, right },
    };
  }

  #ignore(counter: ElectionCounter): undefined {
    this.#count(counter);
    return undefined;
  }
}

function hearResignation(nowMs: number, peer: Peer): Heard {
  peer.resigned(nowMs);
  const { name } = peer;
  return { what: "resignation", name, isForeign: false, heir: peer.heir(nowMs), intervalMs: undefined };
}
