import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket, documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { crash, powerOff } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { assertAnsweredThrough } from "./answered-through.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";
import { NeighbourWatch } from "./neighbour-watch.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import { CONNECTIONS } from "./two-groups-lab.ts";

// Two nodes with one hardware address for their virtual addresses: connections go on at another node, and the neighbours
// have nothing to learn.

const SERVICE_PORT = 7_011;
const MACS = { "10.1.0.1": "00:00:5e:00:01:33", "fd00:1::1": "00:00:5e:00:02:33" } as const;

let lab: TestLab;
let client: NamespaceAgent;
let server: NamespaceAgent;
let streams: StreamTraffic;
let neighbours: NeighbourWatch;

before(async () => {
  await requireNamespaces(["conntrack"]);
  lab = await TestLab.up("vm", {}, { daemons: false });
  const text = readFileSync(documentPath(lab.name), "utf8");
  writeFileSync(documentPath(lab.name), text.replace("    preempt:", "    virtualMac: true\n    preempt:"));
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
  neighbours = await NeighbourWatch.watch(lab.namespace("lan"));
  await startNode(lab.name, "gw1");
  await startNode(lab.name, "gw2");
  await lab.waitUntilWell();
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await neighbours?.close();
  await client?.close();
  await server?.close();
  await lab?.down();
});

async function assertServed(): Promise<void> {
  for (const [host, seen] of [
    ["192.0.2.9", "192.0.2.1"],
    ["2001:db8::9", "2001:db8::1"],
  ] as const) {
    await assertAnsweredThrough(client, { host, port: SERVICE_PORT, seen }, () => neighbours.said);
  }
}

async function devicesUp(node: string): Promise<number> {
  return (await ownDevices(node)).split("\n").filter((line) => /[<,]UP[,>]/.test(line)).length;
}

async function ownDevices(node: string): Promise<string> {
  return await runCommand("ip", ["-n", lab.namespace(node), "-o", "link", "show", "type", "macvlan"]);
}

test("only the active takes the frames of the virtual router to itself", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await new ControlClient(controlSocket(lab.name, active)).switchover();
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  // They may change after the role, in either order.
  await waitFor("the devices of the standby to be down", async () => (await devicesUp(active)) === 0);
  await waitFor("the devices of the active to be up", async () => (await devicesUp(standby)) === 4);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("hosts know the virtual addresses by the hardware address of the virtual router, and connections go on", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await assertServed();
  await assertAllGoOn(lab, streams, CONNECTIONS);
  assert.deepEqual([await devicesUp(active), await devicesUp(standby)], [4, 0]);

  await powerOff(lab.name, active);
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await assertServed();
  await assertAllGoOn(lab, streams, CONNECTIONS);
  for (const [address, mac] of Object.entries(MACS))
    assert.deepEqual(neighbours.macsOf(address), [mac], neighbours.said);
});

test("a device of the virtual router that somebody switches off, or removes, serves again: nothing moves", async () => {
  const { active } = await activeNode();
  const ip = (args: readonly string[]) => runCommand("ip", ["-n", lab.namespace(active), ...args]);
  for (const device of ["vrrp4-51-0", "vrrp6-51-0"]) {
    for (const what of [
      ["set", "dev", device, "down"],
      ["del", "dev", device],
    ]) {
      await ip(["link", ...what]);
      await waitFor("all devices to be up again", async () => (await devicesUp(active)) === 4, {
        explain: () => `${what.join(" ")}\n${lab.log(active)}`,
      });
      await lab.waitForNode(active, "active with every address", ({ role, groups }) => {
        return role === "active" && groups.every(({ missingAddresses }) => missingAddresses?.length === 0);
      });
      assert.match(await ip(["address", "show", "dev", device]), /inet6? (10\.1\.0\.1|fd00:1::1)\//);
      await assertServed();
    }
  }
  assert.equal((await activeNode()).active, active);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a node whose processes are all killed keeps no device of the virtual router", async () => {
  const { active } = await activeNode();
  assert.match(readFileSync(`${nodeFolder(lab.name, active)}/release.ip`, "utf8"), /link del dev vrrp4-51-0/);
  await crash(lab.name, active);
  await waitFor("the devices to be gone", async () => (await ownDevices(active)) === "", {
    explain: () => ownDevices(active),
  });
});

async function activeNode(): Promise<{ active: string }> {
  for (const node of ["gw1", "gw2"])
    if ((await lab.tryStatus(node))?.role === "active") return { active: node };
  throw new Error("no node is active");
}
