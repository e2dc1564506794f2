import { DecodeError } from "../../base/decode-error.ts";
import { parseNetwork, validIp } from "../../base/ip.ts";
import type { GroupRole, PeerView } from "../../core/election/election-types.ts";
import { RouterAdvertiser } from "../../core/router-advertiser.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import type { PacketSocket } from "../../linux/packet-socket.ts";
import { openSolicitationSocket } from "../../linux/solicitation-socket.ts";
import {
  decodeRouterSolicitationFrame,
  encodeRouterAdvertisementFrame,
  isUnspecified,
  type RouterAdvertisement,
  type RouterSolicitation,
} from "../../wire/router-advertisement.ts";
import type { GroupSettings, RouterAdvertisementSettings } from "../node-settings.ts";
import type { Face } from "./face.ts";

/** Solicitations that are worked off before other sockets have their turn. */
const RECEIVE_BURST = 16;
/** RFC 8106 5.1: name servers live for three intervals at least. */
const DNS_INTERVALS_MIN = 3;

/** The IPv6 router that hosts on one face see: the same, whichever node is active. */
export class RouterAdvertisements {
  readonly face: Face;
  readonly #source: Uint8Array;
  readonly #advertisement: RouterAdvertisement;
  readonly #advertiser: RouterAdvertiser;
  readonly #count: (reason: string) => void;
  #socket: PacketSocket | undefined;

  constructor(face: Face, settings: RouterAdvertisementSettings, count: (reason: string) => void) {
    this.face = face;
    this.#source = validIp(settings.source);
    this.#advertisement = advertisementOf(settings);
    this.#advertiser = new RouterAdvertiser(settings.intervalMs);
    this.#count = count;
  }

  get deadline(): number {
    return this.#advertiser.deadline;
  }

  /** What solicitations come in on. */
  get socket(): PacketSocket | undefined {
    return this.#socket;
  }

  /** The face has another device, or none. */
  reopen(): void {
    this.close();
    if (this.face.deviceIndex === undefined) return;
    try {
      this.#socket = openSolicitationSocket(this.face.device);
    } catch (error) {
      // The device has gone since the kernel told of it; that it has gone is the next thing it tells.
      if (!(error instanceof KernelError) || error.code !== "ENODEV") throw error;
    }
  }

  /** The node is active now, or the link of the face has come up. */
  start(nowMs: number): void {
    this.#advertiser.start(nowMs);
  }

  /** Another node is active, and hosts keep their router: nothing is said. */
  stop(): void {
    this.#advertiser.stop();
  }

  get isActive(): boolean {
    return this.#advertiser.isActive;
  }

  /** The last node stops: there is no router here any more. */
  withdraw(): void {
    this.stop();
    this.#send({ ...this.#advertisement, lifetimeSeconds: 0 });
  }

  timeout(nowMs: number): void {
    if (this.#advertiser.timeout(nowMs)) this.#send(this.#advertisement);
  }

  /** @param mayAnswer false while the node does not know whether it is the only active one */
  receive(nowMs: number, into: Uint8Array, mayAnswer: boolean): void {
    for (let i = 0; i < RECEIVE_BURST; i++) {
      const length = this.#socket?.receive(into) ?? 0;
      if (length === 0) return;
      const solicitation = decodeRouterSolicitationFrame(into.subarray(0, length));
      if (solicitation instanceof DecodeError) this.#count(solicitation.reason);
      else if (mayAnswer) this.#answer(nowMs, solicitation);
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #answer(nowMs: number, { source, sourceMac }: RouterSolicitation): void {
    if (!this.#advertiser.solicited(nowMs, !isUnspecified(source))) return;
    this.#send(this.#advertisement, { mac: sourceMac, address: source });
  }

  #send(
    advertisement: RouterAdvertisement,
    to?: { readonly mac: Uint8Array; readonly address: Uint8Array },
  ): void {
    const mac = this.face.macOf(6);
    if (mac === undefined || !this.face.up) return;
    const options = { mac, source: this.#source, advertisement };
    const frame = encodeRouterAdvertisementFrame(to === undefined ? options : { ...options, to });
    if (!this.face.sendFrame(frame)) this.#count("router-advertisement-not-sent");
  }
}

function advertisementOf(settings: RouterAdvertisementSettings): RouterAdvertisement {
  const { prefixes, dnsServers, intervalMs, lifetimeSeconds, managed, otherConfiguration, mtu } = settings;
  return {
    lifetimeSeconds,
    managed,
    otherConfiguration,
    mtu,
    prefixes: prefixes.map(({ prefix, ...rest }) => {
      const network = parseNetwork(prefix);
      if (network === undefined) throw new Error(`a valid document has no prefix ${prefix}`);
      return { ...rest, network };
    }),
    dnsServers: dnsServers.map(validIp),
    dnsLifetimeSeconds: Math.max(lifetimeSeconds, (DNS_INTERVALS_MIN * intervalMs) / 1_000),
  };
}

/** The routers of a group: one on each face for which the document asks for advertisements. */
export function routersOf(
  group: GroupSettings,
  faces: readonly Face[],
  count: (reason: string) => void,
): RouterAdvertisements[] {
  return group.faces.flatMap(({ name, routerAdvertisement }) => {
    const face = faces.find((one) => one.name === name);
    if (face === undefined || routerAdvertisement === undefined) return [];
    return new RouterAdvertisements(face, routerAdvertisement, count);
  });
}

/** Hosts keep their router when another node becomes active; only the last node that stops takes it from them. */
export function tellHosts(
  routers: readonly RouterAdvertisements[],
  { from, to }: { readonly from: GroupRole; readonly to: GroupRole },
  peers: readonly PeerView[],
): void {
  const nowMs = performance.now();
  const hasHeir = peers.some(({ alive, role }) => alive && role !== "fault" && role !== "stopped");
  for (const router of routers) {
    if (to === "active") router.start(nowMs);
    else if (from === "active" && to === "stopped" && !hasHeir) router.withdraw();
    else router.stop();
  }
}
