import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { validIp } from "../../src/base/ip.ts";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { runningNode, startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { encodeAdvertisementFrame } from "../../src/wire/vrrp.ts";
import { assertAnsweredThrough } from "./answered-through.ts";
import { countersThatBegin, TestLab } from "./daemon-node.ts";
import { type KeepalivedOptions, KeepalivedRouter } from "./keepalived-router.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { clientMac, gatewayMac } from "./namespace-frames.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { vrrpFaults } from "./vrrp-faults.ts";

// tocha on gw1 and keepalived on gw2 in one virtual router, spoken in other ways than by default. Each way is gone through as
// backup and as active, and with either router there first.

const addresses4 = ["10.1.0.1/24"];
const addresses6 = ["fe80::51:1/64", "fd00:1::1/64"];
const HIGHER = 200;
const LOWER = 50;
const SERVICE_PORT = 7_010;
/** Of the groups that VRRP advertisements go to by default, as frames begin. */
const MULTICAST = /^(01005e000012|333300000012)/;
const VIRTUAL_MACS = { "10.1.0.1": "00:00:5e:00:01:33", "fd00:1::1": "00:00:5e:00:02:33" } as const;

interface Variant {
  readonly name: string;
  /** Lines of the group in the document. */
  readonly group: readonly string[];
  readonly keepalived: Partial<KeepalivedOptions>;
  /** Twenty intervals: time for anything that goes wrong to show. */
  readonly quietMs: number;
  /** What holds while tocha is active. */
  readonly whileActive?: () => Promise<void>;
}

const variants: readonly Variant[] = [
  {
    name: "VRRPv2 over IPv4",
    group: ["version: 2", "interval: 1s"],
    keepalived: { version: 2, intervalSeconds: 1 },
    quietMs: 5_000,
  },
  {
    name: "unicast peers",
    group: ['unicastPeers: { lan: [10.1.0.2, 10.1.0.3, "fd00:1::2", "fd00:1::3"] }'],
    keepalived: {
      lines4: ["unicast_src_ip 10.1.0.3", "unicast_ttl 255", "unicast_peer {", "10.1.0.2", "}"],
      lines6: ["unicast_src_ip fd00:1::3", "unicast_ttl 255", "unicast_peer {", "fd00:1::2", "}"],
    },
    quietMs: 2_000,
    whileActive: async () => {
      await assertNoMulticast();
      await assertStrangersAreIgnored();
    },
  },
  {
    name: "the hardware address of the virtual router",
    group: ["virtualMac: true"],
    keepalived: { lines4: ["use_vmac kv4"], lines6: ["use_vmac kv6"] },
    quietMs: 2_000,
    whileActive: async () => {
      for (const [address, mac] of Object.entries(VIRTUAL_MACS))
        assert.equal(await macOf(address), mac, address);
    },
  },
];

let lab: TestLab;
let client: NamespaceAgent;
let server: NamespaceAgent;
let keepalived: KeepalivedRouter;

before(async () => {
  await requireNamespaces(["keepalived", "conntrack"]);
  lab = await TestLab.up("tv", {}, { daemons: false });
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

/** So that one failure is not the cause of the next. */
afterEach(async () => {
  if (runningNode(lab.name, "gw1") !== undefined) await stopNode(lab.name, "gw1");
  await keepalived?.stop();
});

after(async () => {
  await client?.close();
  await server?.close();
  await lab?.down();
});

function document(priority: number, group: readonly string[]): string {
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
    priorities: { gw1: ${priority} }
    addresses:
      lan: [${[...addresses4, ...addresses6].map((address) => `"${address}"`).join(", ")}]
    ${group.join("\n    ")}
nat:
  source:
    - { id: lan-out, from: 10.1.0.0/24, out: wan, to: masquerade }
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: masquerade }
replication: { interface: sync }
keys: { directory: keys }
`;
}

function startKeepalived(priority: number, options: Partial<KeepalivedOptions> = {}): KeepalivedRouter {
  return new KeepalivedRouter({
    ...{ namespace: lab.namespace("gw2"), folder: join(labFolder(lab.name), "keepalived") },
    ...{ device: "lan", virtualRouterId: 51, priority, addresses4, addresses6 },
    ...options,
  });
}

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

async function assertNoMulticast(): Promise<void> {
  await client.request({ do: "capture", device: "eth0" });
  await letTimePass(500);
  const { frames } = await client.request({ do: "captured", device: "eth0" });
  assert.deepEqual(
    frames.filter((frame) => MULTICAST.test(frame)),
    [],
  );
}

/** An advertisement of the highest priority, but from a host that is no router of the document. */
async function assertStrangersAreIgnored(): Promise<void> {
  const frame = encodeAdvertisementFrame({
    sourceMac: clientMac,
    source: validIp("10.1.0.10"),
    destination: { mac: gatewayMac("gw1", "lan"), address: validIp("10.1.0.2") },
    advertisement: {
      ...{ virtualRouterId: 51, priority: 254, intervalCs: 10 },
      addresses: addresses4.map((address) => validIp(address.split("/")[0] ?? "")),
    },
  });
  const frames = [Buffer.from(frame).toString("hex")];
  await client.request({ do: "send-frames", device: "eth0", frames });
  const status = await lab.waitForNode("gw1", "aware of the stranger", (one) => {
    return countersThatBegin(one, "advertisement-of-unlisted-router") > 0;
  });
  assert.equal(status.role, "active");
}

/** The hardware address that the client knows one of its routers by. */
async function macOf(address: string): Promise<string | undefined> {
  const text = await runCommand("ip", ["-n", lab.namespace("lan"), "neighbour", "show", address]);
  return /lladdr (\S+)/.exec(text)?.[1];
}

for (const { name, group, keepalived: options, quietMs, whileActive } of variants) {
  test(`${name}: backup to a keepalived that is there first, active beside one that comes later`, async () => {
    writeFileSync(documentPath(lab.name), document(110, group));
    keepalived = startKeepalived(HIGHER, options);
    await keepalived.waitForState("MASTER");
    await startNode(lab.name, "gw1");
    const { cause } = await waitForTocha("standby");
    assert.match(cause, /10\.1\.0\.3|f[ed][08]0:/, "it says who is active");
    await letTimePass(quietMs);
    const status = await lab.status("gw1");
    assert.equal(status.role, "standby");
    assert.deepEqual(vrrpFaults(status), {}, "tocha understands every packet of keepalived");

    await keepalived.stop();
    assert.match((await waitForTocha("active")).cause, /resigned/);
    await assertServed();

    keepalived = startKeepalived(LOWER, options);
    await keepalived.waitForState("BACKUP");
    await letTimePass(quietMs);
    await keepalived.waitForState("BACKUP");
    assert.doesNotMatch(keepalived.log, /Entering MASTER/);
    assert.deepEqual(keepalived.complaints, []);
    assert.deepEqual(vrrpFaults(await lab.status("gw1")), {});
    await assertServed();
    await whileActive?.();

    await stopNode(lab.name, "gw1");
    await keepalived.waitForState("MASTER");
    await keepalived.waitForLog("that it heard priority 0", /priority 0/i);
    assert.deepEqual(keepalived.complaints, []);
    await keepalived.stop();
  });
}

test("the address owner takes over from whoever is active", async () => {
  writeFileSync(documentPath(lab.name), document(255, ["preemptDelay: 0s"]));
  keepalived = startKeepalived(HIGHER);
  await keepalived.waitForState("MASTER");
  await startNode(lab.name, "gw1");
  await waitForTocha("active");
  await keepalived.waitForState("BACKUP");
  await assertServed();
  assert.match(lab.log("gw1"), /standby -> active/, "it was standby before");
  assert.deepEqual(keepalived.complaints, []);
  await stopNode(lab.name, "gw1");
  await keepalived.waitForState("MASTER");
  await keepalived.stop();
});

test("nothing stays behind of the devices with the virtual hardware address", async () => {
  writeFileSync(documentPath(lab.name), document(110, ["virtualMac: true"]));
  await startNode(lab.name, "gw1");
  await waitForTocha("active");
  // They may be up after the role.
  const bothUp = /vrrp4-51-0@lan.*UP.*\n.*vrrp6-51-0@lan.*UP/;
  await waitFor("the devices to be up", async () => bothUp.test(await links()), { explain: links });
  await stopNode(lab.name, "gw1");
  await waitFor("the devices to be gone", async () => !(await links()).includes("vrrp"));
});

async function links(): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace("gw1"), "-o", "link", "show"]);
}
