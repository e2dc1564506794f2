import type { IpFamily } from "../base/ip.ts";
import { NEIGHBOR_ADVERTISEMENT } from "../wire/ndp.ts";
import { byteFilter } from "./byte-filter.ts";
import { PacketSocket } from "./packet-socket.ts";

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
/** The low byte of the operation (RFC 826), and the value of a reply. */
const ARP_OPERATION = { offset: 21, value: 2 };
const IPV6_NEXT_HEADER = { offset: 20, value: 58 };
const ICMPV6_TYPE = { offset: 54, value: NEIGHBOR_ADVERTISEMENT };

/** Opens a socket on one device for questions who has an address, and the answers. Throws KernelError, such as ENODEV. */
export function openNeighbourSocket(device: string, family: IpFamily): PacketSocket {
  return family === 4
    ? new PacketSocket({ device, etherType: ETHERTYPE_ARP, filter: byteFilter([ARP_OPERATION]) })
    : new PacketSocket({
        device,
        etherType: ETHERTYPE_IPV6,
        filter: byteFilter([IPV6_NEXT_HEADER, ICMPV6_TYPE]),
      });
}
