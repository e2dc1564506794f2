import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { cut, mend } from "../../src/lab/node-power.ts";
import { runningNode, startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand, setSysctls } from "../../src/lab/run-command.ts";
import { assertAnsweredThrough } from "./answered-through.ts";
import { TestLab } from "./daemon-node.ts";
import { FrrRouter } from "./frr-router.ts";
import { KeepalivedRouter } from "./keepalived-router.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { NeighbourWatch } from "./neighbour-watch.ts";
import { vrrpFaults } from "./vrrp-faults.ts";

// tocha on gw1 and a router of another make on gw2, both with the hardware address of the virtual router (RFC 9568 7.3): whoever is
// active, and however it became that, hosts know their gateway by what they learnt first.

const addresses4 = ["10.1.0.1/24"];
const addresses6 = ["fe80::51:1/64", "fd00:1::1/64"];
const MACS = { "10.1.0.1": "00:00:5e:00:01:33", "fd00:1::1": "00:00:5e:00:02:33" } as const;
const HIGHER = 200;
const LOWER = 50;
const SERVICE_PORT = 7_012;
/** Ten intervals: time for anything that goes wrong to show. */
const QUIET_MS = 1_000;

/** What the story needs of a router of whatever make. */
interface ForeignRouter {
  readonly waitForRole: (role: "active" | "backup") => Promise<void>;
  /** Withdraws in order. */
  readonly stop: () => Promise<void>;
  readonly complaints: () => readonly string[];
}

interface Make {
  readonly name: string;
  readonly start: (priority: number) => Promise<ForeignRouter>;
}

const makes: readonly Make[] = [
  {
    name: "keepalived",
    start: (priority) => {
      const router = new KeepalivedRouter({
        ...{ namespace: lab.namespace("gw2"), folder: join(labFolder(lab.name), "keepalived") },
        ...{ device: "lan", virtualRouterId: 51, priority, addresses4, addresses6 },
        ...{ lines4: ["use_vmac kv4"], lines6: ["use_vmac kv6"] },
      });
      return Promise.resolve({
        waitForRole: (role) => router.waitForState(role === "active" ? "MASTER" : "BACKUP"),
        stop: () => router.stop(),
        complaints: () => router.complaints,
      });
    },
  },
  {
    // Last: its devices stay as long as the lab.
    name: "FRR",
    start: async (priority) => {
      const router = await FrrRouter.start({
        ...{ namespace: lab.namespace("gw2"), folder, device: "lan", virtualRouterId: 51 },
        ...{ priority, addresses4, addresses6 },
      });
      return {
        waitForRole: (role) => router.waitForState(role === "active" ? "Master" : "Backup"),
        stop: () => router.stop(),
        complaints: () => router.complaints,
      };
    },
  },
];

const document = `cluster: interoperability
nodes:
  gw1:
    interfaces:
      lan: { device: lan, addresses: [10.1.0.2/24, "fd00:1::2/64"] }
      wan: { device: wan, addresses: [192.0.2.2/24, "2001:db8::2/64"] }
      sync: { device: sync, addresses: [10.255.0.1/24] }
groups:
  gateway:
    virtualRouterId: 51
    virtualMac: true
    priorities: { gw1: 110 }
    addresses:
      lan: [${[...addresses4, ...addresses6].map((address) => `"${address}"`).join(", ")}]
nat:
  source:
    - { id: lan-out, from: 10.1.0.0/24, out: wan, to: masquerade }
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: masquerade }
replication: { interface: sync }
keys: { directory: keys }
`;

let lab: TestLab;
let client: NamespaceAgent;
let server: NamespaceAgent;
/** Of FRR; every user must be able to pass it. */
let folder: string;
let foreign: ForeignRouter | undefined;
let neighbours: NeighbourWatch | undefined;

before(async () => {
  await requireNamespaces(["keepalived", "vtysh", "conntrack"]);
  folder = mkdtempSync(join(tmpdir(), "tocha-frr-"));
  chmodSync(folder, 0o755);
  lab = await TestLab.up("vf", {}, { daemons: false });
  writeFileSync(documentPath(lab.name), document);
  // Neither of them sees to it that ARP tells the address with no other device than the one that has it, in answers and in questions.
  const arp = { "net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2 };
  await setSysctls(lab.namespace("gw2"), arp);
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

/** So that one failure is not the cause of the next. */
afterEach(async () => {
  await neighbours?.close();
  if (runningNode(lab.name, "gw1") !== undefined) await stopNode(lab.name, "gw1");
  await foreign?.stop();
});

after(async () => {
  await client?.close();
  await server?.close();
  await lab?.down();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function waitForTocha(role: "active" | "standby") {
  return await lab.waitForNode("gw1", role, (status) => status.role === role);
}

/** The LAN's default gateway is the virtual address: an answer shows that tocha serves it, in both families. */
async function assertServed(): Promise<void> {
  for (const [host, seen] of [
    ["192.0.2.9", "192.0.2.2"],
    ["2001:db8::9", "2001:db8::2"],
  ] as const) {
    await assertAnsweredThrough(client, { host, port: SERVICE_PORT, seen }, () => lab.log("gw1"));
  }
}

/** By whoever is active, which has to ask for the client first; the other router forwards nothing, but answers for itself. */
async function waitForPings(): Promise<void> {
  for (const node of ["gw1", "gw2"])
    await runCommand("ip", ["-n", lab.namespace(node), "neigh", "flush", "dev", "lan"]);
  for (const host of Object.keys(MACS))
    await waitFor(
      `${host} to answer`,
      async () => (await client.request({ do: "ping", device: "eth0", host })).answered,
    );
}

for (const { name, start } of makes) {
  test(`${name}: hosts keep the hardware address that they know, over takeovers of every kind and both ways`, async () => {
    await runCommand("ip", ["-n", lab.namespace("lan"), "neigh", "flush", "dev", "eth0"]);
    neighbours = await NeighbourWatch.watch(lab.namespace("lan"));
    foreign = await start(HIGHER);
    await foreign.waitForRole("active");
    await waitForPings();
    await startNode(lab.name, "gw1");
    await waitForTocha("standby");
    await letTimePass(QUIET_MS);
    const status = await lab.status("gw1");
    assert.equal(status.role, "standby");
    assert.deepEqual(vrrpFaults(status), {}, `tocha understands every packet of ${name}`);

    await foreign.stop();
    assert.match((await waitForTocha("active")).cause, /resigned/);
    await assertServed();
    await waitForPings();

    // From here on switches, too, have to learn that the address has moved, again and again.
    foreign = await start(HIGHER);
    await foreign.waitForRole("active");
    assert.match((await waitForTocha("standby")).cause, /ranks higher/);
    await waitForPings();

    await cut(lab.name, "gw2-lan", { silent: true });
    assert.match((await waitForTocha("active")).cause, /silent/);
    await assertServed();
    await waitForPings();
    await mend(lab.name, "gw2-lan");
    await waitForTocha("standby");
    await waitForPings();

    await foreign.stop();
    await waitForTocha("active");
    foreign = await start(LOWER);
    await foreign.waitForRole("backup");
    await letTimePass(QUIET_MS);
    await foreign.waitForRole("backup");
    assert.equal((await lab.status("gw1")).role, "active");
    await assertServed();
    await waitForPings();

    await stopNode(lab.name, "gw1");
    await foreign.waitForRole("active");
    await waitForPings();
    assert.deepEqual(foreign.complaints(), []);
    for (const [address, mac] of Object.entries(MACS))
      assert.deepEqual(neighbours.macsOf(address), [mac], neighbours.said);
  });
}
