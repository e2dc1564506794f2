import type { IpFamily } from "../base/ip.ts";
import {
  VRRP_MULTICAST_MAC_V4,
  VRRP_MULTICAST_MAC_V6,
  VRRP_MULTICAST_V4,
  VRRP_MULTICAST_V6,
  VRRP_PROTOCOL,
} from "../wire/vrrp.ts";
import { byteFilter } from "./byte-filter.ts";
import { PacketSocket } from "./packet-socket.ts";

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** Offset in the frame of the IP header's protocol, or next header. */
const PROTOCOL_OFFSET = { 4: 14 + 9, 6: 14 + 6 } as const;

/**
 * Room for some 2,700 advertisements: what strangers send at once while the loop does something else for some milliseconds must not push out
 * those of the peers.
 */
const QUEUE_BYTES = 1 << 20;

/**
 * Opens a socket for VRRP advertisements of one family on one device. Throws KernelError, such as ENODEV.
 *
 * @param options.joins false: switches are not asked for what goes to the multicast group
 */
export function openVrrpSocket(
  device: string,
  family: IpFamily,
  { joins = true }: { readonly joins?: boolean } = {},
): PacketSocket {
  return new PacketSocket({
    device,
    etherType: family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6,
    filter: byteFilter([{ offset: PROTOCOL_OFFSET[family], value: VRRP_PROTOCOL }]),
    receiveBufferBytes: QUEUE_BYTES,
    group: joins ? (family === 4 ? VRRP_MULTICAST_V4 : VRRP_MULTICAST_V6) : undefined,
    multicast: [family === 4 ? VRRP_MULTICAST_MAC_V4 : VRRP_MULTICAST_MAC_V6],
  });
}
