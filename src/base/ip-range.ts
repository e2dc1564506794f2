import {
  compareIp,
  formatIp,
  type IpAddress,
  type IpNetwork,
  networkBase,
  parseIp,
  parseNetwork,
} from "./ip.ts";

/** Addresses that follow one another, both ends included, of one family. */
export interface IpRange {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** Reads `192.0.2.1`, `192.0.2.10-192.0.2.20` or `192.0.2.0/24`; ends of two families or in the wrong order are undefined. */
export function parseIpRange(text: string): IpRange | undefined {
  if (text.includes("/")) {
    const network = parseNetwork(text);
    return network === undefined ? undefined : rangeOfNetwork(network);
  }
  const [firstText = "", lastText = firstText, ...rest] = text.split("-");
  const first = parseIp(firstText.trim());
  const last = parseIp(lastText.trim());
  if (first === undefined || last === undefined || rest.length > 0) return undefined;
  if (first.length !== last.length || numberOfIp(first) > numberOfIp(last)) return undefined;
  return { first, last };
}

/** `192.0.2.1`, or `192.0.2.10-192.0.2.20`. */
export function formatIpRange({ first, last }: IpRange): string {
  const [from, to] = [formatIp(first), formatIp(last)];
  return from === to ? from : `${from}-${to}`;
}

/** All addresses of a network, its first and last included: translation knows no broadcast address. */
export function rangeOfNetwork(network: IpNetwork): IpRange {
  const first = networkBase(network).address;
  const hosts = (1n << BigInt(8 * first.length - network.prefixLength)) - 1n;
  return { first, last: ipOfNumber(numberOfIp(first) + hosts, first.length) };
}

export function rangeContains({ first, last }: IpRange, address: IpAddress): boolean {
  if (address.length !== first.length) return false;
  const number = numberOfIp(address);
  return numberOfIp(first) <= number && number <= numberOfIp(last);
}

/** What two ranges share. */
export function rangeOverlap(a: IpRange, b: IpRange): IpRange | undefined {
  if (a.first.length !== b.first.length) return undefined;
  const first = numberOfIp(a.first) > numberOfIp(b.first) ? a.first : b.first;
  const last = numberOfIp(a.last) < numberOfIp(b.last) ? a.last : b.last;
  return numberOfIp(first) <= numberOfIp(last) ? { first, last } : undefined;
}

/**
 * Pairs of ranges that overlap, found in the order of their addresses: for each range one that begins before it, if there is any.
 * Ranges that `mayShare` says may overlap count as strangers.
 */
export function overlappingPairs<T>(
  items: readonly T[],
  rangeOf: (item: T) => IpRange,
  mayShare: (a: T, b: T) => boolean = () => false,
): (readonly [earlier: T, later: T])[] {
  const sorted = items
    .map((item, index) => ({ item, index, range: rangeOf(item) }))
    .map((one) => ({ ...one, low: numberOfIp(one.range.first), high: numberOfIp(one.range.last) }))
    .sort((a, b) => compareIp(a.range.first, b.range.first) || a.index - b.index);
  let open: typeof sorted = [];
  return sorted.flatMap((one): (readonly [T, T])[] => {
    open = open.filter(({ range, high }) => range.first.length === one.range.first.length && high >= one.low);
    const other = open.find(({ item }) => !mayShare(item, one.item));
    open.push(one);
    if (other === undefined) return [];
    return [other.index < one.index ? [other.item, one.item] : [one.item, other.item]];
  });
}

/** How many addresses it has; more than 2^53 of them are not counted exactly. */
export function rangeSize({ first, last }: IpRange): number {
  return Number(numberOfIp(last) - numberOfIp(first)) + 1;
}

/** The first address of a range that none of the others contains. */
export function firstOutside(range: IpRange, others: readonly IpRange[]): IpAddress | undefined {
  const end = numberOfIp(range.last);
  let next = numberOfIp(range.first);
  for (;;) {
    if (next > end) return undefined;
    const address = ipOfNumber(next, range.first.length);
    const around = others.find((other) => rangeContains(other, address));
    if (around === undefined) return address;
    next = numberOfIp(around.last) + 1n;
  }
}

/** The address so many places after another; the caller knows that there is one. */
export function ipAfter(address: IpAddress, places: number): IpAddress {
  return ipOfNumber(numberOfIp(address) + BigInt(places), address.length);
}

/** How many places an address is after another of its family. */
export function placesAfter(first: IpAddress, address: IpAddress): number {
  return Number(numberOfIp(address) - numberOfIp(first));
}

function numberOfIp(address: IpAddress): bigint {
  let number = 0n;
  for (const byte of address) number = (number << 8n) | BigInt(byte);
  return number;
}

function ipOfNumber(number: bigint, length: number): IpAddress {
  const address = new Uint8Array(length);
  let rest = number;
  for (let i = length - 1; i >= 0; i--) {
    address[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return address;
}
