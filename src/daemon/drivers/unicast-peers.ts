import {
  equalIp,
  formatIp,
  type IpAddress,
  type IpFamily,
  ipFamily,
  isLinkLocal,
  validIp,
} from "../../base/ip.ts";
import { KernelError } from "../../linux/kernel-error.ts";
import { VrrpUnicastSocket } from "../../linux/vrrp-unicast-socket.ts";
import { encodeAdvertisement, type VrrpAdvertisement, type VrrpVersion } from "../../wire/vrrp.ts";

interface Way {
  readonly family: IpFamily;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly socket: VrrpUnicastSocket;
  /** What was said last, and its bytes: an active says the same at every interval. */
  said: VrrpAdvertisement | undefined;
  message: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** The routers of one face that advertisements go to by their addresses instead of the multicast group. */
export class UnicastPeers {
  readonly #device: string;
  readonly #peers: readonly IpAddress[];
  /** How many of them there are of each family. */
  readonly #counts: Readonly<Record<IpFamily, number>>;
  #ways: readonly Way[] = [];

  constructor(device: string, peers: readonly string[]) {
    this.#device = device;
    this.#peers = peers.map(validIp);
    const v4 = this.#peers.filter((peer) => ipFamily(peer) === 4).length;
    this.#counts = { 4: v4, 6: this.#peers.length - v4 };
  }

  /** Whether there are any: otherwise the multicast group is used. */
  get inUse(): boolean {
    return this.#peers.length > 0;
  }

  /** With unicast peers only they and the nodes of the document are heard. */
  hears(source: IpAddress, nodes: readonly { readonly addresses: readonly string[] }[]): boolean {
    if (!this.inUse || this.#peers.some((peer) => equalIp(peer, source))) return true;
    return nodes.some(({ addresses }) => addresses.includes(formatIp(source)));
  }

  /** Opens the sockets anew: the device, or its addresses, are others now. */
  open(ownAddresses: readonly IpAddress[]): void {
    this.close();
    this.#ways = this.#peers.flatMap((destination) => {
      // From an address of the same reach: a link-local source says nothing to a router that looks for a listed one.
      const source = ownAddresses.find(
        (own) => own.length === destination.length && isLinkLocal(own) === isLinkLocal(destination),
      );
      if (source === undefined) return [];
      try {
        const socket = new VrrpUnicastSocket({ device: this.#device, source, destination });
        const family = ipFamily(destination);
        return { family, source, destination, socket, said: undefined, message: NOTHING };
      } catch (error) {
        // The device has gone; the kernel tells of it next. What cannot be sent is counted when it is due.
        if (!(error instanceof KernelError)) throw error;
        return [];
      }
    });
  }

  /**
   * @param advertisement of which no field changes any more: it is encoded once for each way
   * @returns whether it was sent to all peers of the family
   */
  send(family: IpFamily, version: VrrpVersion, advertisement: VrrpAdvertisement): boolean {
    let sent = 0;
    for (const way of this.#ways) {
      if (way.family !== family) continue;
      if (way.said !== advertisement) {
        const { source, destination } = way;
        way.message = encodeAdvertisement({ advertisement, source, destination, version });
        way.said = advertisement;
      }
      if (way.socket.send(way.message)) sent += 1;
    }
    return sent === this.#counts[family] && sent > 0;
  }

  close(): void {
    for (const { socket } of this.#ways) socket.close();
    this.#ways = [];
  }
}
