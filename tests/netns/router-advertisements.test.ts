import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { DecodeError } from "../../src/base/decode-error.ts";
import { formatIp } from "../../src/base/ip.ts";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, documentPath } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { decodeIcmpv6Frame, type Icmpv6Frame } from "../../src/wire/icmpv6-frame.ts";
import { NEIGHBOR_ADVERTISEMENT } from "../../src/wire/ndp.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { clientMac, gatewayMac } from "./namespace-frames.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// A host that has nothing but what router advertisements tell it, while its router moves between gw1 and gw2. Gateways
// detect duplicate addresses, as machines do outside of the lab: a virtual address must not wait for that.

const ROUTER = "fe80::51:1";
/** Made of the client's hardware address 02:00:00:00:c1:01 (RFC 4291, appendix A). */
const HOST = "fd00:1::ff:fe00:c101";
const SERVER = "2001:db8::9";
const VIRTUAL_WAN = "2001:db8::1";
const SERVICE_PORT = 7_008;
const ALL_HOSTS = "ff02::1";
const LIFETIME_SECONDS = 7_200;
const ROUTER_ADVERTISEMENT = 134;
/** From its type to the options: what every message of discovery has at least. */
const MESSAGE_BYTES_MIN = 8;
/**
 * A new active says it three times, 4 s apart, and then not for half an hour: what comes later than this is not the first of the three,
 * which takes a few milliseconds.
 */
const AT_ONCE_MS = 1_000;

const document = `cluster: hosts
nodes:
  gw1:
    interfaces:
      lan: { device: lan, addresses: [10.1.0.2/24, "fd00:1::2/64"] }
      wan: { device: wan, addresses: [192.0.2.2/24, "2001:db8::2/64"] }
      sync: { device: sync, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: lan, addresses: [10.1.0.3/24, "fd00:1::3/64"] }
      wan: { device: wan, addresses: [192.0.2.3/24, "2001:db8::3/64"] }
      sync: { device: sync, addresses: [10.255.0.2/24] }
groups:
  gateway:
    virtualRouterId: 51
    priorities: { gw1: 110, gw2: 100 }
    addresses:
      lan: ["${ROUTER}/64", "fd00:1::1/64", 10.1.0.1/24]
      wan: ["${VIRTUAL_WAN}/64", 192.0.2.1/24]
    routerAdvertisements:
      lan:
        interval: 30m
        lifetime: ${LIFETIME_SECONDS}s
        prefixes: [{ prefix: "fd00:1::/64" }]
        dnsServers: ["fd00:1::53"]
nat:
  source:
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: "${VIRTUAL_WAN}" }
replication: { interface: sync }
keys: { directory: keys }
`;

let lab: TestLab;
let host: NamespaceAgent;
let server: NamespaceAgent;
/** The nodes by what they are at first. */
let active: "gw1" | "gw2";
let standby: "gw1" | "gw2";
const monitors: ChildProcess[] = [];
/** What the kernels report: of the host's routes, of the gateways' addresses. */
const reported = { routes: "", gw1: "", gw2: "" };

before(async () => {
  await requireNamespaces(["conntrack", "ndisc6"]);
  lab = await TestLab.up("ra", {}, { daemons: false });
  writeFileSync(documentPath(lab.name), document);
  const lan = lab.namespace("lan");
  host = new NamespaceAgent(lan);
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
  await host.request({ do: "capture", device: "eth0" });
  await runCommand("ip", ["-n", lan, "-6", "route", "flush", "default"]);
  await runCommand("ip", ["-n", lan, "-6", "address", "flush", "dev", "eth0", "scope", "global"]);
  await setSysctls(lan, { "net.ipv6.conf.eth0.accept_ra": 2, "net.ipv6.conf.eth0.router_solicitations": 3 });
  monitor(lan, "routes", ["-6", "monitor", "route"]);
  for (const node of ["gw1", "gw2"] as const) {
    await detectDuplicates(node);
    monitor(lab.namespace(node), node, ["-6", "monitor", "address"]);
  }
  await startNode(lab.name, "gw1");
  await startNode(lab.name, "gw2");
  active = (await lab.rolesWhenWell()).active === "gw1" ? "gw1" : "gw2";
  standby = active === "gw1" ? "gw2" : "gw1";
});

after(async () => {
  for (const one of monitors) one.kill("SIGKILL");
  await host?.close();
  await server?.close();
  await lab?.down();
});

async function detectDuplicates(node: string): Promise<void> {
  const name = (device: string) => `net.ipv6.conf.${device}.accept_dad`;
  const names = [name("all"), name("lan"), name("wan")];
  await setSysctls(lab.namespace(node), Object.fromEntries(names.map((one) => [one, 1])));
}

function monitor(namespace: string, into: keyof typeof reported, words: readonly string[]): void {
  const child = spawn("ip", ["-n", namespace, "-o", ...words], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, [outsiderMark]: "1" },
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    reported[into] += text;
  });
  monitors.push(child);
}

async function defaultRoute(): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace("lan"), "-6", "route", "show", "default"]);
}

async function hasRouter(): Promise<boolean> {
  return (await defaultRoute()).includes(`default via ${ROUTER} dev eth0 proto ra`);
}

const explain = async () =>
  `${await defaultRoute()}\n${reported.routes}\n${lab.log("gw1")}\n${lab.log("gw2")}`;

