import { DecodeError } from "../../base/decode-error.ts";
import { validIp } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import { Election, type ElectionEffect } from "../../core/election/election.ts";
import type { AddressState, LinkState } from "../../wire/route-message.ts";
import { decodeAdvertisementFrame } from "../../wire/vrrp.ts";
import type { GroupSettings, NodeSettings } from "../node-settings.ts";
import type { RoleMessage } from "../role-message.ts";
import type { GroupReport } from "../role-report.ts";
import type { BlockingChannel } from "./blocking-channel.ts";
import { Face } from "./face.ts";
import type { PulsePaths } from "./pulse-paths.ts";
import type { ReceivedPulse } from "./pulse-socket.ts";
import { RENEW_MS, VirtualAddresses } from "./virtual-addresses.ts";

/** Packets of one socket that are worked off before the others have their turn. */
const RECEIVE_BURST = 64;
const FRAME_BYTES = 2_048;
const NEVER = Number.POSITIVE_INFINITY;

export interface GroupFailoverOptions {
  readonly settings: NodeSettings;
  readonly group: GroupSettings;
  readonly channel: BlockingChannel;
  readonly pulses: PulsePaths;
}

/**
 * One failover group in the loop of the failover role: its election with the faces and addresses that this is about. Groups share
 * the loop, the pulse socket and the kernel's network events, and know nothing of each other.
 */
export class GroupFailover {
  readonly name: string;
  readonly #settings: NodeSettings;
  readonly #channel: BlockingChannel;
  readonly #pulses: PulsePaths;
  readonly #faces: readonly Face[];
  readonly #addresses: VirtualAddresses;
  readonly #election: Election;
  /** Router numbers of the other groups: their advertisements come in on the same devices. */
  readonly #otherRouterIds: ReadonlySet<number>;
  readonly #frame = new Uint8Array(FRAME_BYTES);
  readonly #counters: Record<string, number> = {};
  #renewDueMs = NEVER;
  #toldActive = false;
  #toldStanding: string | undefined;
  /** The kernel has dropped virtual addresses that this node holds. */
  #addressesLost = false;
  #watermark = 0n;
  #finished = false;

