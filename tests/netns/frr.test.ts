import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { assertAnsweredThrough } from "./answered-through.ts";
import { TestLab } from "./daemon-node.ts";
import { type FrrOptions, FrrRouter } from "./frr-router.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { vrrpFaults } from "./vrrp-faults.ts";

// One virtual router with tocha on gw1 and FRR's vrrpd on gw2, for IPv4 and IPv6, at the same interval; then the same with VRRPv2,
// for IPv4. tocha has priority 110, and with preemption on it takes over from a lower router too. Unicast peers vrrpd 8.4.4
// does not have.

const addresses4 = ["10.1.0.1/24"];
const addresses6 = ["fe80::51:1/64", "fd00:1::1/64"];
const HIGHER = 200;
const LOWER = 50;
const SERVICE_PORT = 7_009;
/** Twenty intervals: time for anything that goes wrong to show. */
const QUIET_MS = 2_000;
/** The same for VRRPv2, whose intervals are whole seconds: more than an active-down time. */
const QUIET_V2_MS = 5_000;

interface Way {
  readonly version: 2 | 3;
  readonly preempt: boolean;
}

function document({ version, preempt }: Way): string {
  const addresses = version === 2 ? addresses4 : [...addresses4, ...addresses6];
  return `cluster: interoperability
nodes:
  gw1:
    interfaces:
      lan: { device: lan, addresses: [10.1.0.2/24, "fd00:1::2/64"] }
      wan: { device: wan, addresses: [192.0.2.2/24, "2001:db8::2/64"] }
      sync: { device: sync, addresses: [10.255.0.1/24] }
groups:
  gateway:
    virtualRouterId: 51
    ${version === 2 ? "version: 2\n    interval: 1s" : "interval: 100ms"}
    priorities: { gw1: 110 }
    preempt: ${preempt}
    preemptDelay: 1s
    addresses:
      lan: [${addresses.map((address) => `"${address}"`).join(", ")}]
nat:
  source:
    - { id: lan-out, from: 10.1.0.0/24, out: wan, to: masquerade }
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: masquerade }
replication: { interface: sync }
keys: { directory: keys }
`;
}

let lab: TestLab;
let client: NamespaceAgent;
let server: NamespaceAgent;
let folder: string;
let frr: FrrRouter;

