import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, documentPath } from "../../src/lab/lab-folder.ts";
import { powerOff } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { ipBatch, runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// 256 virtual addresses on eight interfaces move as one, and every one of them is announced, all at once or at a rate.

const NODES = ["gw1", "gw2"] as const;
const EXTRA = [1, 2, 3, 4, 5, 6] as const;
const PER_INTERFACE = 32;

let lab: TestLab;

/** Virtual addresses of a network. */
const virtual = (prefix: string) => Array.from({ length: PER_INTERFACE }, (_, i) => `${prefix}.${100 + i}`);
const faces: readonly (readonly [name: string, prefix: string])[] = [
  ["lan", "10.1.0"],
  ["wan", "192.0.2"],
  ...EXTRA.map((i) => [`e${i}`, `10.${100 + i}.0`] as const),
];
const all = faces.flatMap(([, prefix]) => virtual(prefix));

before(async () => {
  await requireNamespaces();
  lab = await TestLab.up("ma", { ipv6: false }, { daemons: false });
  for (const i of EXTRA) {
    const [a, b] = NODES.map((node) => lab.namespace(node));
    await runCommand("ip", [
      "link",
      "add",
      `e${i}`,
      "netns",
      a ?? "",
      "type",
      "veth",
      "peer",
      "name",
      `e${i}`,
      "netns",
      b ?? "",
    ]);
  }
  for (const [index, node] of NODES.entries()) {
    await ipBatch(
      lab.namespace(node),
      EXTRA.flatMap((i) => [
        `address add 10.${100 + i}.0.${2 + index}/24 dev e${i}`,
        `link set dev e${i} up`,
      ]),
    );
  }
  // A gratuitous ARP is then enough to be known: whoever listens has a list of what was announced.
  const accepting = (devices: readonly string[]) =>
    Object.fromEntries(devices.map((device) => [`net.ipv4.conf.${device}.arp_accept`, "1"]));
  for (const node of NODES) await setSysctls(lab.namespace(node), accepting(EXTRA.map((i) => `e${i}`)));
  for (const part of ["lan", "wan"]) await setSysctls(lab.namespace(part), accepting(["eth0"]));
  writeFileSync(documentPath(lab.name), documentWithAll(readFileSync(documentPath(lab.name), "utf8")));
  for (const node of NODES) await startNode(lab.name, node);
  await lab.waitUntilWellOn("gw1");
});

after(async () => {
  await lab?.down();
});

function documentWithAll(text: string): string {
  let node = 0;
  const interfaces = text.replace(/^ {6}sync: .*$/gm, (line) => {
    node += 1;
    const own = (i: number) =>
      `      e${i}: { device: e${i}, addresses: ["10.${100 + i}.0.${1 + node}/24"] }`;
    return [line, ...EXTRA.map(own)].join("\n");
  });
  // The pool of the lab's own rule stays the first address.
  const group = faces.map(([name, prefix]) => {
    const first = name === "lan" || name === "wan" ? [`"${prefix}.1/24"`] : [];
    const list = virtual(prefix).map((address) => `"${address}/24"`);
    return `      ${name}: [${[...first, ...list].join(", ")}]`;
  });
  return interfaces
    .replace(/^ {6}lan: \[.*\n {6}wan: \[.*$/m, group.join("\n"))
    .replace("    preempt:", "    announceRate: 2000\n    preempt:");
}

async function held(node: string): Promise<string[]> {
  const listing = await runCommand("ip", ["-n", lab.namespace(node), "-4", "-o", "address", "show"]);
  const addresses = [...listing.matchAll(/ inet ([0-9.]+)\//g)].map(([, address = ""]) => address);
  return all.filter((address) => addresses.includes(address));
}

/** Those of which a neighbour knows this hardware address. */
async function known(part: string, device: string, mac: string): Promise<string[]> {
  const listing = await runCommand("ip", ["-n", lab.namespace(part), "neigh", "show", "dev", device]);
  return [...listing.matchAll(/^([0-9.]+) lladdr (\S+)/gm)]
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

test("all of them move at a switchover, and each is announced", async (context) => {
  assert.equal(all.length, 256);
  assert.deepEqual(await held("gw1"), all);
  assert.deepEqual(await held("gw2"), []);
  await new ControlClient(controlSocket(lab.name, "gw1")).switchover();
  await waitFor("gw2 to hold all addresses", async () => (await held("gw2")).length === all.length);
  assert.deepEqual(await held("gw1"), []);
  for (const [name, prefix] of faces) {
    const [part, device] = name === "lan" || name === "wan" ? [name, "eth0"] : ["gw1", name];
    const mac = await macOf("gw2", name);
    let seen: string[] = [];
    await waitFor(
      `${part} to know all of ${name}`,
      async () => {
        seen = await known(part, device, mac);
        return virtual(prefix).every((address) => seen.includes(address));
      },
      { explain: () => `knows ${seen.join(", ")}` },
    );
  }
  await lab.waitUntilWell();
  await tellStamps(context, "gw2");
});

test("all of them move when the power fails", async (context) => {
  await powerOff(lab.name, "gw2");
  await waitFor("gw1 to hold all addresses", async () => (await held("gw1")).length === all.length);
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  await tellStamps(context, "gw1");
});
