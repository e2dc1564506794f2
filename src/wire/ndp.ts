import { ByteWriter } from "../base/bytes.ts";
import { DecodeError } from "../base/decode-error.ts";
import type { IpAddress } from "../base/ip.ts";
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

// Neighbor Advertisement (RFC 4861 4.4) with the target link-layer address option (4.6.1), behind the Ethernet (14)
// and IPv6 (40) headers.
//
//    +---------------+---------------+-------------------------------+
//    | type=136      | code=0        |           checksum            |
//    +-+-+-+---------+---------------+-------------------------------+
//    |R|S|O|                       reserved                          |
//    +-+-+-+---------------------------------------------------------+
//    |                      target address (16)                      |
//    +---------------+---------------+-------------------------------+
//    | option=2      | length=1 (x8) | link-layer address (6)        |
//    +---------------+---------------+-------------------------------+

const NEIGHBOR_SOLICITATION = 135;
export const NEIGHBOR_ADVERTISEMENT = 136;
/** Router and Override: a gateway's address, and the caches shall replace what they hold (RFC 4861 7.2.6). */
const FLAGS_ROUTER_OVERRIDE = 0xa000_0000;
const OPTION_SOURCE_LINK_LAYER_ADDRESS = 1;
const OPTION_TARGET_LINK_LAYER_ADDRESS = 2;
/** The fixed part; options follow. */
const MESSAGE_BYTES_MIN = 24;
const OPTION_BYTES = 8;
const MAC_BYTES = 6;

export interface NeighborAdvertisement {
  /** The target link-layer address. */
  readonly mac: MacAddress;
  /** The target: IPv6. */
  readonly address: IpAddress;
}

/** Encodes an unsolicited neighbour advertisement to all nodes as a whole frame, sent from the address itself. */
export function encodeUnsolicitedNeighborAdvertisement({ mac, address }: NeighborAdvertisement): Uint8Array {
  const message = new ByteWriter(MESSAGE_BYTES_MIN + OPTION_BYTES);
  message.u8(NEIGHBOR_ADVERTISEMENT).u8(0).u16(0).u32(FLAGS_ROUTER_OVERRIDE).put(address);
  message.u8(OPTION_TARGET_LINK_LAYER_ADDRESS).u8(1).put(mac);
  return encodeIcmpv6Frame({
    destinationMac: ALL_NODES_MAC,
    sourceMac: mac,
    source: address,
    destination: ALL_NODES,
    message: message.bytes,
  });
}

export interface NeighborSolicitation {
  readonly mac: MacAddress;
  /** The sender's own, and the one that is asked for: IPv6. */
  readonly sender: IpAddress;
  readonly target: IpAddress;
}

/** Encodes the question who has `target` as a whole frame to its solicited-node group (RFC 4861 4.3, RFC 4291 2.7.1). */
export function encodeNeighborSolicitation({ mac, sender, target }: NeighborSolicitation): Uint8Array {
  const tail = target.subarray(13);
  const message = new ByteWriter(MESSAGE_BYTES_MIN + OPTION_BYTES);
  message.u8(NEIGHBOR_SOLICITATION).u8(0).u16(0).u32(0).put(target);
  message.u8(OPTION_SOURCE_LINK_LAYER_ADDRESS).u8(1).put(mac);
  return encodeIcmpv6Frame({
    destinationMac: Uint8Array.of(0x33, 0x33, 0xff, ...tail),
    sourceMac: mac,
    source: sender,
    destination: Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...tail),
    message: message.bytes,
  });
}

/** Decodes a neighbour advertisement frame that names its link-layer address (checks of RFC 4861 7.1.2). */
export function decodeNeighborAdvertisement(bytes: Uint8Array): NeighborAdvertisement | DecodeError {
  const frame = decodeIcmpv6Frame(bytes, MESSAGE_BYTES_MIN);
  if (frame instanceof DecodeError) return frame;
  const { message } = frame;
  if (message[0] !== NEIGHBOR_ADVERTISEMENT || message[1] !== 0) {
    return new DecodeError("ndp-type", MESSAGE_TYPE_OFFSET);
  }
  const options = decodeNeighborOptions(message.subarray(MESSAGE_BYTES_MIN));
  const named = options?.find(({ type, value }) => {
    return type === OPTION_TARGET_LINK_LAYER_ADDRESS && value.length === MAC_BYTES;
  });
  if (named === undefined) return new DecodeError("ndp-options", HEADERS_BYTES + MESSAGE_BYTES_MIN);
  return {
    mac: new Uint8Array(named.value),
    address: new Uint8Array(message.subarray(8, MESSAGE_BYTES_MIN)),
  };
}
