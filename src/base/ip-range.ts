import {
  formatIp,
  type IpAddress,
  type IpFamily,
  type IpNetwork,
  ipFamily,
  parseIp,
  parseNetwork,
} from "./ip.ts";

/** Addresses that follow one another, both ends included, of one family, as numbers. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Reads `192.0.2.1`, `192.0.2.0/24` (host bits may be set) or `192.0.2.10-192.0.2.20`; ends of two families or in the wrong
 * order are undefined.
 */
export function parseIpRange(text: string): IpRange | undefined {
  const [from = "", to, ...rest] = text.split("-");
  if (rest.length > 0) return undefined;
  if (to === undefined) {
    const network = parseNetwork(text);
    return network === undefined ? undefined : rangeOfNetwork(network);
  }
  const [first, last] = [parseIp(from.trim()), parseIp(to.trim())];
  if (first === undefined || last === undefined || first.length !== last.length) return undefined;
  const range = { family: ipFamily(first), first: ipNumber(first), last: ipNumber(last) };
  return range.first <= range.last ? range : undefined;
}

/** All addresses of a network, its first and last included. */
export function rangeOfNetwork({ address, prefixLength }: IpNetwork): IpRange {
  const hostBits = BigInt(address.length * 8 - prefixLength);
  const first = (ipNumber(address) >> hostBits) << hostBits;
  return { family: ipFamily(address), first, last: first + (1n << hostBits) - 1n };
}

export function rangeOfIp(address: IpAddress): IpRange {
  const number = ipNumber(address);
  return { family: ipFamily(address), first: number, last: number };
}

/** The shortest text: an address, a network, or first and last address. */
export function formatIpRange(range: IpRange): string {
  const { family, first, last } = range;
  const size = last - first + 1n;
  const isNetwork = size > 1n && (size & (size - 1n)) === 0n && first % size === 0n;
  if (!isNetwork) return formatIpEnds(range);
  return `${formatIp(ipOf(family, first))}/${bitsOf(family) - (size.toString(2).length - 1)}`;
}

/** `192.0.2.1`, or `192.0.2.10-192.0.2.20`: so nft wants what it translates to, for which networks mean nothing. */
export function formatIpEnds({ family, first, last }: IpRange): string {
  const text = formatIp(ipOf(family, first));
  return first === last ? text : `${text}-${formatIp(ipOf(family, last))}`;
}

/** In the order of addresses, IPv4 before IPv6. */
export function compareIpRanges(a: IpRange, b: IpRange): number {
  return a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
}

/** The same addresses in as few ranges as possible, in order. */
export function mergeIpRanges(ranges: readonly IpRange[]): readonly IpRange[] {
  const merged: { family: IpFamily; first: bigint; last: bigint }[] = [];
  for (const range of [...ranges].sort(compareIpRanges)) {
    const before = merged.at(-1);
    if (before?.family === range.family && range.first <= before.last + 1n) {
      if (range.last > before.last) before.last = range.last;
    } else merged.push({ ...range });
  }
  return merged;
}

/** Whether every address of `inner` is in `outer`; both as mergeIpRanges gives them. */
export function rangesContain(outer: readonly IpRange[], inner: readonly IpRange[]): boolean {
  return inner.every((range) => {
    // The last one that does not begin behind it is the only one that can hold it.
    let [low, high] = [0, outer.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = outer[middle];
      if (one === undefined || compareIpRanges(one, range) > 0) high = middle;
      else low = middle + 1;
    }
    const found = outer[low - 1];
    return found?.family === range.family && range.last <= found.last;
  });
}

/** Whether there are addresses of a family in a list as mergeIpRanges gives it. */
export function rangesHaveFamily(ranges: readonly IpRange[], family: IpFamily): boolean {
  return (family === 4 ? ranges[0] : ranges.at(-1))?.family === family;
}

export function rangeContains(range: IpRange, address: IpAddress): boolean {
  return placeInRange(range, address) !== undefined;
}

