import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { DecodeError } from "../../src/base/decode-error.ts";
import { formatIp } from "../../src/base/ip.ts";
import { documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { runningNode, startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { decodeAdvertisementFrame } from "../../src/wire/vrrp.ts";
import { TestLab } from "./daemon-node.ts";
import { KeepalivedRouter } from "./keepalived-router.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { gatewayMac } from "./namespace-frames.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { vrrpFaults } from "./vrrp-faults.ts";

// IPv6 advertisements come from a link-local address of the interface itself (RFC 9568 5.1.2.1), whatever else comes and goes there.
// tocha is on gw1, keepalived on gw2.

interface VirtualRouter {
  readonly id: number;
  readonly addresses: readonly string[];
}

const first: VirtualRouter = { id: 51, addresses: ["fe80::51:1/64", "fd00:1::1/64"] };
const second: VirtualRouter = { id: 52, addresses: ["fe80::52:1/64", "fd00:1::7/64"] };
const PRIORITY = 110;
const HIGHER = 200;
const LOWER = 50;
const ADDED = "fe80::5";
/** Of IPv6 advertisements of gw1 to the multicast group: how frames begin. */
const ADVERTISEMENT = `333300000012${Buffer.from(gatewayMac("gw1", "lan")).toString("hex")}`;
/** Twenty intervals, and several renewals of the virtual addresses: time for anything that goes wrong to show. */
const QUIET_MS = 2_000;

let lab: TestLab;
let client: NamespaceAgent;
let keepalived: KeepalivedRouter | undefined;
/** Of gw1 in the LAN, made by the kernel. */
let own: string;

before(async () => {
  await requireNamespaces(["keepalived"]);
  lab = await TestLab.up("tl", {}, { daemons: false });
  own = await waitFor("the kernel's own link-local address", async () => {
    const text = await ip("-o", "-6", "address", "show", "dev", "lan", "scope", "link", "-tentative");
    return /inet6 (fe80:[^/]+)/.exec(text)?.[1];
  });
  client = new NamespaceAgent(lab.namespace("lan"));
  await client.request({ do: "capture", device: "eth0" });
});

afterEach(async () => {
  if (runningNode(lab.name, "gw1") !== undefined) await stopNode(lab.name, "gw1");
  await keepalived?.stop();
  keepalived = undefined;
  // So that one failure is not the cause of the next.
  await ip("address", "replace", `${own}/64`, "dev", "lan", "nodad");
  await tryCommand("ip", ["-n", lab.namespace("gw1"), "address", "del", `${ADDED}/64`, "dev", "lan"]);
});

after(async () => {
  await client?.close();
  await lab?.down();
});

function document(routers: readonly VirtualRouter[]): string {
  const groups = routers.map(
    ({ id, addresses }) => `
  group-${id}:
    virtualRouterId: ${id}
    priorities: { gw1: ${PRIORITY} }
    addresses:
      lan: [${addresses.map((address) => `"${address}"`).join(", ")}]`,
  );
  return `cluster: link-local
nodes:
  gw1:
    interfaces:
      lan: { device: lan, addresses: [10.1.0.2/24, "fd00:1::2/64"] }
      sync: { device: sync, addresses: [10.255.0.1/24] }
groups:${groups.join("")}
replication: { interface: sync }
keys: { directory: keys }
`;
}

/** Starts gw1 with a group for each of these, and waits until it is active for all. */
async function startActive(...routers: readonly VirtualRouter[]): Promise<void> {
  writeFileSync(documentPath(lab.name), document(routers));
  await startNode(lab.name, "gw1");
  await untilActive(routers);
}

async function untilActive(wanted: readonly VirtualRouter[]): Promise<void> {
  const names = wanted.map(({ id }) => `group-${id}`);
  await lab.waitUntilSeen("gw1", `itself active for ${names} only`, ({ groups }) =>
    groups.every(({ name, activeNode }) => (activeNode === "gw1") === names.includes(name)),
  );
}

async function ip(...args: readonly string[]): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace("gw1"), ...args]);
}

