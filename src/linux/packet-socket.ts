import type { IpAddress } from "../base/ip.ts";
import { DatagramBatch } from "./datagram-batch.ts";
import { joinGroup } from "./group-membership.ts";
import {
  addressOf,
  bindSocket,
  closeFd,
  deviceIndex,
  errno,
  kernelError,
  openSocket,
  receiveFrom,
  sendMessages,
  sendTo,
  setSocketOption,
} from "./libc.ts";

// bits/socket.h, uapi linux/if_packet.h, uapi asm-generic/socket.h
const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_MULTICAST = 0;
const MSG_DONTWAIT = 0x40;

export interface PacketSocketOptions {
  readonly device: string;
  /** What to receive, such as 0x0800; 0 makes a socket that only sends. */
  readonly etherType: number;
  /**
   * A classic BPF program (`struct sock_filter[]`), or what makes it for the device's index: the kernel drops what it does
   * not select before it is copied.
   */
  readonly filter?: Uint8Array | ((deviceIndex: number) => Uint8Array);
  /** Ethernet groups to join, such as 01:00:5e:00:00:12. */
  readonly multicast?: readonly Uint8Array[];
  /** An IP group to join where the device has that protocol, so that switches know of it. */
  readonly group?: IpAddress | undefined;
  /** Also above net.core.rmem_max, which needs CAP_NET_ADMIN. The kernel's default is room for some 270 small frames. */
  readonly receiveBufferBytes?: number;
}

const SEND_BATCH = 256;
const FRAME_BYTES_MAX = 1536;

/** A packet socket (packet(7)) on one device: whole Ethernet frames in and out, past the host's firewall and connection tracking. */
export class PacketSocket {
  readonly fd: number;
  readonly #membership: number | undefined;
  #batch: DatagramBatch | undefined;

  constructor(options: PacketSocketOptions) {
    const index = deviceIndex(options.device);
    if (index === undefined) throw kernelError(`packet socket on ${options.device}`, errno.ENODEV);
    this.fd = openSocket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
    try {
      // The filter comes before the binding: nothing unfiltered may slip in between.
      const { filter } = options;
      if (filter !== undefined) this.#attach(typeof filter === "function" ? filter(index) : filter);
      if (options.receiveBufferBytes !== undefined) {
        setSocketOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBufferBytes);
      }
      bindSocket(this.fd, linkAddress(index, options.etherType));
      for (const group of options.multicast ?? []) this.#join(index, PACKET_MR_MULTICAST, group);
      if (options.group !== undefined) this.#membership = joinGroup(index, options.group);
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
  }

  /** @returns false when the frame could not be sent (device down, buffer full) */
  send(frame: Uint8Array): boolean {
    return sendTo(this.fd, frame, frame.length, MSG_DONTWAIT, null) >= 0;
  }

  /** Sends frames in as few system calls as possible. @returns how many the kernel took */
  sendMany(frames: readonly Uint8Array[]): number {
    this.#batch ??= new DatagramBatch(SEND_BATCH, FRAME_BYTES_MAX);
    const batch = this.#batch;
    let sent = 0;
    while (sent < frames.length) {
      const count = Math.min(batch.slots, frames.length - sent);
      for (let slot = 0; slot < count; slot++) batch.put(slot, frames[sent + slot] ?? new Uint8Array(0));
      const taken = this.sendBatch(batch, 0, count);
      sent += taken;
      if (taken < count) return sent;
    }
    return sent;
  }

  /** Sends the frames of slots `from` up to, not including, `to`. @returns how many the kernel took */
  sendBatch(batch: DatagramBatch, from: number, to: number): number {
    let next = from;
    while (next < to) {
      const taken = sendMessages(this.fd, batch.headersFrom(next), to - next, 0);
      if (taken <= 0) break;
      next += taken;
    }
    return next - from;
  }

  /** @returns bytes of the next frame copied into `into`, or 0 when there is none */
  receive(into: Uint8Array): number {
    const received = receiveFrom(this.fd, into, MSG_DONTWAIT, null);
    return Math.max(received, 0);
  }

  close(): void {
    closeFd(this.fd);
    if (this.#membership !== undefined) closeFd(this.#membership);
  }

  #attach(filter: Uint8Array): void {
    // struct sock_fprog: u16 length, padding, pointer. The kernel copies it during the call.
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, filter.length / 8, true);
    program.setBigUint64(8, addressOf(filter), true);
    setSocketOption(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(program.buffer));
  }

  #join(index: number, type: number, group: Uint8Array): void {
    // struct packet_mreq: int index, u16 type, u16 address length, 8 bytes of address.
    const request = new DataView(new ArrayBuffer(16));
    request.setInt32(0, index, true);
    request.setUint16(4, type, true);
    request.setUint16(6, group.length, true);
    new Uint8Array(request.buffer).set(group, 8);
    setSocketOption(this.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, new Uint8Array(request.buffer));
  }
}

/** struct sockaddr_ll: family, protocol (network order), interface index, and no address. */
function linkAddress(index: number, etherType: number): Uint8Array {
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setUint16(2, etherType, false);
  address.setInt32(4, index, true);
  return new Uint8Array(address.buffer);
}
