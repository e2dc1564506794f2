import { type ForwardedFilterOptions, forwardedFilter } from "./forwarded-filter.ts";
import { closeInBackground, ioctlRead, realTimeNs } from "./libc.ts";
import { PacketSocket } from "./packet-socket.ts";

/** ETH_P_ALL (uapi linux/if_ether.h): only such sockets see what leaves. */
const ETHERTYPE_ALL = 0x0003;
/** SIOCGSTAMPNS (uapi linux/sockios.h): when the packet that was read last went by, as struct timespec. */
const SIOCGSTAMPNS = 0x8907;
/** The first packets stay in the queue, later ones are dropped: a few are enough. */
const QUEUE_BYTES = 64 << 10;

/**
 * Sees forwarded packets leave by a device, with the time at which the kernel handled them: it does not matter how late they are
 * read. While the node is standby nothing is forwarded, so the socket costs nothing; while it is active every packet that
 * leaves costs a copy of its header, so it is to be closed after the first.
 */
export class FirstPacketSocket {
  readonly #socket: PacketSocket;
  readonly #into = new Uint8Array(1);
  readonly #stamp = new BigInt64Array(2);

  /** Throws KernelError, such as ENODEV. */
  constructor(device: string, options: ForwardedFilterOptions) {
    this.#socket = new PacketSocket({
      ...{ device, etherType: ETHERTYPE_ALL, receiveBufferBytes: QUEUE_BYTES },
      filter: forwardedFilter(options),
    });
    // The first question makes the kernel keep times for this socket; there is no packet yet.
    ioctlRead(this.#socket.fd, SIOCGSTAMPNS, new Uint8Array(this.#stamp.buffer));
  }

  /** @returns how many milliseconds ago the next packet left, or undefined when there is none */
  next(): number | undefined {
    if (this.#socket.receive(this.#into) === 0) return undefined;
    if (ioctlRead(this.#socket.fd, SIOCGSTAMPNS, new Uint8Array(this.#stamp.buffer)) < 0) return undefined;
    const atNs = (this.#stamp[0] ?? 0n) * 1_000_000_000n + (this.#stamp[1] ?? 0n);
    return Number(realTimeNs() - atNs) / 1e6;
  }

  close(): void {
    closeInBackground(this.#socket.fd);
  }
}
