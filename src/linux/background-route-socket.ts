import type { DecodeError } from "../base/decode-error.ts";
import { type NetlinkMessage, NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import {
  type AddressState,
  decodeAddress,
  decodeLink,
  decodeRoute,
  type LinkState,
  type RouteChange,
  type RouteState,
  writeAddNewRoute,
  writeAddRoute,
  writeAddressDump,
  writeDeleteRoute,
  writeLinkDump,
  writeRouteDump,
} from "../wire/route-message.ts";
import { NETLINK_ROUTE, NetlinkSocket, type Refusal } from "./netlink-socket.ts";
import { decodeAll } from "./route-socket.ts";

/** A single request fits many times over: a route has 84 bytes. */
const WRITER_BYTES = 4_096;

/**
 * Links, addresses and routes of this network namespace (rtnetlink), for a process that answers others meanwhile: the kernel lets
 * each request wait while somebody else configures the network (rtnl_lock), for seconds where that one gets no processor. Requests
 * wait on a thread of Node's pool (libuv, four threads that files need, too), one after the other, so share one socket in a process.
 */
export class BackgroundRouteSocket {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_ROUTE, receiveBufferBytes: 1 << 20 });
  readonly #writer = new NetlinkWriter(WRITER_BYTES);
  /** Requests go one after the other. Bounded by the callers: each has one under way. */
  #last: Promise<unknown> = Promise.resolve();

  links(): Promise<LinkState[]> {
    return this.#dump(writeLinkDump, decodeLink);
  }

  addresses(): Promise<AddressState[]> {
    return this.#dump(writeAddressDump, decodeAddress);
  }

  /** @param protocol only the routes that it has set; default: all */
  routes(family: 4 | 6, protocol = 0): Promise<RouteState[]> {
    return this.#dump((writer) => writeRouteDump(writer, family, protocol), decodeRoute);
  }

  /** @returns why the kernel refused; undefined: it is there */
  addRoute(change: RouteChange): Promise<Refusal | undefined> {
    return this.#change((writer) => writeAddRoute(writer, change, 0));
  }

  /** Adds a route where there is none to its network with its metric; else that is a refusal (EEXIST). */
  addNewRoute(change: RouteChange): Promise<Refusal | undefined> {
    return this.#change((writer) => writeAddNewRoute(writer, change, 0));
  }

  deleteRoute(change: RouteChange): Promise<Refusal | undefined> {
    return this.#change((writer) => writeDeleteRoute(writer, change, 0));
  }

  /** When nothing is under way any more. */
  async close(): Promise<void> {
    await this.#alone(async () => this.#socket.close());
  }

  #dump<T>(
    write: (writer: NetlinkWriter) => void,
    decode: (message: NetlinkMessage) => T | DecodeError,
  ): Promise<T[]> {
    return this.#alone(async () => {
      this.#writer.reset();
      write(this.#writer);
      return decodeAll((await this.#socket.dumpInBackground(this.#writer.written())).map(decode));
    });
  }

  #change(write: (writer: NetlinkWriter) => void): Promise<Refusal | undefined> {
    return this.#alone(async () => {
      this.#writer.reset();
      write(this.#writer);
      this.#writer.addFlagsToLast(NLM_F_ACK);
      return (await this.#socket.transactInBackground(this.#writer.written()))[0];
    });
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    // A failure is its caller's matter, not of the one who comes next.
    this.#last = mine.catch(() => {});
    return await mine;
  }
}
