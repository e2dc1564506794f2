import type { IpAddress } from "../base/ip.ts";
import { VRRP_PROTOCOL } from "../wire/vrrp.ts";
import { addressOf, bindSocket, closeFd, openSocket, sendTo, setSocketOption } from "./libc.ts";
import { socketAddress } from "./udp-socket.ts";

// bits/socket.h, uapi asm-generic/socket.h, uapi linux/in.h, linux/in6.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_ATTACH_FILTER = 26;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
const IP_FREEBIND = 15;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_TCLASS = 67;
const IPV6_FREEBIND = 78;
const MSG_DONTWAIT = 0x40;
/** A packet that was routed has a lower one (RFC 9568 5.1.1.3). */
const HOP_LIMIT = 255;
/** Internetwork control, as in frames to the multicast group. */
const TRAFFIC_CLASS = 0xc0;

/** struct sock_filter: return 0, that is, keep nothing. */
const KEEP_NOTHING = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);

/**
 * Sends VRRP messages to one router by its address; the kernel finds its hardware address. What that router sends comes
 * in by the packet socket; this one keeps nothing, but while it is there the kernel does not answer that nobody
 * listens.
 */
export class VrrpUnicastSocket {
  readonly #fd: number;
  readonly #destination: Uint8Array;

  constructor(options: {
    readonly device: string;
    readonly source: IpAddress;
    readonly destination: IpAddress;
  }) {
    const { device, source, destination } = options;
    const v4 = source.length === 4;
    this.#destination = socketAddress(destination, 0);
    this.#fd = openSocket(v4 ? AF_INET : AF_INET6, SOCK_RAW_NONBLOCK_CLOEXEC, VRRP_PROTOCOL);
    try {
      this.#keepNothing();
      setSocketOption(this.#fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
      const level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
      setSocketOption(this.#fd, level, v4 ? IP_FREEBIND : IPV6_FREEBIND, 1);
      setSocketOption(this.#fd, level, v4 ? IP_TTL : IPV6_UNICAST_HOPS, HOP_LIMIT);
      setSocketOption(this.#fd, level, v4 ? IP_TOS : IPV6_TCLASS, TRAFFIC_CLASS);
      bindSocket(this.#fd, socketAddress(source, 0));
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
  }

  /** @returns false when the kernel refused: no route, no link, a full buffer */
  send(message: Uint8Array): boolean {
    return sendTo(this.#fd, message, message.length, MSG_DONTWAIT, this.#destination) >= 0;
  }

  close(): void {
    closeFd(this.#fd);
  }

  #keepNothing(): void {
    // struct sock_fprog: u16 length, padding, pointer. The kernel copies it during the call.
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, KEEP_NOTHING.length / 8, true);
    program.setBigUint64(8, addressOf(KEEP_NOTHING), true);
    setSocketOption(this.#fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer));
  }
}
