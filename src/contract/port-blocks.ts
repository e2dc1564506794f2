import { formatIp, type IpAddress, type IpNetwork } from "../base/ip.ts";
import {
  compareIpRanges,
  type IpRange,
  ipInRange,
  placeInRange,
  rangeOfNetwork,
  rangeSize,
} from "../base/ip-range.ts";

/** The highest port there is. */
const PORT_MAX = 65_535;

export interface PortBlockSettings {
  readonly subscribers: readonly IpNetwork[];
  readonly pool: readonly IpRange[];
  readonly portsPerSubscriber: number;
  readonly firstPort: number;
}

/** The ports of one subscriber at one outside address. */
export interface PortBlock {
  readonly address: IpAddress;
  readonly firstPort: number;
  readonly lastPort: number;
}

/**
 * Deterministic address sharing (RFC 7422): which subscriber has which outside address and ports follows from the document alone,
 * in both directions, so that no log is needed to answer who it was.
 *
 * Subscribers, in the order of their addresses, get block after block of the first outside address, then of the next.
 * Networks and the pool's parts count in the order of their addresses too, whatever the order in the document.
 */
export class PortBlocks {
  readonly subscribers: number;
  readonly addresses: number;
  readonly blocksPerAddress: number;
  readonly #networks: readonly IpRange[];
  readonly #pool: readonly IpRange[];
  readonly #firstPort: number;
  readonly #size: number;

  /** The networks must not overlap each other, nor the parts of the pool. */
  constructor({ subscribers, pool, portsPerSubscriber, firstPort }: PortBlockSettings) {
    this.#networks = inOrder(subscribers.map(rangeOfNetwork));
    this.#pool = inOrder(pool);
    this.#firstPort = firstPort;
    this.#size = portsPerSubscriber;
    this.subscribers = total(this.#networks);
    this.addresses = total(this.#pool);
    this.blocksPerAddress = Math.floor((PORT_MAX + 1 - firstPort) / portsPerSubscriber);
  }

  /** So many addresses are needed for all subscribers; none are enough where a block does not fit. */
  get addressesNeeded(): number {
    return this.blocksPerAddress === 0
      ? Number.POSITIVE_INFINITY
      : Math.ceil(this.subscribers / this.blocksPerAddress);
  }

  get portsPerSubscriber(): number {
    return this.#size;
  }

  /** The last port of the last block of an address; those after it belong to nobody. */
  get lastPort(): number {
    return this.#firstPort + this.blocksPerAddress * this.#size - 1;
  }

  /** @returns undefined for who is no subscriber, or where the pool is too small for this one */
  blockOf(subscriber: IpAddress): PortBlock | undefined {
    const place = placeIn(this.#networks, subscriber);
    return place === undefined ? undefined : this.#blockAt(place);
  }

  /** Who has this port at this outside address; undefined where it belongs to nobody. */
  subscriberOf(address: IpAddress, port: number): IpAddress | undefined {
    const place = placeIn(this.#pool, address);
    if (place === undefined || port < this.#firstPort || port > this.lastPort) return undefined;
    const block = Math.floor((port - this.#firstPort) / this.#size);
    return addressAt(this.#networks, place * this.blocksPerAddress + block);
  }

  /** Every subscriber with its block, in order. */
  *entries(): Generator<{ readonly subscriber: IpAddress; readonly block: PortBlock }> {
    let place = 0;
    for (const range of this.#networks) {
      for (let offset = 0; offset < rangeSize(range); offset++) {
        const block = this.#blockAt(place++);
        if (block === undefined) return;
        yield { subscriber: ipInRange(range, offset), block };
      }
    }
  }

  #blockAt(place: number): PortBlock | undefined {
    if (this.blocksPerAddress === 0) return undefined;
    const address = addressAt(this.#pool, Math.floor(place / this.blocksPerAddress));
    if (address === undefined) return undefined;
    const firstPort = this.#firstPort + (place % this.blocksPerAddress) * this.#size;
    return { address, firstPort, lastPort: firstPort + this.#size - 1 };
  }
}

/** `65,536 subscribers, 16 to an address, blocks of 4,032 ports: 4,096 of 4,096 addresses`. */
export function portBlocksText(blocks: PortBlocks): string {
  const { subscribers, blocksPerAddress, portsPerSubscriber, addressesNeeded, addresses } = blocks;
  const people = `${grouped(subscribers)} subscriber${subscribers === 1 ? "" : "s"}`;
  return `${people}, ${grouped(blocksPerAddress)} to an address, blocks of ${grouped(portsPerSubscriber)} ports: ${grouped(addressesNeeded)} of ${grouped(addresses)} address${addresses === 1 ? "" : "es"}`;
}

/** `203.0.113.7 ports 1024-5055`. */
export function portBlockText({ address, firstPort, lastPort }: PortBlock): string {
  return `${formatIp(address)} ports ${firstPort}-${lastPort}`;
}

/** A number for people, its thousands apart, the same in every locale. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

function inOrder(ranges: readonly IpRange[]): readonly IpRange[] {
  return [...ranges].sort(compareIpRanges);
}

function total(ranges: readonly IpRange[]): number {
  return ranges.reduce((sum, range) => sum + rangeSize(range), 0);
}

function placeIn(ranges: readonly IpRange[], address: IpAddress): number | undefined {
  let before = 0;
  for (const range of ranges) {
    const place = placeInRange(range, address);
    if (place !== undefined) return before + place;
    before += rangeSize(range);
  }
  return undefined;
}

function addressAt(ranges: readonly IpRange[], place: number): IpAddress | undefined {
  let rest = place;
  for (const range of ranges) {
    const size = rangeSize(range);
    if (rest < size) return ipInRange(range, rest);
    rest -= size;
  }
  return undefined;
}
