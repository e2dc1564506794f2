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
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly socket: VrrpUnicastSocket;
}

/** The routers of one face that advertisements go to by their addresses instead of the multicast group. */
export class UnicastPeers {
  readonly #device: string;
  readonly #peers: readonly IpAddress[];
  #ways: readonly Way[] = [];

  constructor(device: string, peers: readonly string[]) {
    this.#device = device;
    this.#peers = peers.map(validIp);
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
        return { source, destination, socket };
      } catch (error) {
        // The device has gone; the kernel tells of it next. What cannot be sent is counted when it is due.
        if (!(error instanceof KernelError)) throw error;
        return [];
      }
    });
  }

  /** @returns whether it was sent to all peers of the family */
  send(family: IpFamily, version: VrrpVersion, advertisement: VrrpAdvertisement): boolean {
    const peers = this.#peers.filter((peer) => ipFamily(peer) === family);
    const sent = this.#ways.filter(({ source, destination, socket }) => {
      if (ipFamily(destination) !== family) return false;
      return socket.send(encodeAdvertisement({ advertisement, source, destination, version }));
    });
    return sent.length === peers.length && peers.length > 0;
  }

  close(): void {
    for (const { socket } of this.#ways) socket.close();
    this.#ways = [];
  }
}
