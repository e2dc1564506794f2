import { ALL_ROUTERS_MAC, MESSAGE_TYPE_OFFSET, NEXT_HEADER_ICMPV6 } from "../wire/icmpv6-frame.ts";
import { ROUTER_SOLICITATION } from "../wire/router-advertisement.ts";
import { byteFilter } from "./byte-filter.ts";
import { PacketSocket } from "./packet-socket.ts";

const ETHERTYPE_IPV6 = 0x86dd;
/** Offset in the frame of the IPv6 header's next header. */
const NEXT_HEADER_OFFSET = 14 + 6;

/** Opens a socket for router solicitations on one device. Throws KernelError, such as ENODEV. */
export function openSolicitationSocket(device: string): PacketSocket {
  return new PacketSocket({
    device,
    etherType: ETHERTYPE_IPV6,
    filter: byteFilter([
      { offset: NEXT_HEADER_OFFSET, value: NEXT_HEADER_ICMPV6 },
      { offset: MESSAGE_TYPE_OFFSET, value: ROUTER_SOLICITATION },
    ]),
    multicast: [ALL_ROUTERS_MAC],
  });
}