/** The host's packets go through its router and come back: by the address that it made itself. */
async function assertServed(): Promise<void> {
  const ask = { do: "ask", protocol: "tcp", host: SERVER, port: SERVICE_PORT, localAddress: HOST } as const;
  await waitFor("the host to be served", async () => "seen" in (await host.request(ask)), { explain });
  assert.deepEqual(await host.request(ask), { seen: VIRTUAL_WAN });
}

interface Heard {
  readonly frame: Icmpv6Frame;
  readonly atMs: number;
}

/** What a node has said on the LAN of itself, as a neighbour or a router, since somebody asked for the last time. */
async function heardFrom(node: string): Promise<Heard[]> {
  const { frames, atMs } = await host.request({ do: "captured", device: "eth0" });
  const mac = hex(gatewayMac(node, "lan"));
  return frames.flatMap((bytes, index) => {
    const frame = decodeIcmpv6Frame(Buffer.from(bytes, "hex"), MESSAGE_BYTES_MIN);
    if (frame instanceof DecodeError || hex(frame.sourceMac) !== mac) return [];
    return { frame, atMs: atMs[index] ?? Number.NaN };
  });
}

/**
 * Lets a node become active, which tells all hosts at once that their router is there: as soon as it has announced the router's address,
 * and from that address.
 */
async function assertAdvertises(
  context: TestContext,
  node: string,
  become: () => Promise<unknown>,
): Promise<void> {
  // What it has said before, when it was active once, counts no more.
  await heardFrom(node);
  const heard: Heard[] = [];
  await become();
  const advertised = await waitFor(
    `a router advertisement of ${node}`,
    async () => {
      heard.push(...(await heardFrom(node)));
      return heard.find(({ frame }) => frame.message[0] === ROUTER_ADVERTISEMENT);
    },
    { explain },
  );
  const { source, destination, message } = advertised.frame;
  assert.deepEqual([formatIp(source), formatIp(destination)], [ROUTER, ALL_HOSTS]);
  assert.equal(Buffer.from(message).readUInt16BE(6), LIFETIME_SECONDS);
  const announced = heard.find(
    ({ frame }) => frame.message[0] === NEIGHBOR_ADVERTISEMENT && formatIp(frame.source) === ROUTER,
  );
  assert.ok(announced !== undefined, "it announces the address");
  const afterMs = advertised.atMs - announced.atMs;
  context.diagnostic(`${node} advertises ${afterMs.toFixed(1)} ms after it has announced the address`);
  assert.ok(Math.abs(afterMs) <= AT_ONCE_MS, `${afterMs} ms after the announcement`);
}

/** Since then no default route of the host has gone, not even for a moment. */
function assertKept(routesBefore: string): void {
  const since = reported.routes.slice(routesBefore.length);
  assert.doesNotMatch(since, /Deleted default/, "the host has lost its router");
}

test("a host makes itself an address, and finds its router and name server", async () => {
  await waitFor("the host to have a router", hasRouter, { explain });
  const addresses = () =>
    runCommand("ip", ["-n", lab.namespace("lan"), "-6", "address", "show", "dev", "eth0"]);
  await waitFor("the host to have an address", async () =>
    /fd00:1::ff:fe00:c101\/64 scope global (?!tentative)/.test(await addresses()),
  );
  await assertServed();
});

test("a host that asks is answered alone", async () => {
  await host.request({ do: "captured", device: "eth0" });
  await runCommand("ip", ["netns", "exec", lab.namespace("lan"), "rdisc6", "-1", "-w", "10000", "eth0"]);
  const { frames } = await host.request({ do: "captured", device: "eth0" });
  const answers = frames.filter((frame) => {
    // ICMPv6 type 134 (86) behind 54 bytes of headers.
    return (
      frame.startsWith(hex(clientMac) + hex(gatewayMac(active, "lan"))) && frame.slice(108, 110) === "86"
    );
  });
  assert.equal(answers.length, 1, frames.join("\n"));
});

test("the host keeps its router when the active loses its power, and is served by the other", async (context) => {
  const before = reported.routes;
  const addressesBefore = reported[standby];
  await assertAdvertises(context, standby, () => powerOff(lab.name, active));
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await assertServed();
  assert.ok(await hasRouter());
  assertKept(before);
  const added = reported[standby].slice(addressesBefore.length);
  for (const address of [ROUTER, "fd00:1::1", VIRTUAL_WAN]) assert.match(added, new RegExp(`${address}/64`));
  assert.doesNotMatch(added, /tentative/, "no virtual address waits for the detection of duplicates");
});

test("the host keeps its router when a node comes back, and when it is handed the role", async (context) => {
  const before = reported.routes;
  await powerOn(lab.name, active);
  await detectDuplicates(active);
  await startNode(lab.name, active);
  await lab.waitUntilWell();
  const client = new ControlClient(controlSocket(lab.name, active));
  await assertAdvertises(context, active, () => client.switchover({ to: active }));
  await assertServed();
  assert.ok(await hasRouter());
  assertKept(before);
});

test("the host keeps its router when the active stops and there is another one", async (context) => {
  await lab.waitUntilWell();
  const before = reported.routes;
  await assertAdvertises(context, standby, () => stopNode(lab.name, active));
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await assertServed();
  assert.ok(await hasRouter());
  assertKept(before);
});

test("the host forgets its router when the last node stops in order", async () => {
  const before = reported.routes;
  await stopNode(lab.name, standby);
  await waitFor("the host to have no router", async () => !(await hasRouter()), { explain });
  await waitFor("the kernel to report it", () =>
    /Deleted default/.test(reported.routes.slice(before.length)),
  );
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
