import { type IpAddress, ipFamily } from "../base/ip.ts";
import { KernelError } from "./kernel-error.ts";
import { closeFd, openSocket, setSocketOption } from "./libc.ts";

// bits/socket.h, uapi linux/in.h, linux/in6.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const IPPROTO_IP = 0;
const IP_ADD_MEMBERSHIP = 35;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;

/**
 * Joins an IP multicast group on a device, so that the kernel tells switches (IGMP, MLD) and answers their questions: a
 * switch that listens for that hands the group's packets on to those only that have asked for them (RFC 4541). That a
 * packet socket has joined the Ethernet group tells nobody. No packets come in by the descriptor.
 *
 * @returns a descriptor that holds the membership until it is closed; undefined where the kernel refuses, as on a device
 * without that protocol: then one hears what comes unasked
 */
export function joinGroup(deviceIndex: number, group: IpAddress): number | undefined {
  const v4 = ipFamily(group) === 4;
  // struct ip_mreqn: group, an address of ours (none), int index. struct ipv6_mreq: group, int index.
  const request = new Uint8Array(v4 ? 12 : 20);
  request.set(group);
  new DataView(request.buffer).setInt32(request.length - 4, deviceIndex, true);
  let fd: number | undefined;
  try {
    fd = openSocket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    if (v4) setSocketOption(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, request);
    else setSocketOption(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
    return fd;
  } catch (error) {
    if (fd !== undefined) closeFd(fd);
    if (!(error instanceof KernelError)) throw error;
    return undefined;
  }
}
