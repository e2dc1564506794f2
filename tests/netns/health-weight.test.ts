/** Weights of failing checks, between real nodes with connections: as much as it takes moves the group, and less does not. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { CheckedLab } from "./checked-lab.ts";
import { TestLab } from "./daemon-node.ts";
import { letTimePass } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const CONNECTIONS = 40;
const [server4 = "", server6 = ""] = labAddresses.server.map(bareAddress);
const lostPing = 'iifname "gw1-wan" icmp type echo-request';
const lostPing6 = 'iifname "gw1-wan" icmpv6 type echo-request';
const LIMIT_MS = 60_000;

let lab: TestLab;
let checks: CheckedLab;
let streams: StreamTraffic;

before(async () => {
  const quick = "interval: 200ms, timeout: 150ms";
  lab = await TestLab.up("hw", {
    checks: [
      // The priorities of gw1 and gw2 differ by 10.
      `upstream: { kind: ping, interface: wan, target: ${server4}, ${quick}, weight: 10 }`,
      `upstream6: { kind: ping, interface: wan, target: "${server6}", ${quick}, weight: 1 }`,
    ],
  });
  checks = new CheckedLab(lab);
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  await checks.untilFailing({ gw1: {}, gw2: {} });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

test("a weight that makes the active no better than the standby, and no worse, moves nothing", async () => {
  const before = checks.takeovers;
  await checks.dropAtSwitches(lostPing);
  await checks.untilFailing({ gw1: { upstream: `no answer from ${server4}` }, gw2: {} });
  // Longer than the minimum time before a handover for a check: it is not only late.
  await letTimePass(11_000);
  const [gw1, gw2] = [await lab.status("gw1"), await lab.status("gw2")];
  assert.deepEqual([gw1.role, gw1.effectivePriority], ["active", 100]);
  assert.deepEqual([gw2.role, gw2.effectivePriority], ["standby", 100]);
  assert.equal(checks.takeovers, before);
});

test("one point more, of another check, and the standby ranks higher: it takes over, and no connection is lost", async () => {
  const before = checks.takeovers;
  await streams.mark();
  await checks.dropAtSwitches(lostPing, lostPing6);
  await waitForCluster(lab.settings, ({ activeNode }) => activeNode === "gw2", {
    limitMs: LIMIT_MS,
    until: "gw2 is active",
  });
  const gw1 = await lab.waitForNode("gw1", "standby", ({ role }) => role === "standby");
  assert.match(
    gw1.cause,
    /^it handed over to gw2: check upstream failed: no answer from 192\.0\.2\.9 for [0-9.]+ s; check upstream6 failed: no answer from 2001:db8::9 for [0-9.]+ s$/,
  );
  assert.equal(gw1.effectivePriority, 99);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  await checks.dropAtSwitches();
  await checks.untilFailing({ gw1: {}, gw2: {} });
  // It is well again and has the higher priority, but nobody is ill whom it could help.
  assert.equal((await lab.waitUntilWell()).activeNode, "gw2");
  assert.equal((await lab.status("gw1")).effectivePriority, 110);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  assert.equal(checks.takeovers, before + 1);
});

test("failing checks that are taken out of the document take nothing from the priority any more", async () => {
  const before = checks.takeovers;
  await checks.dropAtSwitches(lostPing, lostPing6);
  const gw1 = await lab.waitForNode("gw1", "ill", ({ effectivePriority }) => effectivePriority === 99);
  assert.equal(gw1.role, "standby");
  const client = new ControlClient(controlSocket(lab.name, "gw1"));
  const { text } = await client.ask("config");
  const without = text.replace(/^ {4}checks:\n(?: {6}.*\n)+/m, "");
  assert.doesNotMatch(without, /checks|ping/);
  const file = join(tmpdir(), `tocha-weight-${process.pid}.yaml`);
  writeFileSync(file, without);
  try {
    const words = ["config", "apply", file, "-m", "no checks", "--socket", controlSocket(lab.name, "gw1")];
    const { status, stderr } = spawnSync(launcher, words, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  } finally {
    rmSync(file);
  }
  await lab.waitForNode("gw1", "well", ({ effectivePriority }) => effectivePriority === 110);
  assert.equal((await lab.waitUntilWell()).activeNode, "gw2");
  assert.equal(checks.takeovers, before);
});