before(async () => {
  await requireNamespaces(["vtysh", "conntrack"]);
  folder = mkdtempSync(join(tmpdir(), "tocha-frr-"));
  chmodSync(folder, 0o755);
  lab = await TestLab.up("tf", {}, { daemons: false });
  writeFileSync(documentPath(lab.name), document({ version: 3, preempt: true }));
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

after(async () => {
  await client?.close();
  await server?.close();
  await lab?.down();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function startFrr(priority: number, options: Partial<FrrOptions> = {}): Promise<FrrRouter> {
  return await FrrRouter.start({
    ...{ namespace: lab.namespace("gw2"), folder, device: "lan", virtualRouterId: 51 },
    ...{ priority, addresses4, addresses6 },
    ...options,
  });
}

async function waitForTocha(role: "active" | "standby") {
  return await lab.waitForNode("gw1", role, (status) => status.role === role);
}

async function heldByTocha(): Promise<string[]> {
  const text = await runCommand("ip", ["-n", lab.namespace("gw1"), "address", "show", "dev", "lan"]);
  return [...addresses4, ...addresses6].filter((address) => text.includes(` ${address} `));
}

/** Addresses may come, and go, after the role (docs/decisions/0030). */
async function waitForHeld(addresses: readonly string[]): Promise<void> {
  let held: readonly string[] = [];
  await waitFor(
    `tocha to hold [${addresses.join(", ")}]`,
    async () => {
      held = await heldByTocha();
      return held.join() === addresses.join();
    },
    { explain: () => `it holds [${held.join(", ")}]\n${lab.log("gw1")}` },
  );
}

/** The LAN's default gateway is the virtual address: an answer shows that tocha serves it, in both families. */
async function assertServed(): Promise<void> {
  await waitForHeld([...addresses4, ...addresses6]);
  await assertAnswered("192.0.2.9", "192.0.2.2");
  await assertAnswered("2001:db8::9", "2001:db8::2");
}

async function assertAnswered(host: string, seen: string): Promise<void> {
  await assertAnsweredThrough(client, { host, port: SERVICE_PORT, seen }, () => lab.log("gw1"));
}

test("tocha becomes backup to an FRR of higher priority", async () => {
  frr = await startFrr(HIGHER);
  await frr.waitForState("Master");
  await startNode(lab.name, "gw1");
  const { cause } = await waitForTocha("standby");
  assert.match(cause, /10\.1\.0\.3|fe80::/, "it says who is active");
  await letTimePass(QUIET_MS);
  const status = await lab.status("gw1");
  assert.equal(status.role, "standby");
  assert.deepEqual(await heldByTocha(), []);
  assert.deepEqual(await frr.states(), ["Master", "Master"]);
  assert.deepEqual(vrrpFaults(status), {}, "tocha understands every packet of FRR");
});

test("tocha takes over, for IPv4 and IPv6, when FRR is killed", async () => {
  await frr.kill();
  // Its devices stay up, and would go on to answer for the addresses.
  await frr.removeDevices();
  const { cause } = await waitForTocha("active");
  assert.match(cause, /silent/);
  await assertServed();
});

test("tocha gives way when FRR comes back with its higher priority", async () => {
  frr = await startFrr(HIGHER);
  await frr.waitForState("Master");
  const { cause } = await waitForTocha("standby");
  assert.match(cause, /ranks higher/);
  await waitForHeld([]);
});

test("tocha takes over when FRR withdraws with priority 0", async () => {
  await frr.stop();
  const { cause } = await waitForTocha("active");
  assert.match(cause, /resigned/);
  await assertServed();
});

test("an FRR of lower priority stays backup, and finds no fault with tocha's packets", async () => {
  frr = await startFrr(LOWER);
  await frr.waitForState("Backup");
  await letTimePass(QUIET_MS);
  assert.deepEqual(await frr.states(), ["Backup", "Backup"]);
  assert.deepEqual(frr.complaints, []);
  assert.doesNotMatch(frr.log, /-> Master/);
  await assertServed();
});

test("FRR takes over when tocha is stopped, because tocha resigns with priority 0", async () => {
  await stopNode(lab.name, "gw1");
  await frr.waitForState("Master");
  assert.deepEqual(frr.complaints, []);
});

test("tocha that starts beside a lower FRR that is active stays backup, with preempt off", async () => {
  writeFileSync(documentPath(lab.name), document({ version: 3, preempt: false }));
  await startNode(lab.name, "gw1");
  await waitForTocha("standby");
  // Longer than the delay of preemption as well.
  await letTimePass(QUIET_MS);
  assert.equal((await lab.status("gw1")).role, "standby");
  assert.doesNotMatch(lab.log("gw1").split("init -> standby").at(-1) ?? "", /-> active/);
  assert.deepEqual(await heldByTocha(), []);
  assert.deepEqual(await frr.states(), ["Master", "Master"]);
  await stopNode(lab.name, "gw1");
});

test("with preempt on it takes over when it has been well for the delay", async () => {
  writeFileSync(documentPath(lab.name), document({ version: 3, preempt: true }));
  await startNode(lab.name, "gw1");
  await waitForTocha("active");
  await frr.waitForState("Backup");
  await assertServed();
  assert.deepEqual(frr.complaints, []);
  assert.match(lab.log("gw1"), /init -> standby: the VRRP router \S+ is active/, "it was standby before");
  await waitFor("no conflict", async () => (await frr.states()).every((state) => state === "Backup"));
});

test("an FRR of higher priority that may not preempt stays backup beside tocha", async () => {
  await frr.stop();
  frr = await startFrr(HIGHER, { preempt: false });
  await frr.waitForState("Backup");
  await letTimePass(QUIET_MS);
  assert.deepEqual(await frr.states(), ["Backup", "Backup"]);
  assert.doesNotMatch(frr.log, /-> Master/);
  assert.equal((await lab.status("gw1")).role, "active");
  await assertServed();
  await stopNode(lab.name, "gw1");
  await frr.waitForState("Master");
  await frr.stop();
  await frr.removeDevices();
});

test("VRRPv2: tocha is backup to a higher FRR that is there first, and active beside a lower one that comes later", async () => {
  const v2 = { version: 2, intervalMs: 1_000, addresses6: [] } as const;
  writeFileSync(documentPath(lab.name), document({ version: 2, preempt: true }));
  frr = await startFrr(HIGHER, v2);
  await frr.waitForState("Master");
  await startNode(lab.name, "gw1");
  assert.match((await waitForTocha("standby")).cause, /10\.1\.0\.3/, "it says who is active");
  await letTimePass(QUIET_V2_MS);
  const status = await lab.status("gw1");
  assert.equal(status.role, "standby");
  assert.deepEqual(vrrpFaults(status), {}, "tocha understands every packet of FRR");

  await frr.stop();
  assert.match((await waitForTocha("active")).cause, /resigned/);
  await assertAnswered("192.0.2.9", "192.0.2.2");

  frr = await startFrr(LOWER, v2);
  await frr.waitForState("Backup");
  await letTimePass(QUIET_V2_MS);
  assert.deepEqual(await frr.states(), ["Backup"]);
  assert.doesNotMatch(frr.log, /-> Master/);
  assert.deepEqual(frr.complaints, []);
  assert.deepEqual(vrrpFaults(await lab.status("gw1")), {});
  await assertAnswered("192.0.2.9", "192.0.2.2");

  await stopNode(lab.name, "gw1");
  await frr.waitForState("Master");
  assert.deepEqual(frr.complaints, []);
});

test("VRRPv2: tocha preempts the lower FRR when it comes back", async () => {
  await startNode(lab.name, "gw1");
  await waitForTocha("active");
  await frr.waitForState("Backup");
  await assertAnswered("192.0.2.9", "192.0.2.2");
  assert.deepEqual(frr.complaints, []);
});
