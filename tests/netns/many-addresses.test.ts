import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, documentPath } from "../../src/lab/lab-folder.ts";
import { bareAddress, groupAddresses } from "../../src/lab/lab-plan.ts";
import { powerOff } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { announcedBy } from "./announced-address.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { gatewayMac } from "./namespace-frames.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// 256 virtual addresses of both families on eight interfaces move as one, and every one of them is announced at a rate.

const NODES = ["gw1", "gw2"] as const;
const faces = ["lan", "wan", "e1", "e2", "e3", "e4", "e5", "e6"] as const;
const PER_FAMILY = 16;
/** Announcements a second on one interface. Slow enough for the difference from all at once to be seen on a busy machine. */
const RATE = 40;

let lab: TestLab;
let client: NamespaceAgent;

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up(
    "ma",
    { moreInterfaces: faces.length - 2, moreAddresses: PER_FAMILY },
    { daemons: false },
  );
  // An announcement is then enough to be known: whoever listens has a list of what was announced. For IPv6 the kernel
  // wants a router for that (ip-sysctl.rst, accept_untracked_na); gateways are such.
  const accepting = (device: string) => ({
    [`net.ipv4.conf.${device}.arp_accept`]: 1,
    [`net.ipv6.conf.${device}.accept_untracked_na`]: 1,
    [`net.ipv6.conf.${device}.forwarding`]: 1,
  });
  for (const node of NODES)
    for (const name of faces.slice(2)) await setSysctls(lab.namespace(node), accepting(name));
  for (const part of ["lan", "wan"]) await setSysctls(lab.namespace(part), accepting("eth0"));
  // As the kernel has it; the lab does without.
  for (const node of NODES) await setSysctls(lab.namespace(node), { "net.ipv6.conf.lan.accept_dad": 1 });
  client = new NamespaceAgent(lab.namespace("lan"));
  const file = documentPath(lab.name);
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace("    preempt:", `    announceRate: ${RATE}\n    preempt:`),
  );
  for (const node of NODES) await startNode(lab.name, node);
  await lab.waitUntilWellOn("gw1");
});

after(async () => {
  await client?.close();
  await lab?.down();
});

/** The virtual addresses of a network, but for those that every lab has. */
function virtual(face: string): string[] {
  const all = groupAddresses(lab.settings)[face] ?? [];
  return all.map(bareAddress).slice(-2 * PER_FAMILY);
}

function everyAddress(): string[] {
  return faces.flatMap(virtual);
}

async function held(node: string): Promise<string[]> {
  const listing = await runCommand("ip", ["-n", lab.namespace(node), "-o", "address", "show"]);
  const addresses = [...listing.matchAll(/ inet6? ([0-9a-f.:]+)\//g)].map(([, address = ""]) => address);
  return everyAddress().filter((address) => addresses.includes(address));
}

/** So many of all. Addresses may come, and go, after the role (docs/decisions/0030). */
async function waitForHeld(node: string, count: number): Promise<void> {
  let last: readonly string[] = [];
  await waitFor(
    `${node} to hold ${count} virtual addresses`,
    async () => {
      last = await held(node);
      return last.length === count;
    },
    { explain: () => `it holds ${last.join(", ")}\n${lab.log(node)}` },
  );
}

/** Those of which a neighbour knows this hardware address. */
async function known(part: string, device: string, mac: string): Promise<string[]> {
  const listing = await runCommand("ip", ["-n", lab.namespace(part), "neigh", "show", "dev", device]);
  return [...listing.matchAll(/^([0-9a-f.:]+) lladdr (\S+)/gm)]
    .filter(([, , seen]) => seen === mac)
    .map(([, address = ""]) => address);
}

async function macOf(node: string, device: string): Promise<string> {
  const listing = await runCommand("ip", ["-n", lab.namespace(node), "-o", "link", "show", "dev", device]);
  return /link\/ether (\S+)/.exec(listing)?.[1] ?? "";
}

/** Says how long adding and announcing took, as the node itself stamped it; bench/ measures such things. */
async function tellStamps(context: TestContext, node: string): Promise<void> {
  const query = new URLSearchParams({ limit: "1", node });
  const { entries } = await new ControlClient(controlSocket(lab.name, node)).history(query);
  const stamps = entries[0]?.stamps.map(({ what, path, atUs }) => `${path ?? what} ${atUs}`) ?? [];
  context.diagnostic(`microseconds from the decision: ${stamps.join(", ")}`);
}

test("all of them move at a switchover, and each is announced at once, by the interface's rate", async (context) => {
  const all = everyAddress();
  assert.equal(all.length, 256);
  await waitForHeld("gw1", all.length);
  await waitForHeld("gw2", 0);
  await client.request({ do: "capture", device: "eth0" });
  const askedMs = performance.now();
  await new ControlClient(controlSocket(lab.name, "gw1")).switchover();
  await waitForHeld("gw2", all.length);
  await waitForHeld("gw1", 0);
  const lan = virtual("lan");
  const seen: string[] = [];
  await waitFor("each address of the LAN on the wire", async () => {
    const { frames } = await client.request({ do: "captured", device: "eth0" });
    seen.push(
      ...frames.flatMap((hex) => announcedBy(Buffer.from(hex, "hex"), gatewayMac("gw2", "lan")) ?? []),
    );
    const most = RATE * ((performance.now() - askedMs) / 1_000) + 1;
    assert.ok(seen.length <= most, `${seen.length} announcements, and not ${most}, in that time`);
    // Nobody waits for the detection of duplicates (RFC 4862 5.4.2: it asks from the unspecified address).
    assert.deepEqual(frames.filter(isDuplicateDetection), []);
    return lan.every((address) => seen.includes(address));
  });
  for (const name of faces) {
    const [part, device] = name === "lan" || name === "wan" ? [name, "eth0"] : ["gw1", name];
    const mac = await macOf("gw2", name);
    let cached: string[] = [];
    await waitFor(
      `${part} to know all of ${name}`,
      async () => {
        cached = await known(part, device, mac);
        return virtual(name).every((address) => cached.includes(address));
      },
      { explain: () => `knows ${cached.join(", ")}` },
    );
  }
  await lab.waitUntilWell();
  await tellStamps(context, "gw2");
});

/** A neighbour solicitation (ICMPv6 type 135) from `::`. */
function isDuplicateDetection(hex: string): boolean {
  const bytes = Buffer.from(hex, "hex");
  const isSolicitation = bytes.readUInt16BE(12) === 0x86dd && bytes[20] === 58 && bytes[54] === 135;
  return isSolicitation && bytes.subarray(22, 38).every((byte) => byte === 0);
}

test("all of them move when the power fails", async (context) => {
  await powerOff(lab.name, "gw2");
  await waitForHeld("gw1", everyAddress().length);
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  await tellStamps(context, "gw1");
});
