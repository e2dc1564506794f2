import { DecodeError } from "../base/decode-error.ts";
import {
  decodeAcknowledgement,
  decodeNetlinkMessages,
  type NetlinkMessage,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "../wire/netlink.ts";
import type { DatagramBatch } from "./datagram-batch.ts";
import { KernelError } from "./kernel-error.ts";
import {
  bindSocket,
  closeFd,
  errno,
  errorName,
  kernelError,
  openSocket,
  receiveFrom,
  receiveInBackground,
  receiveMessages,
  sendInBackground,
  sendTo,
  setSocketOption,
  socketName,
} from "./libc.ts";

// bits/socket.h, uapi linux/netlink.h, uapi asm-generic/socket.h
const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_DROP_MEMBERSHIP = 2;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_DONTWAIT = 0x40;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** One message's refusal within a batch. */
export interface Refusal {
  readonly sequence: number;
  readonly errno: number;
  readonly text: string;
}

export interface NetlinkSocketOptions {
  readonly protocol: number;
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
}

/** Large enough for any message the kernel packs into one dump datagram (at most 32 KiB, include/net/netlink.h). */
const SCRATCH_BYTES = 65_536;

/** A netlink socket: requests with their acknowledgements, batches of them, dumps, and multicast events. Nothing here waits for an answer. */
export class NetlinkSocket {
  readonly fd: number;
  /** The kernel's name for this socket: events that it causes carry it. */
  readonly portId: number;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);

  constructor(options: NetlinkSocketOptions) {
    this.fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, options.protocol);
    try {
      if (options.receiveBufferBytes !== undefined) {
        setSocketOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBufferBytes);
      }
      if (options.sendBufferBytes !== undefined) {
        setSocketOption(this.fd, SOL_SOCKET, SO_SNDBUFFORCE, options.sendBufferBytes);
      }
      setSocketOption(this.fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      setSocketOption(this.fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
      if (options.protocol === NETLINK_ROUTE)
        setSocketOption(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
      const address = new Uint8Array(12); // struct sockaddr_nl: family, padding, port id, groups
      address[0] = AF_NETLINK;
      bindSocket(this.fd, address);
      this.portId = new DataView(socketName(this.fd, 12).buffer).getUint32(4, true);
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
  }

  subscribe(group: number): void {
    setSocketOption(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  unsubscribe(group: number): void {
    setSocketOption(this.fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
  }

  /** Hands messages to the kernel, which works them off before this returns. */
  send(messages: Uint8Array): void {
    const sent = sendTo(this.fd, messages, messages.length, 0, null);
    if (sent < 0) throw kernelError("netlink send", -sent);
  }

  /**
   * Sends a batch whose last message asks for an acknowledgement, and gathers the refusals of the others.
   * The kernel has worked off the whole batch before send returns, so the answers are already there.
   *
   * @param onAnswer gets what is no acknowledgement: answers to questions; their payloads are overwritten afterwards
   */
  transact(messages: Uint8Array, onAnswer?: (answer: NetlinkMessage) => void): Refusal[] {
    this.send(messages);
    return this.#refusals(onAnswer);
  }

  /**
   * As transact, and other work of this process goes on while the kernel lets the batch wait. One call at a time: the caller leaves
   * the socket and the memory of the messages alone meanwhile.
   */
  async transactInBackground(messages: Uint8Array): Promise<Refusal[]> {
    await this.#sendInBackground(messages);
    return this.#refusals();
  }

  #refusals(onAnswer?: (answer: NetlinkMessage) => void): Refusal[] {
    const refusals: Refusal[] = [];
    for (;;) {
      const answers = this.receive();
      // Answers that found no room are lost; those behind them are still to be read.
      if (answers === "overrun") continue;
      if (answers.length === 0) return refusals;
      for (const answer of answers) {
        if (answer.type !== NLMSG_ERROR) {
          onAnswer?.(answer);
          continue;
        }
        const acknowledgement = decodeAcknowledgement(answer);
        if (acknowledgement instanceof DecodeError || acknowledgement.errno === 0) continue;
        refusals.push({
          sequence: acknowledgement.requestSequence,
          errno: acknowledgement.errno,
          text: acknowledgement.text,
        });
      }
    }
  }

  /** As transact, for callers to whom any refusal is an error. */
  request(operation: string, messages: Uint8Array): void {
    const [refusal] = this.transact(messages);
    if (refusal !== undefined) {
      throw new KernelError(operation, refusal.errno, errorName(refusal.errno), refusal.text);
    }
  }

  /** Sends a dump request and returns all answers; for small tables, whose payloads are copied. */
  dump(request: Uint8Array): NetlinkMessage[] {
    this.send(request);
    const all: NetlinkMessage[] = [];
    while (!addToDump(all, this.receive()));
    return all;
  }

  /** As dump, in the manner of transactInBackground. */
  async dumpInBackground(request: Uint8Array): Promise<NetlinkMessage[]> {
    await this.#sendInBackground(request);
    const all: NetlinkMessage[] = [];
    for (;;) {
      const length = await receiveInBackground(this.fd, this.#scratch, MSG_DONTWAIT);
      // Asked again here, the kernel says why.
      if (addToDump(all, length < 0 ? this.receive() : this.#received(length))) return all;
    }
  }

  async #sendInBackground(messages: Uint8Array): Promise<void> {
    // Asked again here, the kernel says why.
    if ((await sendInBackground(this.fd, messages, messages.length)) < 0) this.send(messages);
  }

  /** The messages of one datagram, as views that the next receive overwrites; none when nothing waits; or that events were lost. */
  receive(): NetlinkMessage[] | "overrun" {
    const length = this.receiveInto(this.#scratch);
    if (length === -errno.ENOBUFS) return "overrun";
    return length <= 0 ? [] : this.#received(length);
  }

  #received(length: number): NetlinkMessage[] {
    const messages = decodeNetlinkMessages(this.#scratch.subarray(0, length));
    return messages instanceof DecodeError ? [] : messages;
  }

  /** One datagram into the caller's memory. @returns its length, 0 for nothing waiting, -ENOBUFS when events were lost */
  receiveInto(into: Uint8Array): number {
    return orNothing(receiveFrom(this.fd, into, MSG_DONTWAIT, null), "netlink receive");
  }

  /** As many waiting datagrams as fit, in one system call. @returns how many, 0 for none, -ENOBUFS when events were lost */
  receiveBatch(batch: DatagramBatch): number {
    return orNothing(receiveMessages(this.fd, batch.headers, batch.slots, MSG_DONTWAIT), "netlink receive");
  }

  close(): void {
    closeFd(this.fd);
  }
}

/** @returns whether the dump is over: at its end, or where nothing more comes */
function addToDump(all: NetlinkMessage[], messages: NetlinkMessage[] | "overrun"): boolean {
  if (messages === "overrun") throw kernelError("netlink dump", errno.ENOBUFS);
  for (const message of messages) {
    if (message.type === NLMSG_DONE) return true;
    if (message.type === NLMSG_ERROR) {
      const refused = decodeAcknowledgement(message);
      if (refused instanceof DecodeError || refused.errno === 0) continue;
      throw new KernelError("netlink dump", refused.errno, errorName(refused.errno), refused.text);
    }
    all.push({ ...message, payload: message.payload.slice() });
  }
  return messages.length === 0;
}

function orNothing(result: number, operation: string): number {
  if (result >= 0 || result === -errno.ENOBUFS) return result;
  if (result === -errno.EAGAIN || result === -errno.EINTR) return 0;
  throw kernelError(operation, -result);
}