/** What two ranges share. */
export function rangeOverlap(a: IpRange, b: IpRange): IpRange | undefined {
  if (a.family !== b.family) return undefined;
  const { first } = a.first > b.first ? a : b;
  const { last } = a.last < b.last ? a : b;
  return first <= last ? { family: a.family, first, last } : undefined;
}

/** What two lists share, both as mergeIpRanges gives them. */
export function rangesOverlap(a: readonly IpRange[], b: readonly IpRange[]): readonly IpRange[] {
  const shared: IpRange[] = [];
  for (let [i, j] = [0, 0]; ; ) {
    const [one, other] = [a[i], b[j]];
    if (one === undefined || other === undefined) return shared;
    const overlap = rangeOverlap(one, other);
    if (overlap !== undefined) shared.push(overlap);
    if (one.family < other.family || (one.family === other.family && one.last < other.last)) i++;
    else j++;
  }
}

/** All addresses of a family but these. */
export function otherRanges(ranges: readonly IpRange[], family: IpFamily): readonly IpRange[] {
  const others: IpRange[] = [];
  let first = 0n;
  for (const one of mergeIpRanges(ranges.filter((range) => range.family === family))) {
    if (one.first > first) others.push({ family, first, last: one.first - 1n });
    first = one.last + 1n;
  }
  const last = (1n << BigInt(bitsOf(family))) - 1n;
  return first <= last ? [...others, { family, first, last }] : others;
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
    .sort((a, b) => compareIpRanges(a.range, b.range) || a.index - b.index);
  let open: typeof sorted = [];
  return sorted.flatMap((one): (readonly [T, T])[] => {
    open = open.filter(({ range }) => range.family === one.range.family && range.last >= one.range.first);
    const other = open.find(({ item }) => !mayShare(item, one.item));
    open.push(one);
    if (other === undefined) return [];
    return [other.index < one.index ? [other.item, one.item] : [one.item, other.item]];
  });
}

/** How many addresses it has; more than 2^53 of them are not counted exactly. */
export function rangeSize({ first, last }: IpRange): number {
  return Number(last - first) + 1;
}

/** The first address of a range that none of the others contains. */
export function firstOutside(range: IpRange, others: readonly IpRange[]): IpAddress | undefined {
  const { family, last } = range;
  let { first } = range;
  for (;;) {
    if (first > last) return undefined;
    const at = { family, first, last: first };
    const around = others.find((other) => rangeOverlap(other, at) !== undefined);
    if (around === undefined) return ipOf(family, first);
    first = around.last + 1n;
  }
}

/** The address so many places behind the first one; the caller knows that there is one. */
export function ipInRange({ family, first }: IpRange, place: number): IpAddress {
  return ipOf(family, first + BigInt(place));
}

/** How many places an address is behind the first one; undefined for what is not in the range. */
export function placeInRange({ family, first, last }: IpRange, address: IpAddress): number | undefined {
  if (ipFamily(address) !== family) return undefined;
  const number = ipNumber(address);
  return first <= number && number <= last ? Number(number - first) : undefined;
}

/** All addresses of both families. */
export const everyIp: readonly IpRange[] = [
  { family: 4, first: 0n, last: (1n << 32n) - 1n },
  { family: 6, first: 0n, last: (1n << 128n) - 1n },
];

function bitsOf(family: IpFamily): number {
  return family === 4 ? 32 : 128;
}

function ipNumber(address: IpAddress): bigint {
  if (address.length === 4) {
    const [a = 0, b = 0, c = 0, d = 0] = address;
    return BigInt(((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
  }
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

function ipOf(family: IpFamily, number: bigint): IpAddress {
  if (family === 4) {
    const word = Number(number);
    // An array of bytes keeps the lowest eight bits of each.
    return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
  }
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setBigUint64(0, number >> 64n);
  view.setBigUint64(8, BigInt.asUintN(64, number));
  return address;
}
