// Captures the bytes that the tests in src/wire decode: what this kernel sends for real traffic through a real NAT.
//
//   kernel    the one this runs on; the files beside this one were made on Linux 6.18, x86_64
//   tools     nftables 1.0.6, conntrack-tools 1.4.7, iproute2 6.1.0 (Debian 12)
//   command   sudo bash scripts/node.sh tests/golden/capture.ts      (rewrites tests/golden/*.hex; 10 seconds)
//
//      client 10.1.0.10, fd00:1::10  --- lan0 [ gateway: this process ] wan0 ---  server 192.0.2.80, 2001:db8::80
import "../network/own-namespace.ts";
import { writeFileSync } from "node:fs";
import { release } from "node:os";
import { Conversation, serve } from "../network/conversation.ts";
import { run, runIp, TestHost } from "../network/test-host.ts";
import { captureAcknowledgements, captureKinds, captureRequests, captureRoutes } from "./capture-requests.ts";
import { type GoldenMessage, renderGolden } from "./golden-file.ts";
import { RawConntrack } from "./raw-conntrack.ts";

const RULES = `
table inet golden {
  chain zones {
    type filter hook prerouting priority raw
    th dport 5006 ct zone set 7
    th sport 5006 ct zone set 7
  }
  chain forwarded {
    type filter hook forward priority filter
    tcp dport 5001 ct event set assured,destroy
    th dport { 5006, 5008 } ct mark set 42
    meta mark 0xffffffff ct label set 1  # Never: but with such a rule the kernel gives flows room for labels.
  }
  chain before {
    type nat hook prerouting priority dstnat
    ip daddr 192.0.2.1 tcp dport 5003 dnat ip to 10.1.0.10:80
    ip daddr 10.1.0.1 tcp dport 5004 dnat ip to 192.0.2.80:80
  }
  chain after {
    type nat hook postrouting priority srcnat
    ip saddr 10.1.0.0/24 th dport { 5001, 80 } snat ip to 192.0.2.1
    ip saddr 10.1.0.0/24 udp dport 5007 snat ip to 192.0.2.1:40007
    ip saddr 10.1.0.0/24 meta l4proto icmp snat ip to 192.0.2.1
    ip6 saddr fd00:1::/64 tcp dport 5005 snat ip6 to 2001:db8::1
  }
}`;

interface Case {
  readonly name: string;
  readonly from: "client" | "server";
  readonly protocol: "tcp" | "udp";
  /** Where the caller sends. */
  readonly to: string;
  readonly port: number;
  /** Where the server listens, when translation changes it. */
  readonly listen: string;
  readonly listenPort?: number;
  readonly localPort: number;
}

const v4 = { from: "client", to: "192.0.2.80", listen: "192.0.2.80" } as const;
const v6 = { from: "client", to: "2001:db8::80", listen: "2001:db8::80" } as const;
const cases: readonly Case[] = [
  { ...v4, name: "tcp4-source", protocol: "tcp", port: 5001, localPort: 41001 },
  { ...v4, name: "tcp4-plain", protocol: "tcp", port: 5002, localPort: 41002 },
  {
    ...{ name: "tcp4-destination", from: "server", protocol: "tcp", to: "192.0.2.1", port: 5003 },
    ...{ listen: "10.1.0.10", listenPort: 80, localPort: 41003 },
  },
  { ...v4, name: "tcp4-both", protocol: "tcp", to: "10.1.0.1", port: 5004, listenPort: 80, localPort: 41004 },
  { ...v6, name: "tcp6-source", protocol: "tcp", port: 5005, localPort: 41005 },
  { ...v4, name: "tcp4-zone-mark", protocol: "tcp", port: 5006, localPort: 41006 },
  { ...v4, name: "udp4-source-port", protocol: "udp", port: 5007, localPort: 41007 },
  { ...v6, name: "udp6-mark", protocol: "udp", port: 5008, localPort: 41008 },
];

const events = new Map<string, GoldenMessage>();
const entries = new Map<string, GoldenMessage>();
const [client, server] = await buildNetwork();
const conntrack = new RawConntrack();
try {
  for (const one of cases) await captureTalk(one);
  captureEcho("icmp4-source", "192.0.2.80", 0x1234);
  captureEcho("icmp6-plain", "2001:db8::80", 0x4321);
  write("conntrack-events", "ctnetlink events of one flow each", events);
  write("conntrack-entries", "entries of a ctnetlink dump, one flow each", entries);
  write("conntrack-requests", "requests of ours that this kernel took", captureRequests());
  write(
    "conntrack-kinds",
    "rare kinds of flows and expectations: our requests, and the entries",
    captureKinds(),
  );
  write("netlink-acks", "acknowledgements and refusals (NLMSG_ERROR)", captureAcknowledgements());
  write("rtnetlink", "rtnetlink dump entries and events", captureRoutes());
} finally {
  conntrack.close();
  client.close();
  server.close();
}

