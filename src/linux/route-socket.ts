import { DecodeError } from "../base/decode-error.ts";
import { NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP } from "../wire/netlink.ts";
import {
  type AddressChange,
  type AddressState,
  decodeAddress,
  decodeLink,
  decodeRoute,
  type LinkState,
  type MacvlanDevice,
  type RouteState,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWROUTE,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  writeAddAddress,
  writeAddMacvlan,
  writeAddressDump,
  writeDeleteAddress,
  writeDeleteLink,
  writeLinkDump,
  writeSetLink,
} from "../wire/route-message.ts";
import { errno } from "./libc.ts";
import { NETLINK_ROUTE, NetlinkSocket, type Refusal } from "./netlink-socket.ts";
import {
  attachFilter,
  DROP,
  type FilterInstruction,
  JUMP_EQUAL,
  KEEP,
  LOAD_BYTE,
  LOAD_HALF,
  RETURN,
} from "./socket-filter.ts";

/** Requests of one system call fit here. */
const WRITER_BYTES = 65_536;
/** A request is at most this long: an IPv6 address with all its attributes has 80 bytes, a route 84. */
const REQUEST_BYTES_MAX = 128;
const REQUESTS_MAX = Math.floor(WRITER_BYTES / REQUEST_BYTES_MAX);

/**
 * Addresses and links of this network namespace (rtnetlink), changed in batches of one system call. It waits in the kernel where
 * somebody else configures the network (rtnl_lock): a process that answers others takes BackgroundRouteSocket.
 */
