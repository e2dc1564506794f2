/** Three gateways: two of them die one after the other, and every connection goes on. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { bareAddress, nodeAddresses, nodeNames } from "../../src/lab/lab-plan.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

const CONNECTIONS = 150;

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  lab = await TestLab.up("three", { nodes: 3 });
  await lab.waitUntilWell();
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

async function activeOf(nodes: readonly string[]): Promise<string> {
  return await waitFor("one of the nodes that live to be active", async () => {
    for (const node of nodes) if ((await lab.tryStatus(node))?.role === "active") return node;
    return undefined;
  });
}

/** Every living standby holds what the active node holds. */
async function waitUntilComplete(nodes: readonly string[], active: string): Promise<void> {
  for (const node of nodes.filter((one) => one !== active))
    await lab.waitForNode(node, "complete", ({ replication }) => replication.complete);
}

async function assertConnectionsGoOn(): Promise<void> {
  await streams.mark();
  let reasons = "";
  await waitFor(
    "bytes on all connections",
    async () => {
      const report = await streams.report();
      reasons = JSON.stringify(report.reasons);
      return report.survived === CONNECTIONS;
    },
    { explain: () => reasons },
  );
}

test("two of three gateways lose their power one after the other: no connection is lost", async () => {
  let living = nodeNames(lab.settings);
  let active = await activeOf(living);
  for (let left = 2; left > 0; left--) {
    await waitUntilComplete(living, active);
    await powerOff(lab.name, active);
    living = living.filter((node) => node !== active);
    active = await activeOf(living);
    await assertConnectionsGoOn();
  }
  assert.equal(living.length, 1);
  for (const node of nodeNames(lab.settings)) if (!living.includes(node)) await powerOn(lab.name, node);
  await lab.waitUntilWell();
  assert.equal(await activeOf(nodeNames(lab.settings)), active, "nodes that come back stay standby");
  await assertConnectionsGoOn();
});

test("a switchover goes to the standby that is named, the best or not, and nobody else takes over", async () => {
  const nodes = nodeNames(lab.settings);
  let active = await activeOf(nodes);
  // The one that ranks lowest first.
  for (const to of nodes.filter((node) => node !== active).reverse()) {
    await waitUntilComplete(nodes, active);
    const third = nodes.find((node) => node !== active && node !== to) ?? "";
    const before = takeovers(third);
    const client = new ControlClient(controlSocket(lab.name, third));
    assert.equal((await client.foreseeSwitchover({ to })).to, to);
    assert.equal((await client.switchover({ to })).to, to);
    await lab.waitForNode(to, "active", ({ role }) => role === "active");
    await assertConnectionsGoOn();
    assert.equal(takeovers(third), before, `${third} left it to ${to}`);
    active = to;
  }
});

test("a node that is set aside serves before one without its connections, until that one has them", async () => {
  const nodes = nodeNames(lab.settings);
  const active = await activeOf(nodes);
  const [aside = "", empty = ""] = nodes.filter((node) => node !== active);
  await waitUntilComplete(nodes, active);
  for (const node of [active, aside]) await refuseStreams(node, empty);
  await powerOff(lab.name, empty);
  await powerOn(lab.name, empty);
  await lab.waitForNode(empty, "a standby without connections", ({ role, replication }) => {
    return role === "standby" && !replication.complete;
  });
  await new ControlClient(controlSocket(lab.name, active)).standby({
    node: aside,
    reason: "new fan",
    by: "a test",
  });

  await powerOff(lab.name, active);
  const first = await activeOf([aside, empty]);
  await assertConnectionsGoOn();
  assert.equal(first, aside);

  await acceptStreams(aside);
  await lab.waitForNode(empty, "active, with every connection", ({ role }) => role === "active");
  await lab.waitForNode(aside, "a standby again", ({ cause, role }) => {
    return role === "standby" && cause.includes(`handed over to ${empty}`);
  });
  await assertConnectionsGoOn();
  await new ControlClient(controlSocket(lab.name, aside)).resume({ node: aside, by: "a test" });
  await powerOn(lab.name, active);
  await lab.waitUntilWell();
});

/** Nothing of the streams of connections between the two gets through; pulses and questions do. */
async function refuseStreams(node: string, other: string): Promise<void> {
  const source = `ip saddr ${bareAddress(nodeAddresses(other, "sync", lab.settings)[0] ?? "")}`;
  const rules = ["sport", "dport"].map((end) => `${source} tcp ${end} 7844 drop`).join("\n");
  await nft(node, `table ip streams {\nchain in {\ntype filter hook input priority 0;\n${rules}\n}\n}`);
}

async function acceptStreams(node: string): Promise<void> {
  await nft(node, "delete table ip streams");
}

async function nft(node: string, rules: string): Promise<void> {
  const command = `printf '%s' "$1" | ip netns exec "$2" nft -f -`;
  await runCommand("sh", ["-c", command, "sh", rules, lab.namespace(node)]);
}

/** Since the node was powered on first. */
function takeovers(node: string): number {
  return lab.log(node).split("standby -> active").length - 1;
}
