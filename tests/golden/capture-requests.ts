import { validIp } from "../../src/base/ip.ts";
import { setSocketOption } from "../../src/linux/libc.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "../../src/linux/netlink-socket.ts";
import { PollSet } from "../../src/linux/poll.ts";
import { AF_INET, AF_INET6 } from "../../src/wire/conntrack-constants.ts";
import { writeCreate, writeDelete, writeGet, writeUpdate } from "../../src/wire/conntrack-request.ts";
import { writeExpect, writeExpectationDump, writeUnexpect } from "../../src/wire/expectation-request.ts";
import { goldenExpectations } from "../../src/wire/expectations.test-data.ts";
import { goldenFlows, rareFlows } from "../../src/wire/flows.test-data.ts";
import { NetlinkWriter, NLM_F_ACK } from "../../src/wire/netlink.ts";
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  writeAddAddress,
  writeAddressDump,
  writeDeleteAddress,
  writeLinkDump,
  writeRouteDump,
} from "../../src/wire/route-message.ts";
import { run } from "../network/test-host.ts";
import type { GoldenMessage } from "./golden-file.ts";
import { receiveAll } from "./raw-conntrack.ts";

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10; // uapi linux/netlink.h
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV6_IFADDR = 9;
const AF_UNSPEC = 0;
const AF_BRIDGE = 7;
const RT_TABLE_MAIN = 254; // uapi linux/rtnetlink.h; in struct rtmsg at byte 4

/** Our own requests, in the form that this kernel took without a refusal. */
export function captureRequests(): Map<string, GoldenMessage> {
  const messages = new Map<string, GoldenMessage>();
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  for (const [name, flow] of Object.entries(goldenFlows())) {
    for (const [verb, write] of Object.entries({
      create: writeCreate,
      update: writeUpdate,
      delete: writeDelete,
    })) {
      const note = verb === "delete" ? listed() : "";
      const writer = new NetlinkWriter(1_024);
      write(writer, flow, 1);
      writer.addFlagsToLast(NLM_F_ACK);
      socket.request(`${verb} ${name}`, writer.written());
      messages.set(`${name}-${verb}`, { bytes: writer.written().slice(), note: note || listed() });
    }
  }
  socket.close();
  return messages;
}

/**
 * Kinds that have no traffic here: made through ctnetlink, and read back from the kernel's tables. The kernel of the capture
 * must have them all (but DCCP, which left Linux with 6.16).
 */
export function captureKinds(): Map<string, GoldenMessage> {
  const messages = new Map<string, GoldenMessage>();
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  const writer = new NetlinkWriter(2_048);
  const keep = (name: string, write: (writer: NetlinkWriter) => void) => {
    writer.reset();
    write(writer);
    writer.addFlagsToLast(NLM_F_ACK);
    socket.request(name, writer.written());
    messages.set(name, { bytes: writer.written().slice(), note: "" });
  };
  const dump = (write: (writer: NetlinkWriter) => void) => {
    writer.reset();
    write(writer);
    socket.send(writer.written());
    return receiveAll(socket);
  };
  for (const [name, flow] of Object.entries(rareFlows())) {
    if (name === "dccp4") continue;
    keep(`${name}-create`, (to) => writeCreate(to, flow, 1));
    keep(`${name}-update`, (to) => writeUpdate(to, flow, 1));
    const [entry] = dump((to) => writeGet(to, flow, 1));
    if (entry === undefined) throw new Error(`${name} is not in the table`);
    messages.set(`${name}-entry`, { bytes: entry, note: listed() });
  }
  for (const [name, expectation] of Object.entries(goldenExpectations())) {
    // The signalling's master is in a zone, where none of these flows is.
    if (name === "expect-sip-signalling-zone") continue;
    keep(`${name}-create`, (to) => writeExpect(to, expectation, 1));
    keep(`${name}-again`, (to) => writeExpect(to, expectation, 1));
    const note = run("conntrack", ["-L", "expect"]).trim();
    const [entry] = dump((to) => writeExpectationDump(to, 1));
    if (entry === undefined) throw new Error(`${name} is not in the table`);
    messages.set(`${name}-entry`, { bytes: entry, note });
    keep(`${name}-delete`, (to) => writeUnexpect(to, expectation, 1));
  }
  for (const [name, flow] of Object.entries(rareFlows()).reverse()) {
    if (name !== "dccp4") keep(`${name}-delete`, (to) => writeDelete(to, flow, 1));
  }
  socket.close();
  return messages;
}

function listed(): string {
  return run("conntrack", ["-L", "-o", "extended"]).trim();
}