/** As an administrator would. */
async function change(verb: "add" | "del", address: string): Promise<void> {
  await ip("address", verb, `${address}/64`, "dev", "lan", ...(verb === "add" ? ["nodad"] : []));
}

/** For IPv6 alone: held together with IPv4 it would not take over when only IPv6 advertisements stay away. */
function startKeepalived({ id, addresses }: VirtualRouter, priority: number): KeepalivedRouter {
  const text = `global_defs {
  vrrp_version 3
}
vrrp_instance v6 {
  state BACKUP
  interface lan
  virtual_router_id ${id}
  priority ${priority}
  advert_int 0.1
  version 3
  virtual_ipaddress {
    ${addresses.join("\n    ")}
  }
}
`;
  return new KeepalivedRouter({
    ...{ namespace: lab.namespace("gw2"), folder: join(labFolder(lab.name), "keepalived"), device: "lan" },
    ...{ virtualRouterId: id, priority, addresses4: [], addresses6: addresses },
    configuration: { text, instances: ["v6"] },
  });
}

/** All that gw1 advertises over IPv6 in the next while, for each of these and no others, comes from that address. */
async function assertSource(expected: string, ...routers: readonly VirtualRouter[]): Promise<void> {
  await client.request({ do: "captured", device: "eth0" });
  await letTimePass(QUIET_MS);
  const { frames } = await client.request({ do: "captured", device: "eth0" });
  const seen = frames
    .filter((frame) => frame.startsWith(ADVERTISEMENT))
    .map((frame) => {
      const packet = decodeAdvertisementFrame(Buffer.from(frame, "hex"));
      assert.ok(!(packet instanceof DecodeError));
      return `${packet.advertisement.virtualRouterId} from ${formatIp(packet.source)}`;
    });
  const wanted = routers.map(({ id }) => `${id} from ${expected}`);
  assert.deepEqual([...new Set(seen)].sort(), wanted);
}

/** The backup never had a reason to take over. */
async function assertUndisturbed(backup: KeepalivedRouter): Promise<void> {
  assert.doesNotMatch(backup.log, /Entering MASTER/);
  assert.deepEqual(backup.complaints, []);
  assert.deepEqual(vrrpFaults(await lab.status("gw1")), {}, "every advertisement could be sent");
}

test("an administrator adds a link-local address and removes it: advertisements go on, the backup stays backup", async () => {
  await startActive(first);
  keepalived = startKeepalived(first, LOWER);
  await keepalived.waitForState("BACKUP");
  await change("add", ADDED);
  await assertSource(own, first);
  await change("del", ADDED);
  await assertSource(own, first);
  await assertUndisturbed(keepalived);
});

test("the interface's own address is removed: advertisements come from another one that is there", async () => {
  await startActive(first);
  keepalived = startKeepalived(first, LOWER);
  await keepalived.waitForState("BACKUP");
  await change("add", ADDED);
  await change("del", own);
  await assertSource(ADDED, first);
  await change("add", own);
  await assertSource(ADDED, first);
  await change("del", ADDED);
  await assertSource(own, first);
  await assertUndisturbed(keepalived);
});

test("a node that starts advertises from the oldest address", async () => {
  await change("add", ADDED);
  await startActive(first);
  await assertSource(own, first);
  await change("del", ADDED);
  await assertSource(own, first);
});

test("no group advertises from a virtual address of another one on the interface, nor ends when that one moves away", async () => {
  await startActive(first, second);
  await assertSource(own, first, second);
  await change("add", ADDED);
  await change("del", own);
  await assertSource(ADDED, first, second);
  keepalived = startKeepalived(second, HIGHER);
  await keepalived.waitForState("MASTER");
  await untilActive([first]);
  await assertSource(ADDED, first);
  assert.deepEqual(vrrpFaults(await lab.status("gw1")), {});
});
