import type { IpAddress } from "../base/ip.ts";

/**
 * The Internet checksum (RFC 1071) over the parts in order, as if they were one run of bytes.
 *
 * Every part but the last must have an even length. Over bytes that already hold their right checksum the
 * result is 0.
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) | (part[i + 1] ?? 0);
  }
  // Frames are far below 2^21 words, so the sum is exact; two folds bring the carries back in.
  sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * The pseudo-header that transport checksums cover, for IPv4 (RFC 793 3.1) and IPv6 (RFC 8200 8.1).
 *
 *     IPv4   source (4)   destination (4)   0   protocol   length (2)
 *     IPv6   source (16)  destination (16)  length (4)     0  0  0   next header
 */
export function pseudoHeader(options: {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly length: number;
}): Uint8Array {
  const { source, destination, protocol, length } = options;
  const addressesLength = source.length + destination.length;
  const isV4 = source.length === 4;
  const header = new Uint8Array(addressesLength + (isV4 ? 4 : 8));
  header.set(source, 0);
  header.set(destination, source.length);
  const view = new DataView(header.buffer);
  if (isV4) {
    header[addressesLength + 1] = protocol;
    view.setUint16(addressesLength + 2, length);
  } else {
    view.setUint32(addressesLength, length);
    header[addressesLength + 7] = protocol;
  }
  return header;
}
