import { readFileSync } from "node:fs";
import { equalIp, type IpAddress } from "../base/ip.ts";
import { IPPROTO_TCP } from "../wire/conntrack-constants.ts";
import { writeDelete } from "../wire/conntrack-request.ts";
import { FlowFields } from "../wire/flow-fields.ts";
import { NetlinkWriter, NLM_F_ACK } from "../wire/netlink.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

export interface OwnConnections {
  readonly address: IpAddress;
  readonly peers: readonly IpAddress[];
  /** At either end. */
  readonly ports: readonly number[];
}

/** One TCP connection as its socket here has it. */
export interface OwnConnection {
  readonly local: End;
  readonly remote: End;
}

/** This node's own TCP connections to others: the sockets are looked up, and not the table, which may be large. */
export function listOwnConnections({ address, peers, ports }: OwnConnections): OwnConnection[] {
  return tcpSockets(address.length === 4 ? "tcp" : "tcp6").filter(
    ({ local, remote }) =>
      equalIp(local.address, address) &&
      peers.some((peer) => equalIp(peer, remote.address)) &&
      (ports.includes(local.port) || ports.includes(remote.port)),
  );
}

/**
 * Makes the kernel forget the entries of this node's own connections, for which rules have just said that they are not tracked: no
 * packet would ever touch them again, and they would stay for the days of an established connection.
 *
 * Throws KernelError where conntrack itself is missing.
 *
 * @returns how many entries there were
 */
export function untrackConnections(connections: readonly OwnConnection[]): number {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  try {
    const writer = new NetlinkWriter(1_024);
    const fields = new FlowFields();
    let forgotten = 0;
    for (const { local, remote } of connections) {
      fields.clear();
      fields.family = local.address.length === 4 ? 4 : 6;
      fields.protocol = IPPROTO_TCP;
      // Of an incoming connection this is the reply direction: the kernel finds it as well.
      fields.original.source.set(local.address);
      fields.original.destination.set(remote.address);
      fields.original.sourcePort = local.port;
      fields.original.destinationPort = remote.port;
      fields.invertOriginal();
      writer.reset();
      writeDelete(writer, fields, 0);
      writer.addFlagsToLast(NLM_F_ACK);
      // Most are not there: connections that began after the rules.
      if (socket.transact(writer.written()).length === 0) forgotten++;
    }
    return forgotten;
  } finally {
    socket.close();
  }
}

interface End {
  readonly address: IpAddress;
  readonly port: number;
}

/** TCP sockets of this namespace, those that wait for their last packets included (proc(5), /proc/net/tcp). */
function tcpSockets(file: "tcp" | "tcp6"): OwnConnection[] {
  const lines = readFileSync(`/proc/net/${file}`, "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const [, local = "", remote = ""] = line.trim().split(/\s+/);
    return { local: parseEnd(local), remote: parseEnd(remote) };
  });
}

/** `0100007F:1F90`: words of 32 bits of an address in network byte order, printed as this machine's numbers; then the port. */
function parseEnd(text: string): End {
  const [hex = "", port = ""] = text.split(":");
  const words = Uint32Array.from(hex.match(/.{8}/g) ?? [], (word) => Number.parseInt(word, 16));
  return { address: new Uint8Array(words.buffer), port: Number.parseInt(port, 16) };
}
