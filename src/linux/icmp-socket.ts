import type { IpAddress, IpFamily } from "../base/ip.ts";
import { ECHO_REPLY } from "../wire/icmp-echo.ts";
import { bindSocket, closeFd, openSocket, receiveFrom, sendTo, setSocketOption } from "./libc.ts";
import { socketAddress } from "./udp-socket.ts";

// bits/socket.h, uapi asm-generic/socket.h, linux/in.h, linux/in6.h, linux/icmp.h, linux/icmpv6.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;
const MSG_DONTWAIT = 0x40;
// linux/in.h, linux/in6.h: "probe" sends with DF and does not go by what the path was found to carry before.
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_PROBE = 3;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_PMTUDISC_PROBE = 3;
const IPV6_DONTFRAG = 62;

export interface IcmpSocketOptions {
  readonly family: IpFamily;
  /** Sending uses it, and answers must come in by it. */
  readonly device: string;
  /** The address that questions come from; the kernel chooses where it is undefined. */
  readonly source: IpAddress | undefined;
  /** Packets are sent whole or not at all: EMSGSIZE where the device cannot. */
  readonly whole?: boolean;
}

/**
 * A raw socket for ICMP echo (raw(7), CAP_NET_RAW). Ping sockets without that right are refused in a new network namespace, even to
 * root (net.ipv4.ping_group_range).
 */
export class IcmpSocket {
  readonly #fd: number;
  readonly #from: Uint8Array;

  /** Throws KernelError: EADDRNOTAVAIL when the source is not there, ENODEV when the device is not. */
  constructor({ family, device, source, whole = false }: IcmpSocketOptions) {
    const v4 = family === 4;
    this.#from = new Uint8Array(v4 ? 16 : 28);
    this.#fd = openSocket(
      v4 ? AF_INET : AF_INET6,
      SOCK_RAW_NONBLOCK_CLOEXEC,
      v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    );
    try {
      if (v4) setSocketOption(this.#fd, SOL_RAW, ICMP_FILTER, blockAllBut(ECHO_REPLY[4], 1));
      else setSocketOption(this.#fd, IPPROTO_ICMPV6, ICMPV6_FILTER, blockAllBut(ECHO_REPLY[6], 8));
      setSocketOption(this.#fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
      if (whole && v4) setSocketOption(this.#fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
      if (whole && !v4) {
        setSocketOption(this.#fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        setSocketOption(this.#fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
      }
      if (source !== undefined) bindSocket(this.#fd, socketAddress(source, 0));
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  /** @returns 0, or the negative error number (no route, no neighbour, device down) */
  send(message: Uint8Array, to: IpAddress): number {
    return Math.min(0, sendTo(this.#fd, message, message.length, MSG_DONTWAIT, socketAddress(to, 0)));
  }

  /** @returns how long the next message in `into` is, and whose; undefined when there is none */
  receive(into: Uint8Array): { readonly length: number; readonly from: IpAddress } | undefined {
    const length = receiveFrom(this.#fd, into, MSG_DONTWAIT, this.#from);
    if (length < 0) return undefined;
    return { length, from: this.#from.length === 16 ? this.#from.slice(4, 8) : this.#from.slice(8, 24) };
  }

  close(): void {
    closeFd(this.#fd);
  }
}

/** The filters of both families have a bit for each type: 1 blocks it. */
function blockAllBut(type: number, words: number): Uint8Array {
  const filter = new Uint32Array(words).fill(0xffff_ffff);
  const word = Math.floor(type / 32);
  filter[word] = (filter[word] ?? 0) & ~(1 << (type % 32));
  return new Uint8Array(filter.buffer);
}
