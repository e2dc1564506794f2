import { equalIp, type IpAddress, isLinkLocal } from "../base/ip.ts";
import type { AddressState } from "../wire/route-message.ts";

/**
 * Which address the IPv6 advertisements of one interface come from (RFC 9568 5.1.2.1): a link-local one of the device, the same for
 * as long as the device has it. Other routers know a router by this address, and so it changes only when it must.
 *
 * Virtual addresses are on the device as well, and come and go with the role: they are no node's own. Those of all groups count,
 * since groups share interfaces.
 */
export class LinkLocalSource {
  readonly #virtual: readonly IpAddress[];
  #deviceIndex: number | undefined;
  /** In the order in which they are used: the first one is the source, the others stand ready. */
  #own: readonly IpAddress[] = [];

  /** @param virtual the virtual link-local addresses of all groups on this interface */
  constructor(virtual: readonly IpAddress[]) {
    this.#virtual = virtual;
  }

  /** Undefined while the device has no link-local address of its own. */
  get address(): IpAddress | undefined {
    return this.#own[0];
  }

  /** What was known of another device is forgotten. One that is away for a moment, and comes back as the same, has its addresses. */
  setDevice(deviceIndex: number): void {
    if (deviceIndex === this.#deviceIndex) return;
    this.#deviceIndex = deviceIndex;
    this.#own = [];
  }

  /** Takes the addresses that the namespace has now, and no others. @returns true when `address` is another one now */
  read(addresses: readonly AddressState[]): boolean {
    const before = this.address;
    const present = addresses.filter((one) => this.#isOwn(one)).map(({ address }) => address);
    const kept = this.#own.filter((one) => includesIp(present, one));
    // The kernel lists the newest first. The oldest is the one that it has made itself, which stays the longest.
    const others = present.filter((one) => !includesIp(kept, one)).reverse();
    this.#own = [...kept, ...others];
    return this.address !== before;
  }

  /** Takes an address that is new, or was renewed. @returns true when `address` is another one now */
  added(change: AddressState): boolean {
    if (!this.#isOwn(change) || includesIp(this.#own, change.address)) return false;
    this.#own = [...this.#own, change.address];
    return this.#own.length === 1;
  }

  /** @returns true when `address` is another one now */
  removed(change: AddressState): boolean {
    if (!this.#isOwn(change)) return false;
    const before = this.address;
    this.#own = this.#own.filter((one) => !equalIp(one, change.address));
    return this.address !== before;
  }

  #isOwn({ deviceIndex, address }: AddressState): boolean {
    if (deviceIndex !== this.#deviceIndex || address.length !== 16 || !isLinkLocal(address)) return false;
    return !includesIp(this.#virtual, address);
  }
}

/** A loop, because renewals of virtual addresses come several times a second. */
function includesIp(addresses: readonly IpAddress[], address: IpAddress): boolean {
  for (const one of addresses) if (equalIp(one, address)) return true;
  return false;
}
