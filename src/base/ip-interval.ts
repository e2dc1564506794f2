import { formatIp, type IpFamily, ipFamily, parseIp, parseNetwork } from "./ip.ts";

/** Consecutive addresses of one family, both ends included, as numbers. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads an address, a network (host bits may be set) or `10.0.0.1-10.0.0.9`; anything else is undefined. */
export function parseIpRange(text: string): IpRange | undefined {
  const [from = "", to, ...rest] = text.split("-");
  if (rest.length > 0) return undefined;
  if (to === undefined) {
    const network = parseNetwork(text);
    if (network === undefined) return undefined;
    const hostBits = BigInt(network.address.length * 8 - network.prefixLength);
    const first = (ipNumber(network.address) >> hostBits) << hostBits;
    return { family: ipFamily(network.address), first, last: first + (1n << hostBits) - 1n };
  }
  const [first, last] = [parseIp(from), parseIp(to)];
  if (first === undefined || last === undefined || first.length !== last.length) return undefined;
  const range = { family: ipFamily(first), first: ipNumber(first), last: ipNumber(last) };
  return range.first <= range.last ? range : undefined;
}

/** The shortest text: an address, a network, or first and last address. */
export function formatIpRange({ family, first, last }: IpRange): string {
  const text = ipText(family, first);
  if (first === last) return text;
  const size = last - first + 1n;
  const isNetwork = (size & (size - 1n)) === 0n && first % size === 0n;
  if (!isNetwork) return `${text}-${ipText(family, last)}`;
  return `${text}/${bitsOf(family) - (size.toString(2).length - 1)}`;
}

/** The same addresses in as few ranges as possible, in order, IPv4 first. */
export function mergeIpRanges(ranges: readonly IpRange[]): readonly IpRange[] {
  const sorted = [...ranges].sort((a, b) => a.family - b.family || compare(a.first, b.first));
  const merged: { family: IpFamily; first: bigint; last: bigint }[] = [];
  for (const range of sorted) {
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
      const isBehind =
        one === undefined ||
        one.family > range.family ||
        (one.family === range.family && one.first > range.first);
      if (isBehind) high = middle;
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

/** All addresses of both families. */
export const everyIp: readonly IpRange[] = [
  { family: 4, first: 0n, last: (1n << 32n) - 1n },
  { family: 6, first: 0n, last: (1n << 128n) - 1n },
];

function bitsOf(family: IpFamily): number {
  return family === 4 ? 32 : 128;
}

function ipNumber(address: Uint8Array): bigint {
  return address.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function ipText(family: IpFamily, number: bigint): string {
  const bytes = new Uint8Array(bitsOf(family) / 8);
  let rest = number;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return formatIp(bytes);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
