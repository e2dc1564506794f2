import { type IpAddress, ipFamily } from "../base/ip.ts";
import { bindSocket, closeFd, openSocket, setSocketOption } from "./libc.ts";
import { socketAddress } from "./udp-socket.ts";

// bits/socket.h, uapi asm-generic/socket.h, uapi linux/in.h, linux/in6.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_FREEBIND = 15;
const IPPROTO_IPV6 = 41;
const IPV6_FREEBIND = 78;

export interface TcpListenerOptions {
  readonly address: IpAddress;
  readonly port: number;
  /** Only connections that arrive on this device are accepted. */
  readonly device: string;
}

/**
 * A TCP socket that is bound to an address and a device, ready for Node's `server.listen({ fd })`, which owns it from then
 * on. Node cannot bind to a device itself; and an address alone is reachable through every device of a router.
 *
 * The address may come later. Throws KernelError, such as EADDRINUSE or ENODEV.
 */
export function openTcpListener({ address, port, device }: TcpListenerOptions): number {
  const v4 = ipFamily(address) === 4;
  const fd = openSocket(v4 ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  try {
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (v4) setSocketOption(fd, IPPROTO_IP, IP_FREEBIND, 1);
    else setSocketOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    setSocketOption(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
    bindSocket(fd, socketAddress(address, port));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
