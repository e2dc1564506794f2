import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/linux/netlink-socket.ts";
import {
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from "../../src/wire/conntrack-constants.ts";
import { writeDump } from "../../src/wire/conntrack-request.ts";
import { decodeNetlinkMessages, NetlinkWriter, NLMSG_DONE } from "../../src/wire/netlink.ts";

/** Conntrack events and dumps of this namespace as the kernel sends them: bytes, undecoded. */
export class RawConntrack {
  readonly #events = new NetlinkSocket({ protocol: NETLINK_NETFILTER });

  constructor() {
    for (const group of [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY]) {
      this.#events.subscribe(group);
    }
  }

  /** The events that wait, each with its netlink header. */
  drain(): Uint8Array[] {
    return receiveAll(this.#events);
  }

  /** The entries of a whole dump, each with its netlink header. */
  dump(): Uint8Array[] {
    const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
    const request = new NetlinkWriter(64);
    writeDump(request, 1);
    socket.send(request.written());
    const all = receiveAll(socket);
    socket.close();
    return all;
  }

  close(): void {
    this.#events.close();
  }
}

/** Every message that waits on the socket, cut apart; the end of a dump is left out. */
export function receiveAll(socket: NetlinkSocket): Uint8Array[] {
  const all: Uint8Array[] = [];
  const into = new Uint8Array(65_536);
  for (;;) {
    const length = socket.receiveInto(into);
    if (length <= 0) return all;
    const datagram = into.slice(0, length);
    const messages = decodeNetlinkMessages(datagram);
    if (!Array.isArray(messages)) throw new Error(`not netlink: ${messages.reason}`);
    for (const message of messages) {
      const end = message.payload.byteOffset + message.payload.length;
      if (message.type !== NLMSG_DONE) all.push(datagram.slice(message.payload.byteOffset - 16, end));
    }
  }
}
