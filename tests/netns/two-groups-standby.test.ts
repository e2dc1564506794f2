/** Two failover groups: a node is set aside with what it is active for, refused for one group, and taken back. Needs root. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ClusterStatus, NodeStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { controlSocket, documentPath } from "../../src/lab/lab-folder.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import type { TestLab } from "./daemon-node.ts";
import { letTimePass } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import { CONNECTIONS, changesOf, HOME, labOfTwoGroups, tocha, untilActive } from "./two-groups-lab.ts";

const LIMIT_MS = 60_000;
/** Longer than `preemptDelay`, 5 s, and a handover. */
const PREEMPTED_MS = 6_500;

let lab: TestLab;
let streams: StreamTraffic;
/** Where this file exists, the check of the second group fails on that node. */
const failFile = (node: string) => `/tmp/tocha-two-groups-${process.pid}-${node}`;

before(async () => {
  lab = await labOfTwoGroups({ daemons: false });
  const file = documentPath(lab.name);
  writeFileSync(file, withoutPreemptionOfSecond(readFileSync(file, "utf8")));
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  await bringHome();
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  for (const node of ["gw1", "gw2"]) rmSync(failFile(node), { force: true });
  await streams?.close();
  await lab?.down();
});

/** The second group stays where it is, and has a check of its own. */
function withoutPreemptionOfSecond(document: string): string {
  const [before = "", second = ""] = document.split("  second:\n");
  const script = JSON.stringify(`test ! -e ${failFile("$TOCHA_NODE")}`);
  // The interval is also what a script has at most, and the machine may be busy with other tests.
  const check = `line: { kind: script, command: [/bin/sh, -c, ${script}], interval: 1s, veto: true }`;
  const changed = second.replace("preempt: true", "preempt: false");
  assert.notEqual(changed, second);
  return `${before}  second:\n    checks:\n      ${check}\n${changed}`;
}

/** Whichever node has started first: without preemption the second group stays there. */
async function bringHome(): Promise<void> {
  const { groups } = await waitForCluster(
    lab.settings,
    (status) => status.verdict === "ok" && status.nodes.every(({ replication }) => replication.complete),
    { limitMs: LIMIT_MS, until: "all is well" },
  );
  const to = HOME["second"] ?? "";
  if (groups.some(({ name, activeNode }) => name === "second" && activeNode !== to))
    await new ControlClient(controlSocket(lab.name, "gw1")).switchover({ group: "second", to });
  await untilActive(lab, HOME);
}

function nodeOf(status: ClusterStatus | undefined, name: string): NodeStatus | undefined {
  return status?.nodes.find((node) => node.name === name);
}

/** Who is active in each group. */
function placesOf({ groups }: ClusterStatus): Record<string, string | null> {
  return Object.fromEntries(groups.map(({ name, activeNode }) => [name, activeNode]));
}

test("a node is set aside: the group that it works for moves with its connections, the other one stays", async () => {
  const gateway = await changesOf(lab, "gateway");
  const { status, out, err } = tocha(lab, "gw1", "node", "standby", "gw2", "--reason", "new power supply");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^ok {2}gw2 is set aside\. Active: gateway on gw1, second on gw1\.$/m);
  for (const seenBy of ["gw1", "gw2"]) {
    const seen = await lab.wholeViewOf(seenBy);
    assert.deepEqual(placesOf(seen), { gateway: "gw1", second: "gw1" });
    const gw2 = nodeOf(seen, "gw2");
    assert.equal(gw2?.maintenance?.reason, "new power supply");
    assert.deepEqual(
      gw2?.groups.map(({ role }) => role),
      ["standby", "standby"],
    );
    const cause = gw2?.groups.find(({ name }) => name === "second")?.cause;
    assert.match(cause ?? "", /^it handed over to gw1: gw2 is set aside by .*: new power supply$/);
    const [problem] = seen.problems.filter(({ code }) => code === "in-maintenance");
    assert.equal(problem?.node, "gw2");
  }
  // Whoever has handed over is complete again only when its connections were compared with those of the new active.
  const text = await lab.waitForStatusText("gw2", [
    /^gw2 +standby .*\n +set aside/m,
    ...["gateway", "second"].map((group) => new RegExp(`^${group} +active +standby, complete$`, "m")),
  ]);
  assert.equal(text.status, 1);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  assert.deepEqual(await changesOf(lab, "gateway"), gateway);
});

test("the other one is not set aside as well: the refusal names a group that nobody would be left for", async () => {
  const refused = tocha(lab, "gw2", "node", "standby", "gw1", "--reason", "me too");
  assert.deepEqual([refused.status, refused.out], [1, ""]);
  assert.match(
    refused.err.replace(/\s+/g, " "),
    /without gw1 nobody could take over every connection of the group gateway: gw2 is set aside itself/,
  );
  assert.match(refused.err, /standby-leaves-nobody/);
  const seen = await lab.wholeViewOf("gw1");
  assert.equal(nodeOf(seen, "gw1")?.maintenance, undefined);
  assert.deepEqual(placesOf(seen), { gateway: "gw1", second: "gw1" });
});

test("resumed, it does not get the group back that is without preemption, although it ranks higher", async () => {
  const { status, out, err } = tocha(lab, "gw1", "node", "resume", "gw2");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /gw2 takes part again\. It was set aside since .*: new power supply$/m);
  const { nodes } = await untilActive(lab, { gateway: "gw1", second: "gw1" });
  const [gw1 = 0, gw2 = 0] = nodes.map(
    ({ groups }) => groups.find(({ name }) => name === "second")?.effectivePriority,
  );
  assert.ok(gw2 > gw1, `${gw2} and ${gw1}`);
  const before = await changesOf(lab, "second");
  await letTimePass(PREEMPTED_MS);
  await untilActive(lab, { gateway: "gw1", second: "gw1" });
  assert.deepEqual(await changesOf(lab, "second"), before);
});

test("set aside, a node hands over all groups; resumed, it gets back the one with preemption, and only that", async () => {
  const { status, out, err } = tocha(lab, "gw1", "node", "standby", "gw1", "--reason", "new kernel");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^ok {2}gw1 is set aside\. Active: gateway on gw2, second on gw2\.$/m);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  const second = await changesOf(lab, "second");
  const back = tocha(lab, "gw2", "node", "resume", "gw1");
  assert.deepEqual([back.status, back.err], [0, ""]);
  await untilActive(lab, HOME);
  assert.deepEqual(await changesOf(lab, "second"), second);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a node is not set aside where the other one could not serve one of the groups well: that one is named", async () => {
  writeFileSync(failFile("gw1"), "");
  await lab.waitForNode("gw1", "failing the check of the second group", ({ checks = [] }) =>
    checks.some(({ group, state }) => group === "second" && state === "failing"),
  );
  const refused = tocha(lab, "gw2", "node", "standby", "gw2", "--reason", "new disks");
  assert.deepEqual([refused.status, refused.out], [1, ""]);
  assert.match(
    refused.err.replace(/\s+/g, " "),
    /without gw2 nobody could take over every connection of the group second: gw1 is not well: check line fails: /,
  );
  assert.match(refused.err, /standby-leaves-nobody/);
  const seen = await lab.wholeViewOf("gw2");
  assert.equal(nodeOf(seen, "gw2")?.maintenance, undefined);
  assert.deepEqual(placesOf(seen), HOME);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});
