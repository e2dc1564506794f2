import { ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress, IpNetwork } from "../base/ip.ts";
import type { MacAddress } from "../base/mac.ts";
import {
  ALL_NODES,
  ALL_NODES_MAC,
  decodeIcmpv6Frame,
  decodeNeighborOptions,
  encodeIcmpv6Frame,
  HEADERS_BYTES,
  MESSAGE_TYPE_OFFSET,
} from "./icmpv6-frame.ts";

// Router Advertisement (RFC 4861 4.2), behind the Ethernet and IPv6 headers.
//
//    +---------------+---------------+-------------------------------+
//    | type=134      | code=0        |           checksum            |
//    +---------------+-+-+-----------+-------------------------------+
//    | hop limit     |M|O| reserved  |     router lifetime in s      |
//    +---------------+-+-+-----------+-------------------------------+
//    |               reachable time (0: unspecified)                 |
//    |               retransmit timer (0: unspecified)               |
//    +---------------------------------------------------------------+
//    prefix information (4.6.2), recursive DNS servers (RFC 8106 5.1), MTU (4.6.4), source link-layer address (4.6.1)
//
// Router Solicitation (4.1): type 133, code, checksum, 4 reserved bytes, and options.

export const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const FIXED_BYTES = 16;
const SOLICITATION_BYTES_MIN = 8;
/** What most hosts would use anyway (IANA, "IP TTL parameter"). */
const HOP_LIMIT_OF_HOSTS = 64;
const FLAG_MANAGED = 0x80;
const FLAG_OTHER = 0x40;
const FLAG_ON_LINK = 0x80;
const FLAG_AUTONOMOUS = 0x40;

const OPTION_SOURCE_LINK_LAYER_ADDRESS = 1;
const OPTION_PREFIX_INFORMATION = 3;
const OPTION_MTU = 5;
const OPTION_RECURSIVE_DNS = 25;

export interface AdvertisedPrefix {
  readonly network: IpNetwork;
  /** Hosts reach addresses of the prefix without a router. */
  readonly onLink: boolean;
  /** Hosts make themselves addresses of it (RFC 4862). */
  readonly autonomous: boolean;
  readonly validSeconds: number;
  /** At most `validSeconds`. */
  readonly preferredSeconds: number;
}

export interface RouterAdvertisement {
  /** 0 to 65535; 0: no default router, or no longer one. */
  readonly lifetimeSeconds: number;
  /** Addresses come from DHCPv6. */
  readonly managed: boolean;
  /** Other settings come from DHCPv6. */
  readonly otherConfiguration: boolean;
  readonly prefixes: readonly AdvertisedPrefix[];
  readonly dnsServers: readonly IpAddress[];
  readonly dnsLifetimeSeconds: number;
  readonly mtu: number | undefined;
}

/** Encodes a whole frame, to all nodes or to one host. `source` must be link-local (RFC 4861 6.1.2). */
export function encodeRouterAdvertisementFrame(options: {
  readonly mac: MacAddress;
  readonly source: IpAddress;
  readonly to?: { readonly mac: MacAddress; readonly address: IpAddress };
  readonly advertisement: RouterAdvertisement;
}): Uint8Array {
  const { mac, source, to = { mac: ALL_NODES_MAC, address: ALL_NODES } } = options;
  return encodeIcmpv6Frame({
    destinationMac: to.mac,
    sourceMac: mac,
    source,
    destination: to.address,
    message: encodeMessage(options.advertisement, mac),
  });
}

function encodeMessage(advertisement: RouterAdvertisement, mac: MacAddress): Uint8Array {
  const { lifetimeSeconds, managed, otherConfiguration, prefixes, dnsServers, mtu } = advertisement;
  const dnsBytes = dnsServers.length === 0 ? 0 : 8 + 16 * dnsServers.length;
  const message = new ByteWriter(
    FIXED_BYTES + 32 * prefixes.length + dnsBytes + (mtu === undefined ? 0 : 8) + 8,
  );
  const flags = (managed ? FLAG_MANAGED : 0) | (otherConfiguration ? FLAG_OTHER : 0);
  message.u8(ROUTER_ADVERTISEMENT).u8(0).u16(0);
  message.u8(HOP_LIMIT_OF_HOSTS).u8(flags).u16(lifetimeSeconds).u32(0).u32(0);
  for (const { network, onLink, autonomous, validSeconds, preferredSeconds } of prefixes) {
    const prefixFlags = (onLink ? FLAG_ON_LINK : 0) | (autonomous ? FLAG_AUTONOMOUS : 0);
    message.u8(OPTION_PREFIX_INFORMATION).u8(4).u8(network.prefixLength).u8(prefixFlags);
    message.u32(validSeconds).u32(preferredSeconds).u32(0).put(network.address);
  }
  if (dnsServers.length > 0) {
    message
      .u8(OPTION_RECURSIVE_DNS)
      .u8(dnsBytes / 8)
      .u16(0)
      .u32(advertisement.dnsLifetimeSeconds);
    for (const server of dnsServers) message.put(server);
  }
  if (mtu !== undefined) message.u8(OPTION_MTU).u8(1).u16(0).u32(mtu);
  message.u8(OPTION_SOURCE_LINK_LAYER_ADDRESS).u8(1).put(mac);
  return message.bytes;
}

/** A host that asks for an advertisement. */
export interface RouterSolicitation {
  /** Unspecified (::) while the host has no address yet: then only an answer to all nodes reaches it. */
  readonly source: IpAddress;
  /** Where the frame came from. */
  readonly sourceMac: MacAddress;
}

/** Decodes a router solicitation frame, with all checks of RFC 4861 6.1.1. What it returns are copies. */
export function decodeRouterSolicitationFrame(bytes: Uint8Array): RouterSolicitation | DecodeError {
  const frame = decodeIcmpv6Frame(bytes, SOLICITATION_BYTES_MIN);
  if (frame instanceof DecodeError) return frame;
  const { message, source } = frame;
  if (message[0] !== ROUTER_SOLICITATION || message[1] !== 0) {
    return new DecodeError("ndp-type", MESSAGE_TYPE_OFFSET);
  }
  const options = decodeNeighborOptions(message.subarray(SOLICITATION_BYTES_MIN));
  const optionsOffset = HEADERS_BYTES + SOLICITATION_BYTES_MIN;
  if (options === undefined) return new DecodeError("ndp-options", optionsOffset);
  const namesItself = options.some(({ type }) => type === OPTION_SOURCE_LINK_LAYER_ADDRESS);
  if (namesItself && isUnspecified(source)) return new DecodeError("ndp-source", optionsOffset);
  // No host has a multicast address (RFC 4291 2.7).
  if (source[0] === 0xff) return new DecodeError("ndp-source", optionsOffset);
  return { source: new Uint8Array(source), sourceMac: new Uint8Array(frame.sourceMac) };
}

export function isUnspecified(address: IpAddress): boolean {
  return address.every((byte) => byte === 0);
}
