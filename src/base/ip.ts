/** An IPv4 (4 bytes) or IPv6 (16 bytes) address in network byte order. Treat it as immutable. */
export type IpAddress = Uint8Array;

/** An address with the length of its network's prefix, as in `192.0.2.1/24`. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

export type IpFamily = 4 | 6;

const ZERO = 0x30;
const DOT = 0x2e;

export function ipFamily(address: IpAddress): IpFamily {
  return address.length === 4 ? 4 : 6;
}

/** Reads `192.0.2.1` or `2001:db8::1`; anything else, zone indices and octal-looking parts included, is undefined. */
export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** The address in a text that was validated before, such as one of the cluster document; anything else is a defect. */
export function validIp(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

/** Digit by digit: a document may have tens of thousands of addresses, and reads each of them several times. */
function parseIpv4(text: string): IpAddress | undefined {
  const bytes = new Uint8Array(4);
  let [part, digits, value] = [0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit === DOT - ZERO) {
      if (digits === 0 || part === 3) return undefined;
      bytes[part++] = value;
      [digits, value] = [0, 0];
      continue;
    }
    // No number begins with 0 but 0 itself: some readers would take it for octal.
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined;
    value = 10 * value + digit;
    if (value > 255) return undefined;
    digits++;
  }
  if (digits === 0 || part !== 3) return undefined;
  bytes[part] = value;
  return bytes;
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => hextets(half, index === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])];
  const bytes = new Uint8Array(16);
  for (const [index, group] of groups.entries()) {
    bytes[2 * index] = group >> 8;
    bytes[2 * index + 1] = group & 0xff;
  }
  return bytes;
}

/** The 16-bit groups of one side of `::`; a dotted IPv4 address may stand in place of an address's last two. */
function hextets(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (isEnd && index === parts.length - 1 && part.includes(".")) {
      const v4 = parseIpv4(part);
      if (v4 === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** The canonical text of an address (IPv6: RFC 5952). */
export function formatIp(address: IpAddress): string {
  if (address.length === 4) return address.join(".");
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((address[i] ?? 0) << 8) | (address[i + 1] ?? 0));
  let runStart = -1;
  let runLength = 1; // A single zero group is not shortened (RFC 5952, 4.2.2).
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (runStart < 0) return text(groups);
  return `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLength))}`;
}

/** Reads `192.0.2.0/24`; without a `/`, the prefix is the whole address. Host bits may be set. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [addressText = "", lengthText, ...rest] = text.split("/");
  const address = parseIp(addressText);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = address.length * 8;
  if (lengthText === undefined) return { address, prefixLength: bits };
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || Number(lengthText) > bits) return undefined;
  return { address, prefixLength: Number(lengthText) };
}

export function formatNetwork(network: IpNetwork): string {
  return `${formatIp(network.address)}/${network.prefixLength}`;
}

/** The network with its host bits cleared: `192.0.2.7/24` becomes `192.0.2.0/24`. */
export function networkBase(network: IpNetwork): IpNetwork {
  const address = network.address.slice();
  for (let i = 0; i < address.length; i++) {
    const keep = Math.min(8, Math.max(0, network.prefixLength - 8 * i));
    address[i] = (address[i] ?? 0) & (0xff << (8 - keep));
  }
  return { address, prefixLength: network.prefixLength };
}

export function networkContains(network: IpNetwork, address: IpAddress): boolean {
  if (network.address.length !== address.length) return false;
  const masked = networkBase({ address, prefixLength: network.prefixLength }).address;
  return equalIp(networkBase(network).address, masked);
}

export function equalIp(a: IpAddress, b: IpAddress): boolean {
  return compareIp(a, b) === 0;
}

/** Orders addresses as unsigned numbers in network byte order, IPv4 before IPv6 (RFC 9568 6.4.3 compares so). */
export function compareIp(a: IpAddress, b: IpAddress): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16
    ? address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80
    : address[0] === 169 && address[1] === 254;
}