async function buildNetwork(): Promise<[TestHost, TestHost]> {
  const hosts = [await TestHost.start(), await TestHost.start()] as [TestHost, TestHost];
  runIp([
    "link set lo up",
    "link add lan0 address 02:00:00:00:01:01 type veth peer name eth0",
    "link set lan0 up",
  ]);
  hosts[0].take("eth0");
  runIp(["link add wan0 address 02:00:00:00:02:01 type veth peer name eth0", "link set wan0 up"]);
  hosts[1].take("eth0");
  runIp([
    ...["addr add 10.1.0.1/24 dev lan0", "addr add fd00:1::1/64 dev lan0 nodad"],
    ...["addr add 192.0.2.1/24 dev wan0", "addr add 2001:db8::1/64 dev wan0 nodad"],
  ]);
  hosts[0].runIp([
    ...["link set eth0 up", "addr add 10.1.0.10/24 dev eth0", "addr add fd00:1::10/64 dev eth0 nodad"],
    ...["route add default via 10.1.0.1", "route add default via fd00:1::1"],
  ]);
  hosts[1].runIp([
    ...["link set eth0 up", "addr add 192.0.2.80/24 dev eth0", "addr add 2001:db8::80/64 dev eth0 nodad"],
    ...["route add default via 192.0.2.1", "route add default via 2001:db8::1"],
  ]);
  // Traps of design section 8: events for flows that begin before a listener does, and no entry for a half-seen flow.
  const settings = ["ipv4.ip_forward=1", "ipv6.conf.all.forwarding=1", "netfilter.nf_conntrack_events=1"];
  run("sysctl", ["-qw", ...settings.map((setting) => `net.${setting}`)]);
  run("nft", ["-f", "-"], RULES);
  return hosts;
}

async function captureTalk(one: Case): Promise<void> {
  const [caller, listener] = one.from === "client" ? [client, server] : [server, client];
  const { protocol, to, port, localPort } = one;
  await serve(listener, { protocol, address: one.listen, port: one.listenPort ?? port });
  begin();
  const talk = new Conversation(caller, { protocol, address: to, port }, localPort);
  if ((await talk.hear()) !== "connected") throw new Error(`${one.name}: no connection`);
  if ((await talk.exchange("spark")) !== "spark") throw new Error(`${one.name}: no echo`);
  keepEntry(one.name);
  if (protocol === "udp") {
    // A UDP flow is a stream, and assured, when it goes on after two seconds (nf_conntrack_proto_udp.c).
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    await talk.exchange("spark again");
    keepEntry(`${one.name}-assured`);
  }
  keepEvents(one.name);
}

function captureEcho(name: string, address: string, id: number): void {
  begin();
  // Sent by the client's kernel through a raw socket: Debian has no ping by default.
  const path = new URL("send-echo.ts", import.meta.url).pathname;
  client.run(process.execPath, [path, address, String(id)]);
  keepEntry(name);
  keepEvents(name);
}

function begin(): void {
  run("conntrack", ["-F"]);
  conntrack.drain();
}

function keepEntry(name: string): void {
  const [bytes, ...others] = conntrack.dump();
  if (bytes === undefined || others.length > 0) throw new Error(`${name}: ${others.length + 1} entries`);
  entries.set(name, { bytes, note: listed() });
}

/** The first event (new, or assured where only that is wanted), the last update, and the flow's end. */
function keepEvents(name: string): void {
  const note = listed();
  const [first, ...rest] = conntrack.drain();
  if (first === undefined) throw new Error(`${name}: no event`);
  events.set(`${name}-first`, { bytes: first, note });
  const last = rest.at(-1);
  if (last !== undefined) events.set(`${name}-last-update`, { bytes: last, note });
  run("conntrack", ["-F"]);
  const destroyed = conntrack.drain().at(-1);
  if (destroyed === undefined) throw new Error(`${name}: no destroy event`);
  events.set(`${name}-destroy`, { bytes: destroyed, note: `${note}\nended by conntrack -F` });
}

function listed(): string {
  return run("conntrack", ["-L", "-o", "extended"]).trim();
}

function write(name: string, what: string, messages: ReadonlyMap<string, GoldenMessage>): void {
  const head = [
    `Captured bytes: ${what}. Each begins with its netlink header.`,
    `kernel   Linux ${release()} x86_64`,
    "tool     tests/golden/capture.ts; remarks are what conntrack -L -o extended, or ip, says of the same object",
    "command  sudo bash scripts/node.sh tests/golden/capture.ts",
  ];
  writeFileSync(new URL(`${name}.hex`, import.meta.url), renderGolden(head, messages));
  process.stdout.write(`${name}.hex: ${messages.size} messages\n`);
}