/** Answers to requests that succeed and that fail, short (NETLINK_CAP_ACK) and whole, with the kernel's words. */
export function captureAcknowledgements(): Map<string, GoldenMessage> {
  const messages = new Map<string, GoldenMessage>();
  const keep = (name: string, socket: NetlinkSocket, request: NetlinkWriter, note: string) => {
    request.addFlagsToLast(NLM_F_ACK);
    socket.send(request.written());
    const [bytes] = receiveAll(socket);
    if (bytes !== undefined) messages.set(name, { bytes, note });
  };
  const flow = goldenFlows()["tcp4"];
  const conntrack = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  const request = new NetlinkWriter(1_024);
  if (flow === undefined) throw new Error("no such flow");
  writeCreate(request, flow, 7);
  keep("success", conntrack, request, "a flow was created");
  keep("exists", conntrack, request, "the same flow was created again");
  request.reset();
  writeDelete(request, flow, 8);
  keep("success-delete", conntrack, request, "the flow was deleted");
  keep("absent", conntrack, request, "it was deleted again");
  conntrack.close();
  const route = new NetlinkSocket({ protocol: NETLINK_ROUTE });
  request.reset();
  const wrong = { deviceIndex: 1, address: validIp("192.0.2.9"), prefixLength: 77, validSeconds: 2 };
  writeAddAddress(request, wrong, 9);
  keep("words-capped", route, request, "192.0.2.9/77 was added");
  setSocketOption(route.fd, SOL_NETLINK, NETLINK_CAP_ACK, 0);
  keep("words-whole", route, request, "the same, and the answer repeats the request (NETLINK_CAP_ACK off)");
  route.close();
  return messages;
}

/** Links, addresses and routes of the gateway: dump entries, and events when an address comes and goes. */
export function captureRoutes(): Map<string, GoldenMessage> {
  const messages = new Map<string, GoldenMessage>();
  const socket = new NetlinkSocket({ protocol: NETLINK_ROUTE });
  const keepAll = (name: string, write: (writer: NetlinkWriter) => void, remarks: readonly string[]) => {
    const request = new NetlinkWriter(64);
    write(request);
    socket.send(request.written());
    // Of routes, those of the main table: the local table holds only what follows from the addresses.
    const found = receiveAll(socket).filter(
      (bytes) => !name.startsWith("route") || bytes[20] === RT_TABLE_MAIN,
    );
    const notes = remarks.flatMap((command) => run("ip", command.split(" ")).trim().split("\n"));
    for (const [index, bytes] of found.entries())
      messages.set(`${name}-${index}`, { bytes, note: notes[index] ?? "" });
  };
  run("ip", ["route", "add", "198.51.100.0/24", "via", "192.0.2.80"]);
  run("ip", ["route", "add", "default", "via", "2001:db8::80"]);
  keepAll("link", writeLinkDump, ["-o link"]);
  keepAll("address", writeAddressDump, ["-4 -o addr", "-6 -o addr"]);
  keepAll("route4", (writer) => writeRouteDump(writer, 4), ["-4 route show"]);
  keepAll("route6", (writer) => writeRouteDump(writer, 6), ["-6 route show"]);
  socket.close();
  for (const [name, bytes] of captureRouteEvents()) messages.set(name, { bytes, note: "" });
  return messages;
}

function captureRouteEvents(): [string, Uint8Array][] {
  const events = new NetlinkSocket({ protocol: NETLINK_ROUTE });
  for (const group of [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]) events.subscribe(group);
  const requests = new NetlinkSocket({ protocol: NETLINK_ROUTE });
  const poll = new PollSet([events.fd]);
  const kept: [string, Uint8Array][] = [];
  /** Keeps the last event of this type and family; some come a little later than what causes them. */
  const keep = (name: string, type: number, family: number) => {
    let found: Uint8Array | undefined;
    while (poll.wait(300) > 0) {
      for (const bytes of receiveAll(events)) if (bytes[4] === type && bytes[16] === family) found = bytes;
    }
    if (found === undefined) throw new Error(`no event ${name}`);
    kept.push([name, found]);
  };
  const writer = new NetlinkWriter(512);
  for (const [name, family, address, prefixLength] of [
    ["v4", AF_INET, "192.0.2.7", 24],
    ["v6", AF_INET6, "2001:db8::7", 64],
  ] as const) {
    const change = { deviceIndex: 1, address: validIp(address), prefixLength };
    writer.reset();
    writeAddAddress(writer, { ...change, validSeconds: 60 }, 1);
    writer.addFlagsToLast(NLM_F_ACK);
    requests.request("add", writer.written());
    keep(`event-address-added-${name}`, RTM_NEWADDR, family);
    writer.reset();
    writeDeleteAddress(writer, change, 1);
    writer.addFlagsToLast(NLM_F_ACK);
    requests.request("delete", writer.written());
    keep(`event-address-removed-${name}`, RTM_DELADDR, family);
  }
  run("ip", ["link", "set", "wan0", "down"]);
  keep("event-link-down", RTM_NEWLINK, AF_UNSPEC);
  run("ip", ["link", "add", "bridge0", "type", "bridge"]);
  run("ip", ["link", "set", "wan0", "master", "bridge0"]);
  run("ip", ["link", "set", "wan0", "nomaster"]);
  keep("event-link-left-bridge", RTM_DELLINK, AF_BRIDGE);
  run("ip", ["link", "del", "wan0"]);
  keep("event-link-removed", RTM_DELLINK, AF_UNSPEC);
  events.close();
  requests.close();
  return kept;
}
