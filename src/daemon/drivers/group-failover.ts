import type { Problem } from "../../base/problem.ts";
import type { Standing } from "../../core/arbiter/arbitration.ts";
import { Election } from "../../core/election/election.ts";
import type { ElectionEffect } from "../../core/election/election-types.ts";
import type { Readiness } from "../../core/election/health.ts";
import type { Pulse, PulseContent } from "../../wire/pulse.ts";
import type { AddressState, LinkState } from "../../wire/route-message.ts";
import type { GroupSettings, NodeSettings } from "../node-settings.ts";
import type { RoleMessage, Transition } from "../role-message.ts";
import type { GroupReport } from "../role-report.ts";
import type { AddressOrders } from "./address-orders.ts";
import type { BlockingChannel } from "./blocking-channel.ts";
import { electionSettings } from "./election-settings.ts";
import { Face } from "./face.ts";
import { ForeseenTakeover } from "./foreseen-takeover.ts";
import { HeardAdvertisements } from "./heard-advertisements.ts";
import { HeldAddresses } from "./held-addresses.ts";
import type { PulsePaths } from "./pulse-paths.ts";
import { type RouterAdvertisements, routersOf, tellHosts } from "./router-advertisements.ts";
import { TransitionLog } from "./transition-log.ts";
import { listAddresses } from "./virtual-addresses.ts";
import { VirtualMac } from "./virtual-mac.ts";

/** Packets of one socket that are worked off before the others have their turn. */
const RECEIVE_BURST = 64;
const FRAME_BYTES = 2_048;

export interface GroupFailoverOptions {
  readonly settings: NodeSettings;
  readonly group: GroupSettings;
  /** Its place among the groups. */
  readonly place: number;
  readonly channel: BlockingChannel;
  readonly pulses: PulsePaths;
  readonly orders: AddressOrders;
  /** What the kernel has of its virtual addresses (VirtualAddresses). */
  readonly presence: Uint8Array;
}

/**
 * One failover group in the loop of the failover role: its election with the faces and addresses that this is about. Groups share
 * the loop, the pulse socket and the kernel's network events, and know nothing of each other.
 */
export class GroupFailover {
  readonly name: string;
  readonly foreseen: ForeseenTakeover;
  readonly #settings: NodeSettings;
  readonly #channel: BlockingChannel;
  readonly #pulses: PulsePaths;
  readonly #faces: readonly Face[];
  readonly #group: GroupSettings;
  readonly #virtualMac: VirtualMac;
  /** Of the faces for which the document asks for them. */
  readonly #routers: readonly RouterAdvertisements[];
  readonly #addresses: HeldAddresses;
  readonly #election: Election;
  readonly #transitions: TransitionLog;
  readonly #frame = Buffer.alloc(FRAME_BYTES);
  readonly #heard: HeardAdvertisements;
  readonly #counters: Record<string, number> = {};
  /** What the last pulse said. */
  readonly #said: { -readonly [K in keyof PulseContent]: PulseContent[K] };
  #toldActive = false;
  #toldStanding: Standing | undefined;
  #finished = false;

