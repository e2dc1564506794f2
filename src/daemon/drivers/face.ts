import { equalIp, type IpAddress, type IpFamily, ipFamily, isLinkLocal, validIp } from "../../base/ip.ts";
import type { MacAddress } from "../../base/mac.ts";
import { LinkLocalSource } from "../../core/link-local-source.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import type { PacketSocket } from "../../linux/packet-socket.ts";
import { openVrrpSocket } from "../../linux/vrrp-socket.ts";
import { encodeGratuitousArp } from "../../wire/arp.ts";
import { encodeUnsolicitedNeighborAdvertisement } from "../../wire/ndp.ts";
import type { AddressState, LinkState } from "../../wire/route-message.ts";
import {
  encodeAdvertisementFrame,
  type VrrpAdvertisement,
  type VrrpVersion,
  virtualRouterMac,
} from "../../wire/vrrp.ts";
import type { FaceSettings } from "../node-settings.ts";
import { AnnouncementPacer } from "./announcement-pacer.ts";
import { UnicastPeers } from "./unicast-peers.ts";

interface VirtualAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** What a face must know of its group. */
export interface FaceRouter {
  readonly virtualRouterId: number;
  readonly intervalMs: number;
  /** What is spoken over IPv4. */
  readonly version: VrrpVersion;
  /** Whether frames come from the hardware address of the virtual router (RFC 9568 7.3). */
  readonly virtualMac: boolean;
  /** Announcements a second that one face sends at most; undefined: as many as there are at once. */
  readonly announceRate: number | undefined;
}

/** One interface of the group: its device as the kernel has it now, its sockets, and the frames it sends. */
export class Face {
  readonly name: string;
  readonly device: string;
  readonly virtualAddresses: readonly VirtualAddress[];
  readonly ownAddresses: readonly IpAddress[];
  readonly families: readonly IpFamily[];
  /** The routers that advertisements go to instead of the multicast group, if any. */
  readonly unicastPeers: UnicastPeers;
  readonly #router: FaceRouter;
  #link: LinkState | undefined;
  readonly #linkLocal: LinkLocalSource;
  readonly #sockets = new Map<IpFamily, PacketSocket>();
  /** By family and priority: nothing else in them changes. */
  readonly #advertisements = new Map<number, VrrpAdvertisement>();
  /** Encoded once; thrown away when the device or the source changes. */
  readonly #frames = new Map<number, Uint8Array>();
  #announcements = DatagramBatch.of([]);
  readonly #pacer: AnnouncementPacer;

  constructor(settings: FaceSettings, router: FaceRouter) {
    this.name = settings.name;
    this.device = settings.device;
    this.unicastPeers = new UnicastPeers(settings.device, settings.unicastPeers);
    this.#router = router;
    this.#linkLocal = new LinkLocalSource(settings.virtualLinkLocals.map(validIp));
    this.#pacer = new AnnouncementPacer(router.announceRate);
    this.ownAddresses = settings.addresses.map(validIp);
    this.virtualAddresses = settings.virtualAddresses.map(({ address, prefixLength }) => ({
      address: validIp(address),
      prefixLength,
    }));
    this.families = [...new Set(this.virtualAddresses.map(({ address }) => ipFamily(address)))];
  }

  get up(): boolean {
    return this.#link?.up ?? false;
  }

  get deviceIndex(): number | undefined {
    return this.#link?.index;
  }

  /** Sockets that receive advertisements, with their families. */
  get sockets(): ReadonlyMap<IpFamily, PacketSocket> {
    return this.#sockets;
  }

