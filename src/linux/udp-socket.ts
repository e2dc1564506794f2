import { type IpAddress, ipFamily } from "../base/ip.ts";
import { bindSocket, closeFd, openSocket, receiveFrom, sendTo, setSocketOption } from "./libc.ts";

// bits/socket.h, uapi asm-generic/socket.h, uapi linux/in.h, linux/in6.h
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IP_FREEBIND = 15;
const IPPROTO_IPV6 = 41;
const IPV6_FREEBIND = 78;
const MSG_DONTWAIT = 0x40;
const MSG_CONFIRM = 0x800;

export interface UdpSocketOptions {
  readonly address: IpAddress;
  readonly port: number;
  /** Only datagrams that arrive on this device are received, and sending uses it. */
  readonly device?: string;
}

export interface ReceivedDatagram {
  readonly length: number;
  readonly address: IpAddress;
  readonly port: number;
}

/** A UDP socket for loops that block in poll: nothing here waits. */
export class UdpSocket {
  readonly fd: number;
  readonly #from: Uint8Array;
  readonly #fromView: DataView;

  constructor(options: UdpSocketOptions) {
    const v4 = ipFamily(options.address) === 4;
    this.#from = new Uint8Array(v4 ? 16 : 28);
    this.#fromView = new DataView(this.#from.buffer);
    this.fd = openSocket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    try {
      setSocketOption(this.fd, SOL_SOCKET, SO_REUSEADDR, 1);
      // The address may come later than we do, as when the link is still down.
      if (v4) setSocketOption(this.fd, IPPROTO_IP, IP_FREEBIND, 1);
      else setSocketOption(this.fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
      if (options.device !== undefined) {
        setSocketOption(
          this.fd,
          SOL_SOCKET,
          SO_BINDTODEVICE,
          new TextEncoder().encode(`${options.device}\0`),
        );
      }
      bindSocket(this.fd, socketAddress(options.address, options.port));
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
  }

  /** @returns 0, or the negative error number (a full buffer, an unreachable host) */
  send(bytes: Uint8Array, address: IpAddress, port: number): number {
    return this.sendTo(bytes, bytes.length, socketAddress(address, port));
  }

  /**
   * The same with the first `length` bytes, to an address that is made once (`socketAddress`): for who sends again and again.
   *
   * @param isCertain the neighbour that it goes to is where the kernel last knew it, and need not be asked (arp(7), MSG_CONFIRM in send(2))
   */
  sendTo(bytes: Uint8Array, length: number, to: Uint8Array, isCertain = false): number {
    const flags = isCertain ? MSG_DONTWAIT | MSG_CONFIRM : MSG_DONTWAIT;
    return Math.min(0, sendTo(this.fd, bytes, length, flags, to));
  }

  /** @returns the length of the next datagram, whoever sent it, its bytes at the start of `into`; undefined when there is none */
  receiveLength(into: Uint8Array): number | undefined {
    const length = receiveFrom(this.fd, into, MSG_DONTWAIT, this.#from);
    return length < 0 ? undefined : length;
  }

  /** @returns the next datagram, its bytes at the start of `into`, or undefined when there is none */
  receive(into: Uint8Array): ReceivedDatagram | undefined {
    const length = this.receiveLength(into);
    if (length === undefined) return undefined;
    const v4 = this.#from.length === 16;
    return {
      length,
      address: v4 ? this.#from.slice(4, 8) : this.#from.slice(8, 24),
      port: this.#fromView.getUint16(2, false),
    };
  }

  close(): void {
    closeFd(this.fd);
  }
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: IpAddress, port: number): Uint8Array {
  const v4 = ipFamily(address) === 4;
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port, false);
  bytes.set(address, v4 ? 4 : 8);
  return bytes;
}