  constructor({ settings, group, place, channel, pulses, orders, presence }: GroupFailoverOptions) {
    this.name = group.name;
    this.#settings = settings;
    this.#channel = channel;
    this.#pulses = pulses;
    this.#faces = group.faces.map((face) => new Face(face, group));
    this.#group = group;
    this.#virtualMac = new VirtualMac(group);
    this.#routers = routersOf(group, this.#faces, (reason) => this.#count(reason));
    this.#addresses = new HeldAddresses({
      ...{ orders, group: place, presence },
      count: (event) => this.#count(event),
    });
    this.#heard = new HeardAdvertisements(settings, group, (reason) => this.#count(reason));
    this.#transitions = new TransitionLog(group.name);
    this.#election = new Election(electionSettings(settings, group, this.#faces, pulses), performance.now());
    this.foreseen = new ForeseenTakeover({
      ...{ election: this.#election, addresses: this.#addresses, pulseIntervalMs: group.pulseIntervalMs },
      count: (event) => this.#count(event),
    });
    this.#said = { ...this.#election.pulse(), watermark: 0, revision: "" };
  }

  /** When something is due; Infinity when nothing is. */
  get deadline(): number {
    let deadline = Math.min(this.#election.deadline, this.#addresses.dueMs, this.foreseen.dueMs);
    for (const router of this.#routers) deadline = Math.min(deadline, router.deadline);
    if (!this.#election.isListening)
      for (const face of this.#faces) deadline = Math.min(deadline, face.announceDueMs);
    return deadline;
  }

  get isActive(): boolean {
    return this.#toldActive;
  }

  /** It was stopped, and the others know. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Sockets that advertisements come in on; what they receive goes to receiveFrames(). */
  get sockets(): readonly { readonly fd: number; readonly receive: () => void }[] {
    const advertisements = this.#faces.flatMap((face) =>
      [...face.sockets.values()].map((socket) => ({
        fd: socket.fd,
        receive: () => this.#receiveFrames(face, (into) => socket.receive(into)),
      })),
    );
    const solicitations = this.#routers.flatMap((router) => {
      if (router.socket === undefined) return [];
      const receive = () => router.receive(performance.now(), this.#frame, !this.#election.isListening);
      return { fd: router.socket.fd, receive };
    });
    return [...advertisements, ...solicitations];
  }

  /** Whatever an earlier life of this node left: an address that nobody defends must not stay. */
  removeLeftovers(): void {
    this.#addresses.remove();
    this.#virtualMac.remove();
  }

  waitForRemoval(limitMs: number): void {
    this.#addresses.wait(limitMs);
  }

  receivePulse(path: string, pulse: Pulse, isOvertaken: boolean): void {
    const now = performance.now();
    if (isOvertaken) this.#perform(this.#election.receiveOvertaken(now, path, pulse.sender));
    else this.#perform(this.#election.receivePulse(now, path, pulse));
  }

  /** The loop itself has waited for so long before this turn. */
  readonly excuse = (waitedMs: number) => this.#election.excuse(waitedMs);

  /** What is due at this time; to be called when everything that had arrived by then was taken in. */
  timeout(now: number): void {
    const dueMs = this.#election.deadline;
    if (now >= dueMs) this.#perform(this.#election.timeout(now), dueMs);
    // Woken late, another node may be active by now: the addresses are renewed only when that is known.
    if (now >= this.#addresses.dueMs) {
      const come = this.#addresses.check(now, !this.#election.isListening);
      if (come !== undefined) this.#announce(now);
      if (come === "late") this.#tellTransitions([this.#transitions.lateAddresses(now)]);
    }
    if (!this.#election.isListening)
      for (const face of this.#faces)
        if (now >= face.announceDueMs && !face.announceMore(now)) this.#count("announcement-not-sent");
    for (const router of this.#routers) if (now >= router.deadline) this.#advertiseRouter(now, router);
  }

  /** Takes the state of all links and addresses, at start and when the kernel had to drop events. @returns as linkChanged */
  readNetwork(links: readonly LinkState[], addresses: readonly AddressState[]): boolean {
    let changed = false;
    for (const face of this.#faces) {
      const link = links.find(({ name }) => name === face.device);
      if (this.#setLink(face, link)) changed = true;
      if (face.readAddresses(addresses)) this.#tellFace(face);
    }
    return changed;
  }

  /** @returns true when sockets were opened or closed: poll a new set */
  linkChanged(link: LinkState, removed: boolean): boolean {
    const face = this.#faces.find(({ device }) => device === link.name);
    if (face !== undefined) return this.#setLink(face, removed ? undefined : link);
    return removed && this.#remakeVirtualMac(link.name);
  }

  addressChanged(address: AddressState, removed: boolean): void {
    for (const face of this.#faces) {
      if (face.addressChanged(address, removed)) this.#tellFace(face);
      if (removed && face.isVirtual(address.address)) this.#addresses.lose(performance.now());
    }
  }

  /** The kernel may have dropped any of them without a word. */
  loseAddresses(): void {
    this.#addresses.lose(performance.now());
  }

  /** The rules are in place; what the control role has found out, or somebody has asked for. */
  readinessChanged(readiness: Readiness): void {
    this.#perform(this.#election.readinessChanged(performance.now(), readiness));
  }

  tableChanged({ watermark, complete }: RoleMessage & { kind: "table" }): void {
    this.#said.watermark = watermark;
    this.#perform(this.#election.readinessChanged(performance.now(), { tableComplete: complete }));
  }

  /** The arbiter's word. */
  arbitrated(lostTo: string | undefined): void {
    this.#perform(this.#election.arbitrated(performance.now(), lostTo));
  }

  /** Tells the control role what the group's arbitration goes by, if that has changed. */
  tellStanding(): void {
    const { standing } = this.#election;
    if (standing === this.#toldStanding) return;
    this.#toldStanding = standing;
    this.#channel.send("control", { kind: "standing", group: this.name, standing });
  }

  /** The control role has started again. */
  forgetStanding(): void {
    this.#toldStanding = undefined;
  }

  drained(token: number, complete: boolean): void {
    this.#transitions.drained();
    this.#perform(this.#election.drained(performance.now(), token, complete));
  }

  /** @returns why it will not happen, or nothing when it has begun */
  switchover(reason: string, to: string | undefined): Problem | undefined {
    const answer = this.#election.requestSwitchover(performance.now(), reason, to);
    if ("code" in answer) return answer;
    this.#perform(answer);
    return undefined;
  }

  stop(): void {
    this.#perform(this.#election.stop(performance.now()));
  }

  close(): void {
    for (const face of this.#faces) face.close();
    for (const router of this.#routers) router.close();
    this.#virtualMac.remove();
  }

  /** For the history: what this life of the node begins with. */
  tellStart(): void {
    this.#tellTransitions([this.#transitions.start(this.#election.view)]);
  }

  /** Tells the history of a change of role. To be called when every group has done what was due. */
  tellTransition(): void {
    if (!this.#transitions.hasChanges) return;
    this.#tellTransitions(this.#transitions.take(this.#election.view));
  }

  repeatTransitions(): void {
    this.#tellTransitions(this.#transitions.kept);
  }

  #tellTransitions(transitions: readonly (Transition | undefined)[]): void {
    for (const transition of transitions)
      if (transition !== undefined) this.#channel.send("control", { kind: "transition", transition });
  }

  report(): GroupReport {
    return {
      name: this.name,
      view: this.#election.view,
      ...this.#addresses.list(listAddresses(this.#group)),
      faces: this.#faces.map(({ name, device, up }) => ({ name, device, up })),
      counters: { ...this.#counters },
    };
  }

  #receiveFrames(face: Face, receive: (into: Uint8Array) => number): void {
    for (let i = 0; i < RECEIVE_BURST; i++) {
      const length = receive(this.#frame);
      if (length === 0) return;
      const heard = this.#heard.read(face, this.#frame, length);
      if (heard === undefined) continue;
      const { source, advertisement } = heard;
      this.#perform(this.#election.receiveAdvertisement(performance.now(), face.name, source, advertisement));
    }
  }

  #makeVirtualMac(face: Face): void {
    for (const refusal of this.#virtualMac.make(face))
      this.#log("error", `virtual hardware address ${refusal}`);
  }

  /** A device of one of them has gone: somebody has removed it. @returns as linkChanged */
  #remakeVirtualMac(device: string): boolean {
    const face = this.#faces.find((one) => this.#virtualMac.belongsTo(one, device));
    if (face === undefined) return false;
    this.#makeVirtualMac(face);
    if (face.up) return false;
    this.#tellFace(face);
    return true;
  }

  #setLink(face: Face, link: LinkState | undefined): boolean {
    const before = face.up;
    const changed = face.setLink(link);
    const router = this.#routers.find((one) => one.face === face);
    // Also above the device of before: that they were removed is not told where the kernel drops events.
    this.#makeVirtualMac(face);
    if (changed) router?.reopen();
    // A device that was made anew has none of the addresses of the one before.
    if (changed && link !== undefined) this.#addresses.lose(performance.now());
    if (face.up !== before) {
      this.#tellFace(face);
      if (face.up && router?.isActive === true) router.start(performance.now());
    }
    return changed || face.deviceIndex !== link?.index;
  }

  #tellFace({ name, up, addresses }: Face): void {
    this.#perform(this.#election.faceChanged(performance.now(), name, up, addresses));
  }

  /** @param dueMs the deadline that they follow, if one did */
  #perform(effects: readonly ElectionEffect[], dueMs?: number): void {
    if (effects.length > 0) this.#transitions.decided(dueMs);
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: ElectionEffect): void {
    switch (effect.do) {
      case "send-advertisement": {
        for (const face of this.#faces)
          if (face.name === effect.face && !face.sendAdvertisement(effect.family, effect.priority))
            this.#count("advertisement-not-sent");
        this.#transitions.done("advertised");
        break;
      }
      case "send-pulses": {
        Object.assign(this.#said, this.#election.pulse());
        this.#said.revision = this.#pulses.revision;
        this.#pulses.sendToAll(this.name, this.#said, this.#election.addressing);
        this.#transitions.done("pulsed");
        break;
      }
      case "add-addresses":
        this.#addresses.add();
        break;
      case "remove-addresses":
        for (const face of this.#faces) face.stopAnnouncing();
        if (this.#addresses.remove()) this.#transitions.done("removed");
        break;
      case "announce":
        if (this.#addresses.settle()) this.#transitions.done("addresses");
        this.#announce(performance.now());
        this.#transitions.done("announced");
        break;
      case "drain": {
        const { token, limitMs } = effect;
        this.#transitions.drainAsked();
        this.#channel.send("replicator", { kind: "drain", group: this.name, token, limitMs });
        break;
      }
      case "transition":
        this.#tellActive(effect.to === "active");
        this.#transitions.done("told");
        this.#transitions.changed(effect);
        tellHosts(this.#routers, effect, this.#election.view.peers);
        this.#log("info", `${effect.from} -> ${effect.to}: ${effect.cause}`);
        break;
      case "handover-refused":
        this.#log("warning", `stays active: ${effect.problem.message}`);
        break;
      case "conflict":
        this.#log("warning", `${effect.with} is active as well and ranks lower: this node stays active`);
        break;
      case "finished":
        this.#finished = true;
        break;
    }
  }

  #advertiseRouter(now: number, router: RouterAdvertisements): void {
    // Whoever was woken late does not know whether it is still the router.
    if (this.#election.isListening) router.start(now + this.#group.intervalMs);
    else router.timeout(now);
  }

  #tellActive(active: boolean): void {
    if (active === this.#toldActive) return;
    this.#toldActive = active;
    for (const role of ["replicator", "control"] as const)
      this.#channel.send(role, { kind: "active", group: this.name, active });
  }

  #announce(now: number): void {
    for (const face of this.#faces) if (face.up && !face.announce(now)) this.#count("announcement-not-sent");
  }

  /** With one group its name says nothing. */
  #log(level: "error" | "warning" | "info", text: string): void {
    this.#channel.log(level, this.#settings.groups.length === 1 ? text : `${this.name}: ${text}`);
  }

  #count(reason: string): void {
    this.#counters[reason] = (this.#counters[reason] ?? 0) + 1;
  }
}