  /** Takes the device's present state. @returns true when sockets were opened or closed: poll a new set */
  setLink(link: LinkState | undefined): boolean {
    const before = this.#link;
    this.#link = link;
    if (link !== undefined) this.#linkLocal.setDevice(link.index);
    if (before?.index === link?.index && sameMac(before?.mac, link?.mac)) return false;
    this.#forgetFrames();
    this.#closeSockets();
    if (link === undefined) return true;
    try {
      const joins = !this.unicastPeers.inUse;
      for (const family of this.families)
        this.#sockets.set(family, openVrrpSocket(this.device, family, { joins }));
    } catch (error) {
      // The device has gone since the kernel told of it; that it has gone is the next thing it tells.
      if (!(error instanceof KernelError) || error.code !== "ENODEV") throw error;
      this.#closeSockets();
      this.#link = undefined;
    }
    if (this.#link !== undefined) this.unicastPeers.open(this.addresses);
    return true;
  }

  isVirtual(address: IpAddress): boolean {
    return this.virtualAddresses.some((virtual) => equalIp(virtual.address, address));
  }

  /** Takes all addresses in the namespace, to know this device's own link-local one. @returns as addressChanged */
  readAddresses(addresses: readonly AddressState[]): boolean {
    const changed = this.#linkLocal.read(addresses);
    if (changed) this.#sourceChanged();
    return changed;
  }

  /**
   * Takes a change of any address in the namespace.
   *
   * @returns true when `addresses` is another now
   */
  addressChanged(address: AddressState, removed: boolean): boolean {
    const changed = removed ? this.#linkLocal.removed(address) : this.#linkLocal.added(address);
    if (changed) this.#sourceChanged();
    return changed;
  }

  /** All addresses that this node's own advertisements come from: by them it knows those that come back to it. */
  get addresses(): readonly IpAddress[] {
    const { address } = this.#linkLocal;
    return address === undefined ? this.ownAddresses : [...this.ownAddresses, address];
  }

  /** @returns false when it could not be sent: no device, no source address, or the kernel refused */
  sendAdvertisement(family: IpFamily, priority: number): boolean {
    if (this.unicastPeers.inUse) {
      const version = this.#versionOf(family);
      return this.unicastPeers.send(family, version, this.#advertisement(family, priority));
    }
    const key = advertisementKey(family, priority);
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      frame = this.#encodeAdvertisement(family, priority);
      if (frame === undefined) return false;
      this.#frames.set(key, frame);
    }
    return this.#sockets.get(family)?.send(frame) ?? false;
  }

  /** Tells all hosts on the link where the virtual addresses are now: gratuitous ARP, unsolicited neighbour advertisements. */
  announce(nowMs: number): boolean {
    this.#pacer.start(nowMs, this.#announcements.slots);
    return this.#sockets.size > 0 && this.announceMore(nowMs);
  }

  /** When more of what was begun is to be announced; Infinity when nothing is. */
  get announceDueMs(): number {
    return this.#pacer.deadline;
  }

  /** @returns false when the kernel did not take what was due */
  announceMore(nowMs: number): boolean {
    const [from, to] = this.#pacer.take(nowMs);
    if (from === to) return true;
    const [socket] = this.#sockets.values();
    return socket?.sendBatch(this.#announcements, from, to) === to - from;
  }

  stopAnnouncing(): void {
    this.#pacer.stop();
  }

  /** The hardware address that the virtual addresses of a family have while this node is active. */
  macOf(family: IpFamily): MacAddress | undefined {
    if (this.#link === undefined || !this.#router.virtualMac) return this.#link?.mac;
    return virtualRouterMac(this.#router.virtualRouterId, family);
  }

  /** @returns false when there is no device, or the kernel refused */
  sendFrame(frame: Uint8Array): boolean {
    const [socket] = this.#sockets.values();
    return socket?.send(frame) ?? false;
  }

  close(): void {
    this.#closeSockets();
  }

  #encodeAdvertisement(family: IpFamily, priority: number): Uint8Array | undefined {
    const source = family === 4 ? this.ownAddresses.find((own) => own.length === 4) : this.#linkLocal.address;
    const sourceMac = this.macOf(family);
    if (sourceMac === undefined || source === undefined) return undefined;
    const advertisement = this.#advertisement(family, priority);
    return encodeAdvertisementFrame({ sourceMac, source, advertisement, version: this.#versionOf(family) });
  }

  #versionOf(family: IpFamily): VrrpVersion {
    return family === 4 ? this.#router.version : 3;
  }

  #advertisement(family: IpFamily, priority: number): VrrpAdvertisement {
    const key = advertisementKey(family, priority);
    let advertisement = this.#advertisements.get(key);
    if (advertisement === undefined) {
      advertisement = this.#makeAdvertisement(family, priority);
      this.#advertisements.set(key, advertisement);
    }
    return advertisement;
  }

  #makeAdvertisement(family: IpFamily, priority: number): VrrpAdvertisement {
    const addresses = this.virtualAddresses
      .map(({ address }) => address)
      .filter((one) => ipFamily(one) === family);
    // RFC 9568 5.2.9: a link-local address comes first.
    addresses.sort((a, b) => Number(isLinkLocal(b)) - Number(isLinkLocal(a)));
    const { virtualRouterId, intervalMs } = this.#router;
    return { virtualRouterId, priority, intervalCs: Math.max(1, Math.round(intervalMs / 10)), addresses };
  }

  #closeSockets(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    this.unicastPeers.close();
  }

  /** Announcements go on: they come from the virtual addresses themselves. */
  #sourceChanged(): void {
    this.#frames.clear();
    if (this.unicastPeers.inUse && this.#link !== undefined) this.unicastPeers.open(this.addresses);
  }

  #forgetFrames(): void {
    this.#frames.clear();
    this.#pacer.stop();
    // Not at a takeover: with many addresses that would take longer than sending them.
    const frames = this.virtualAddresses.flatMap(({ address }) => {
      const mac = this.macOf(ipFamily(address));
      return mac === undefined ? [] : encodeAnnouncement(mac, address);
    });
    this.#announcements = DatagramBatch.of(frames);
  }
}

function advertisementKey(family: IpFamily, priority: number): number {
  return 256 * family + priority;
}

function encodeAnnouncement(mac: MacAddress, address: IpAddress): Uint8Array {
  return ipFamily(address) === 4
    ? encodeGratuitousArp({ mac, address })
    : encodeUnsolicitedNeighborAdvertisement({ mac, address });
}

function sameMac(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