  constructor({ settings, group, channel, pulses }: GroupFailoverOptions) {
    this.name = group.name;
    this.#settings = settings;
    this.#channel = channel;
    this.#pulses = pulses;
    this.#faces = group.faces.map((face) => new Face(face, group));
    this.#addresses = new VirtualAddresses(group);
    const others = settings.groups.filter(({ name }) => name !== group.name);
    this.#otherRouterIds = new Set(
      others.map(({ virtualRouterId }) => virtualRouterId).filter((id) => id !== group.virtualRouterId),
    );
    const { virtualRouterId, priority, intervalMs, pulseIntervalMs, preempt } = group;
    this.#election = new Election(
      {
        node: settings.node,
        group: group.name,
        virtualRouterId,
        priority,
        intervalMs,
        pulseIntervalMs,
        preempt,
        faces: this.#faces.map((face) => ({
          name: face.name,
          families: face.families,
          addresses: face.ownAddresses,
        })),
        peers: settings.peers.map((peer) => ({ name: peer.name, addresses: peer.addresses.map(validIp) })),
        paths: settings.pulsePaths
          .filter(({ groups }) => groups.includes(group.name))
          .map(({ name }) => name),
        revision: settings.revision,
      },
      performance.now(),
    );
  }

  /** When something is due; Infinity when nothing is. */
  get deadline(): number {
    return Math.min(this.#election.deadline, this.#renewDueMs);
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
    return this.#faces.flatMap((face) =>
      [...face.sockets.values()].map((socket) => ({
        fd: socket.fd,
        receive: () => this.#receiveFrames(face, (into) => socket.receive(into)),
      })),
    );
  }

  /** Whatever an earlier life of this node left: an address that nobody defends must not stay. */
  removeLeftovers(): void {
    this.#addresses.remove();
  }

  receivePulse({ path, pulse, isOvertaken }: ReceivedPulse): void {
    const now = performance.now();
    if (isOvertaken) this.#perform(this.#election.receiveOvertaken(now, path, pulse.sender));
    else this.#perform(this.#election.receivePulse(now, path, pulse));
  }

  /** What is due by now; to be called when everything that has arrived was taken in. */
  timeout(): void {
    const now = performance.now();
    if (now >= this.#election.deadline) this.#perform(this.#election.timeout(now));
    if (now >= this.#renewDueMs) this.#renew(now);
  }

  /** Takes the state of all links and addresses, at start and when the kernel had to drop events. @returns as linkChanged */
  readNetwork(links: readonly LinkState[], addresses: readonly AddressState[]): boolean {
    let changed = false;
    for (const face of this.#faces) {
      const link = links.find(({ name }) => name === face.device);
      if (this.#setLink(face, link)) changed = true;
      for (const address of addresses) if (face.addressChanged(address, false)) this.#tellFace(face);
    }
    return changed;
  }

  /** @returns true when sockets were opened or closed: poll a new set */
  linkChanged(link: LinkState, removed: boolean): boolean {
    const face = this.#faces.find(({ device }) => device === link.name);
    return face !== undefined && this.#setLink(face, removed ? undefined : link);
  }

  addressChanged(address: AddressState, removed: boolean): void {
    for (const face of this.#faces) {
      if (face.addressChanged(address, removed)) this.#tellFace(face);
      // A renewal that came too late, or somebody else's hand: an active node must have its addresses.
      if (removed && face.isVirtual(address.address)) this.loseAddresses();
    }
  }

  /** They are added again in renew(): as soon as it is known that no other node is active. */
  loseAddresses(): void {
    if (!this.#holds) return;
    this.#addressesLost = true;
    this.#renewDueMs = performance.now();
  }

  gatewayReady(): void {
    this.#perform(this.#election.readinessChanged(performance.now(), { gatewayReady: true }));
  }

  tableChanged({ watermark, complete }: RoleMessage & { kind: "table" }): void {
    this.#watermark = BigInt(watermark);
    this.#perform(this.#election.readinessChanged(performance.now(), { tableComplete: complete }));
  }

  /** The arbiter's word. */
  arbitrated(lostTo: string | undefined): void {
    this.#perform(this.#election.arbitrated(performance.now(), lostTo));
  }

  /** Tells the control role what the group's arbitration goes by, if that has changed. */
  tellStanding(): void {
    const standing = this.#election.standing;
    const text = JSON.stringify(standing);
    if (text === this.#toldStanding) return;
    this.#toldStanding = text;
    this.#channel.send("control", { kind: "standing", group: this.name, standing });
  }

  /** The control role has started again. */
  forgetStanding(): void {
    this.#toldStanding = undefined;
  }

  drained(token: number, complete: boolean): void {
    this.#perform(this.#election.drained(performance.now(), token, complete));
  }

  /** @returns why it will not happen, or nothing when it has begun */
  switchover(reason: string): Problem | undefined {
    const answer = this.#election.requestSwitchover(performance.now(), reason);
    if ("code" in answer) return answer;
    this.#perform(answer);
    return undefined;
  }

  stop(): void {
    this.#perform(this.#election.stop(performance.now()));
  }

  close(): void {
    for (const face of this.#faces) face.close();
  }

  report(): GroupReport {
    return {
      name: this.name,
      view: this.#view(),
      addresses: this.#holds ? this.#addresses.list() : [],
      faces: this.#faces.map(({ name, device, up }) => ({ name, device, up })),
      counters: { ...this.#counters },
    };
  }

  #receiveFrames(face: Face, receive: (into: Uint8Array) => number): void {
    for (let i = 0; i < RECEIVE_BURST; i++) {
      const length = receive(this.#frame);
      if (length === 0) return;
      const packet = decodeAdvertisementFrame(this.#frame.subarray(0, length));
      if (packet instanceof DecodeError) {
        this.#count(packet.reason);
        continue;
      }
      const { source, advertisement } = packet;
      if (this.#otherRouterIds.has(advertisement.virtualRouterId)) continue;
      this.#perform(this.#election.receiveAdvertisement(performance.now(), face.name, source, advertisement));
    }
  }

  #setLink(face: Face, link: LinkState | undefined): boolean {
    const before = face.up;
    const changed = face.setLink(link);
    if (face.up !== before) this.#tellFace(face);
    return changed;
  }

  #tellFace({ name, up, addresses }: Face): void {
    this.#perform(this.#election.faceChanged(performance.now(), name, up, addresses));
  }

  #perform(effects: readonly ElectionEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: ElectionEffect): void {
    const { name: group } = this;
    switch (effect.do) {
      case "send-advertisement": {
        const face = this.#faces.find(({ name }) => name === effect.face);
        if (face?.sendAdvertisement(effect.family, effect.priority) !== true)
          this.#count("advertisement-not-sent");
        break;
      }
      case "send-pulses": {
        const { revision } = this.#settings;
        const content = { ...this.#election.pulse(), watermark: this.#watermark, revision };
        this.#pulses.sendToAll(group, content, (peer) => this.#election.heardPaths(peer));
        break;
      }
      case "add-addresses":
        this.#logRefusals("add virtual address", this.#addresses.add());
        this.#renewDueMs = performance.now() + RENEW_MS;
        break;
      case "remove-addresses":
        this.#renewDueMs = NEVER;
        this.#addressesLost = false;
        this.#logRefusals("remove virtual address", this.#addresses.remove());
        this.#channel.send("supervisor", { kind: "released", group });
        break;
      case "announce":
        for (const face of this.#faces) if (face.up && !face.announce()) this.#count("announcement-not-sent");
        break;
      case "drain":
        this.#channel.send("replicator", {
          ...({ kind: "drain", group } as const),
          token: effect.token,
          limitMs: effect.limitMs,
        });
        break;
      case "transition":
        this.#tellActive(effect.to === "active");
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

  #tellActive(active: boolean): void {
    if (active === this.#toldActive) return;
    this.#toldActive = active;
    for (const role of ["replicator", "control"] as const)
      this.#channel.send(role, { kind: "active", group: this.name, active });
  }

  get #holds(): boolean {
    return this.#renewDueMs !== NEVER;
  }

  /** Woken late, another node may be active by now: the addresses are renewed only when that is known. */
  #renew(now: number): void {
    this.#renewDueMs = now + RENEW_MS;
    if (this.#election.view.listening) return;
    if (this.#addressesLost) {
      this.#addressesLost = false;
      this.#count("addresses-restored");
      this.#logRefusals("add virtual address", this.#addresses.add());
    }
    this.#channel.send("supervisor", { kind: "holding", group: this.name });
  }

  #logRefusals(operation: string, refusals: readonly string[]): void {
    for (const refusal of refusals) this.#log("error", `${operation} ${refusal}`);
  }

  /** With one group its name says nothing. */
  #log(level: "error" | "warning" | "info", text: string): void {
    this.#channel.log(level, this.#settings.groups.length === 1 ? text : `${this.name}: ${text}`);
  }

  /** Numbers of 64 bits do not fit into JSON. */
  #view(): GroupReport["view"] {
    const view = this.#election.view;
    return { ...view, peers: view.peers.map((peer) => ({ ...peer, watermark: Number(peer.watermark) })) };
  }

  #count(reason: string): void {
    this.#counters[reason] = (this.#counters[reason] ?? 0) + 1;
  }
}