export class RouteSocket {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_ROUTE, receiveBufferBytes: 1 << 20 });
  readonly #writer = new NetlinkWriter(WRITER_BYTES);

  /** Adds all addresses, or renews their lifetimes, in order. @returns the refusals; `sequence` is the index */
  addAddresses(changes: readonly AddressChange[]): Refusal[] {
    return this.#each(changes, writeAddAddress);
  }

  /**
   * Goes the way of addAddresses() and changes nothing: where that must be quick, it is not to be for the first time. The kernel gets a message that it only
   * acknowledges, so that nobody is waited for.
   */
  rehearseAddAddresses(changes: readonly AddressChange[]): void {
    this.#write(changes.slice(0, REQUESTS_MAX), 0, writeAddAddress);
    this.#writer.reset();
    this.#writer.begin(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 0);
    this.#writer.end();
    this.#socket.transact(this.#writer.written());
  }

  /** Deletes all addresses; those that are gone already are no refusals. */
  deleteAddresses(changes: readonly Omit<AddressChange, "validSeconds">[]): Refusal[] {
    const refusals = this.#each(changes, writeDeleteAddress);
    return refusals.filter(
      (refusal) => refusal.errno !== errno.EADDRNOTAVAIL && refusal.errno !== errno.ENODEV,
    );
  }

  /** Brings devices up or down, all in one system call. */
  setLinks(deviceIndices: readonly number[], up: boolean): Refusal[] {
    return this.#each(deviceIndices, (writer, index, sequence) => writeSetLink(writer, index, up, sequence));
  }

  addMacvlan(device: MacvlanDevice): Refusal[] {
    return this.#each([device], writeAddMacvlan);
  }

  deleteLink(deviceIndex: number): Refusal[] {
    return this.#each([deviceIndex], writeDeleteLink);
  }

  links(): LinkState[] {
    this.#writer.reset();
    writeLinkDump(this.#writer);
    return decodeAll(this.#socket.dump(this.#writer.written()).map(decodeLink));
  }

  addresses(): AddressState[] {
    this.#writer.reset();
    writeAddressDump(this.#writer);
    return decodeAll(this.#socket.dump(this.#writer.written()).map(decodeAddress));
  }

  close(): void {
    this.#socket.close();
  }

  #each<T>(
    changes: readonly T[],
    write: (writer: NetlinkWriter, change: T, sequence: number) => void,
  ): Refusal[] {
    const refusals: Refusal[] = [];
    for (let begin = 0; begin < changes.length; begin += REQUESTS_MAX) {
      this.#write(changes.slice(begin, begin + REQUESTS_MAX), begin, write);
      refusals.push(...this.#socket.transact(this.#writer.written()));
    }
    return refusals;
  }

  #write<T>(
    part: readonly T[],
    begin: number,
    write: (writer: NetlinkWriter, change: T, sequence: number) => void,
  ): void {
    this.#writer.reset();
    for (const [index, change] of part.entries()) write(this.#writer, change, begin + index);
    this.#writer.addFlagsToLast(NLM_F_ACK);
  }
}

const AF_UNSPEC = 0; // bits/socket.h; the first byte of struct ifinfomsg

export type NetworkEvent =
  | { readonly kind: "link"; readonly link: LinkState; readonly removed: boolean }
  | { readonly kind: "address"; readonly address: AddressState; readonly removed: boolean }
  | { readonly kind: "route"; readonly route: RouteState; readonly removed: boolean }
  /** Events were lost: read the present state anew. */
  | { readonly kind: "overrun" };

export interface NetworkEventsOptions {
  /** Also changes of routes: on a router with a routing daemon there are many. */
  readonly routes?: boolean;
  /**
   * Which new addresses are told of: all, or those of link scope only, such as fe80::1. Addresses whose lifetimes are renewed
   * count as new each time: a node that holds many would be woken for every one. Addresses that go are always told of.
   */
  readonly added?: "all" | "link-scope";
}

// uapi linux/netlink.h, linux/if_addr.h, linux/rtnetlink.h: the type in the message's header, in the machine's byte order, and the
// scope in struct ifaddrmsg behind that header of 16 bytes.
const TYPE_OFFSET = 4;
const SCOPE_OFFSET = 16 + 3;
const RT_SCOPE_LINK = 253;

/** The kernel sends each change as a datagram of its own. */
const dropsOtherScopes: readonly FilterInstruction[] = [
  [LOAD_HALF, 0, 0, TYPE_OFFSET],
  [JUMP_EQUAL, 0, 2, RTM_NEWADDR << 8],
  [LOAD_BYTE, 0, 0, SCOPE_OFFSET],
  [JUMP_EQUAL, 0, 1, RT_SCOPE_LINK],
  [RETURN, 0, 0, KEEP],
  [RETURN, 0, 0, DROP],
];

const EVENTS_BYTES = 1 << 20;
/** The kernel takes twice the room that it is asked for, and needs more than 256 bytes for a datagram. */
const WAITING_MAX = (2 * EVENTS_BYTES) / 256;

/** Changes of links and addresses, and of routes on request, in this network namespace, as the kernel reports them. */
export class NetworkEvents {
  readonly #socket = new NetlinkSocket({ protocol: NETLINK_ROUTE, receiveBufferBytes: EVENTS_BYTES });
  /** A datagram is cut off at its end, which is nobody's loss. */
  readonly #discarded = new Uint8Array(1);

  constructor({ routes = false, added = "all" }: NetworkEventsOptions = {}) {
    if (added === "link-scope") attachFilter(this.#socket.fd, dropsOtherScopes);
    const groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR];
    if (routes) groups.push(RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE);
    for (const group of groups) this.#socket.subscribe(group);
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /** The events of one waiting datagram; none when nothing waits. */
  read(): NetworkEvent[] {
    const messages = this.#socket.receive();
    if (messages === "overrun") {
      this.#discard();
      return [{ kind: "overrun" }];
    }
    const events: NetworkEvent[] = [];
    for (const message of messages) {
      if (message.type === RTM_NEWLINK || message.type === RTM_DELLINK) {
        // A device that joins or leaves a bridge is told of with the bridge's family: it is not gone.
        if (message.payload[0] !== AF_UNSPEC) continue;
        const link = decodeLink(message);
        if (!(link instanceof DecodeError))
          events.push({ kind: "link", link, removed: message.type === RTM_DELLINK });
      } else if (message.type === RTM_NEWADDR || message.type === RTM_DELADDR) {
        const address = decodeAddress(message);
        const removed = message.type === RTM_DELADDR;
        if (!(address instanceof DecodeError)) events.push({ kind: "address", address, removed });
      } else if (message.type === RTM_NEWROUTE || message.type === RTM_DELROUTE) {
        const route = decodeRoute(message);
        const removed = message.type === RTM_DELROUTE;
        if (!(route instanceof DecodeError)) events.push({ kind: "route", route, removed });
      }
    }
    return events;
  }

  /**
   * Events that were lost are younger than those that wait, and the kernel drops further ones, without a word, until nothing waits any more
   * (netlink_overrun and netlink_rcv_wake, net/netlink/af_netlink.c). So whoever reads the state anew begins behind them all.
   */
  #discard(): void {
    for (let left = WAITING_MAX; left > 0; left--)
      if (this.#socket.receiveInto(this.#discarded) === 0) return;
  }

  close(): void {
    this.#socket.close();
  }
}

export function decodeAll<T>(decoded: readonly (T | DecodeError)[]): T[] {
  return decoded.filter((value): value is T => !(value instanceof DecodeError));
}
