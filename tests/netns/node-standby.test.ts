/** A node is set aside for maintenance, and taken back: the daemon, the control path between nodes, the command. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { cut, mend, powerOff, powerOn } from "../../src/lab/node-power.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { assertAllGoOn } from "./streams-go-on.ts";

const CONNECTIONS = 40;
const LIMIT_MS = 60_000;
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  lab = await TestLab.up("ns");
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

/** `tocha node …`, asked of this node. */
function tocha(
  asked: string,
  ...args: readonly string[]
): { status: number | null; out: string; err: string } {
  const socket = ["--socket", controlSocket(lab.name, asked)];
  const { status, stdout, stderr } = spawnSync(launcher, [...args, ...socket], { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

async function until(what: string, isWished: (status: ClusterStatus) => boolean): Promise<ClusterStatus> {
  return await waitForCluster(lab.settings, isWished, { limitMs: LIMIT_MS, until: what });
}

function nodeOf(status: ClusterStatus | undefined, name: string) {
  return status?.nodes.find((node) => node.name === name);
}

test("the active is set aside, asked of the other node: it hands over, and everybody sees why it is out", async () => {
  const { status, out, err } = tocha("gw2", "node", "standby", "gw1", "--reason", "new power supply");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^ok {2}gw1 is set aside\. Active: gateway on gw2\.$/m);
  for (const seenBy of ["gw1", "gw2"]) {
    const seen = await lab.wholeViewOf(seenBy);
    const gw1 = nodeOf(seen, "gw1");
    assert.equal(seen.activeNode, "gw2");
    assert.equal(gw1?.maintenance?.reason, "new power supply");
    assert.match(gw1?.maintenance?.by ?? "", /^\w.*@/);
    assert.match(gw1?.cause ?? "", /^it handed over to gw2: gw1 is set aside by .*: new power supply$/);
    const [problem] = seen.problems.filter(({ code }) => code === "in-maintenance");
    assert.match(problem?.hint ?? "", /tocha node resume gw1$/);
  }
  const text = await lab.waitForStatusText("gw2", [/^gw1 +standby .*\n +set aside/m]);
  assert.equal(text.status, 1);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("nothing is handed to it, not by a switchover, and the other cannot be set aside as well", async () => {
  for (const more of [["--dry-run"], []]) {
    const switchover = tocha("gw1", "switchover", ...more);
    assert.equal(switchover.status, 1);
    assert.match(switchover.err, /switchover-no-standby/);
  }
  const refused = tocha("gw1", "node", "standby", "gw2", "--reason", "me too");
  assert.equal(refused.status, 1);
  assert.match(
    refused.err.replace(/\s+/g, " "),
    /nobody could take over every connection: gw1 is set aside itself/,
  );
  assert.match(refused.err, /standby-leaves-nobody/);
  assert.equal(nodeOf(await lab.wholeViewOf("gw1"), "gw2")?.maintenance, undefined);
  const unknown = tocha("gw1", "node", "standby", "gw7", "--reason", "a slip");
  assert.equal(unknown.status, 2);
  assert.match(unknown.err, /there is no node gw7/);
});

test("by force the last node is set aside too, and goes on serving, for nobody else can", async () => {
  const forced = tocha("gw1", "node", "standby", "gw2", "--reason", "both", "--force");
  assert.equal(forced.status, 0, forced.err);
  assert.match(forced.out, /gw2 is set aside, but goes on serving gateway: nobody else can/);
  const status = await lab.wholeViewOf("gw1");
  assert.deepEqual([status.activeNode, nodeOf(status, "gw2")?.effectivePriority], ["gw2", 1]);
  const back = tocha("gw1", "node", "resume", "gw2");
  assert.equal(back.status, 0, back.err);
  assert.match(back.out, /gw2 takes part again\. It was set aside since .*: both$/m);
  assert.equal(tocha("gw1", "node", "resume", "gw2").status, 1);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("it is still set aside when its power was off, and takes over only when nobody else is left", async () => {
  await powerOff(lab.name, "gw1");
  await powerOn(lab.name, "gw1");
  await until("gw1 is back, complete and still set aside", (seen) => {
    const gw1 = nodeOf(seen, "gw1");
    return gw1?.role === "standby" && gw1.replication.complete && gw1.maintenance !== undefined;
  });
  assert.equal((await lab.seenBy("gw1"))?.activeNode, "gw2");
  await powerOff(lab.name, "gw2");
  await until("gw1 serves in need", ({ activeNode }) => activeNode === "gw1");
  await assertAllGoOn(lab, streams, CONNECTIONS);
  await powerOn(lab.name, "gw2");
  await until("gw2 has the role again", ({ activeNode }) => activeNode === "gw2");
  const { cause } = await lab.waitForNode("gw1", "standby", ({ role }) => role === "standby");
  assert.match(cause, /^it handed over to gw2: gw1 is set aside by/);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("each role may die: what was set aside stays it", async () => {
  for (const role of ["control", "failover"]) {
    const { pid, restarts } = await lab.processOf("gw1", role);
    process.kill(pid, "SIGKILL");
    await lab.waitForNode("gw1", `running its ${role} again, as a standby`, (gw1) => {
      const found = gw1.processes.find((one) => one.role === role);
      return gw1.role === "standby" && found?.restarts === restarts + 1;
    });
  }
  // By its failover role, not only by its file.
  await powerOff(lab.name, "gw2");
  const status = await until("gw1 serves in need", ({ activeNode }) => activeNode === "gw1");
  assert.equal(nodeOf(status, "gw1")?.effectivePriority, 1);
  await powerOn(lab.name, "gw2");
  await until("gw2 has the role again", ({ activeNode }) => activeNode === "gw2");
});

test("resumed, it takes part as before, and takes nothing back without preemption", async () => {
  const { status, err } = tocha("gw2", "node", "resume", "gw1");
  assert.deepEqual([status, err], [0, ""]);
  const { activeNode } = await lab.waitUntilWell();
  assert.equal(activeNode, "gw2");
  // With preemption it would be back after 5 s, which is what `preemptDelay` is by default.
  await sleep(6_500);
  assert.equal((await lab.seenBy("gw1"))?.activeNode, "gw2");

  // What a dry run foresees on the node that is asked, which is not the active, is what then happens.
  const foreseen = tocha("gw1", "switchover", "--dry-run", "-o", "json");
  assert.deepEqual([foreseen.status, foreseen.err], [0, ""]);
  const { to, from, complete, connections, notProtected } = JSON.parse(foreseen.out);
  assert.deepEqual([from, to, complete, notProtected], ["gw2", "gw1", true, 0]);
  assert.ok(connections >= CONNECTIONS, `${connections} connections are counted`);
  assert.match(tocha("gw1", "switchover", "--dry-run").out, /Nothing was changed\./);
  await sleep(1_000);
  assert.equal((await lab.seenBy("gw1"))?.activeNode, "gw2", "and it changes nothing");
  const { out } = tocha("gw1", "switchover", "--to", to);
  assert.match(out, new RegExp(`^ok {2}${to} takes over from ${from}\\.$`, "m"));
  assert.equal((await lab.waitUntilWell()).activeNode, to);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a node that cannot be reached cannot be set aside, and that is said", async () => {
  await cut(lab.name, "gw2-sync");
  const { status, err } = tocha("gw1", "node", "standby", "gw2", "--reason", "nobody there");
  await mend(lab.name, "gw2-sync");
  assert.equal(status, 1);
  assert.match(err, /node-unreachable/);
});
