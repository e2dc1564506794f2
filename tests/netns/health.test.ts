/** Checks of the real daemon: what is lost on one node moves the group, what is lost on both does not. Needs root. */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { CheckStatus, ClusterStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";

const CONNECTIONS = 40;
const [server4 = "", server6 = ""] = labAddresses.server.map(bareAddress);
const [client4 = "", , client6 = ""] = labAddresses.client.map(bareAddress);
const nodes = ["gw1", "gw2"] as const;
type Node = (typeof nodes)[number];
/** This node's own address on the wan side, which pings come from. */
const wanAddress: Record<Node, string> = { gw1: "192.0.2.2", gw2: "192.0.2.3" };
const LIMIT_MS = 60_000;

let lab: TestLab;
let streams: StreamTraffic;
/** Where this file exists, the script of that node hangs, with a process of its own behind it. */
const hangFile = (node: string) => `/tmp/tocha-health-${process.pid}-${node}`;
/** As no other process on this machine is called. */
const HANG_SECONDS = 40_000 + (process.pid % 10_000);

before(async () => {
  const quick = "interval: 200ms, timeout: 150ms";
  const script = `if test -e ${hangFile("$TOCHA_NODE")}; then echo busy; sleep ${HANG_SECONDS}; fi; echo "$TOCHA_GROUP $TOCHA_CHECK"`;
  lab = await TestLab.up("he", {
    checks: [
      `upstream: { kind: ping, interface: wan, target: ${server4}, ${quick}, veto: true }`,
      `upstream6: { kind: ping, interface: wan, target: "${server6}", ${quick}, weight: 1 }`,
      `host: { kind: arp, interface: lan, target: ${client4}, ${quick}, weight: 1 }`,
      `host6: { kind: arp, interface: lan, target: "${client6}", ${quick}, weight: 1 }`,
      `link: { kind: interface, interface: sync, ${quick}, weight: 1 }`,
      "table: { kind: replication, weight: 1 }",
      `load: { kind: script, command: [/bin/sh, -c, ${JSON.stringify(script)}], interval: 1s, weight: 20 }`,
    ],
  });
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  for (const node of nodes) rmSync(hangFile(node), { force: true });
  await streams?.close();
  await lab?.down();
});

/** The server does not hear pings of these nodes any more, as if their way to it were cut; it hears everything else. */
async function deafTo(...deaf: readonly Node[]): Promise<void> {
  const drops = deaf.map((node) => `ip saddr ${wanAddress[node]} icmp type echo-request drop\n`).join("");
  const chain = `chain in {\ntype filter hook input priority 0;\n${drops}}`;
  const rules = `table inet deaf\ndelete table inet deaf\ntable inet deaf {\n${chain}\n}\n`;
  const command = `printf '%s' "$1" | ip netns exec "$2" nft -f -`;
  await runCommand("sh", ["-c", command, "sh", rules, lab.namespace("wan")]);
}

function checkOf(status: ClusterStatus | undefined, node: string, name: string): CheckStatus | undefined {
  const found = status?.nodes.find((one) => one.name === node);
  return found?.checks?.find((check) => check.name === name);
}

/** Waits until a check has these states, in the order of the nodes; a held one is `held`. */
async function untilStates(name: string, states: readonly string[]): Promise<ClusterStatus> {
  const found = (status: ClusterStatus) =>
    nodes.map((node) => {
      const check = checkOf(status, node, name);
      return check !== undefined && check.heldSeconds !== null ? "held" : check?.state;
    });
  return await waitForCluster(lab.settings, (status) => assertEqual(found(status), states), {
    limitMs: LIMIT_MS,
    until: `${name} is ${states.join(" and ")}`,
  });
}

function assertEqual(a: readonly (string | undefined)[], b: readonly string[]): boolean {
  return a.join() === b.join();
}

/** Since the nodes started. */
function takeovers(): number {
  return nodes.reduce((sum, node) => sum + lab.log(node).split("standby -> active").length - 1, 0);
}

async function untilActive(node: Node): Promise<ClusterStatus> {
  return await waitForCluster(lab.settings, ({ activeNode }) => activeNode === node, {
    limitMs: LIMIT_MS,
    until: `${node} is active`,
  });
}

test("every kind of check is ok on the active and on the standby, which ask from their own addresses", async () => {
  const names = ["upstream", "upstream6", "host", "host6", "link", "table", "load"];
  for (const name of names) await untilStates(name, ["ok", "ok"]);
  const common = [`${server4} answers`, `${server6} answers`, `${client4} is there`, `${client6} is there`];
  // The active looks at its standby's table, the standby at its own. The words are those of the last
  // probe: for up to an interval after a change of roles they are of the role before.
  const expected = (active: string) =>
    nodes.map((node) => {
      const table = node === active ? nodes.filter((other) => other !== node).join() : "this node";
      return [...common, "sync is up", `${table} holds every connection`, "gateway load"];
    });
  const words = (status: ClusterStatus) =>
    nodes.map((node) => names.map((name) => checkOf(status, node, name)?.words));
  const status = await waitForCluster(
    lab.settings,
    (now) => now.activeNode !== null && isDeepStrictEqual(words(now), expected(now.activeNode)),
    { limitMs: LIMIT_MS, until: "each check says what it saw" },
  );
  assert.equal(status.verdict, "ok");
});

test("a target that both have lost moves nothing, and status says what fails where", async () => {
  await streams.mark();
  const before = takeovers();
  await deafTo("gw1", "gw2");
  const status = await untilStates("upstream", ["failing", "failing"]);
  assert.equal(status.verdict, "degraded");
  const problems = status.problems.filter(({ code }) => code === "check-failing");
  assert.deepEqual(
    problems.map(({ severity, node }) => [severity, node]),
    nodes.map((node) => ["error", node]),
  );
  assert.match(
    problems[0]?.message ?? "",
    /^check upstream fails on gw1: no answer from 192\.0\.2\.9 for [0-9.]+ s$/,
  );
  assert.match(problems[0]?.hint ?? "", /on gw1: ping -c 3 -I wan -I 192\.0\.2\.2 192\.0\.2\.9$/);
  // Longer than the minimum time before a handover for a check: it is not only late.
  await sleep(11_000);
  assert.deepEqual([(await lab.seenBy("gw1"))?.activeNode, takeovers()], ["gw1", before]);
  await deafTo();
  await untilStates("upstream", ["ok", "ok"]);
  await assertAllGoOn(lab, streams, CONNECTIONS);
  assert.equal(takeovers(), before);
});

test("a target that only the active has lost moves the group, with the cause, and no connection is lost", async () => {
  await deafTo("gw1");
  await untilActive("gw2");
  const gw1 = await lab.waitForNode("gw1", "standby", ({ role }) => role === "standby");
  assert.match(
    gw1.cause,
    /^it handed over to gw2: check upstream failed: no answer from 192\.0\.2\.9 for [0-9.]+ s$/,
  );
  await assertAllGoOn(lab, streams, CONNECTIONS);
  await deafTo();
  await untilStates("upstream", ["ok", "ok"]);
  await lab.waitUntilWell();
});

test("a script has a time limit, and nothing of it is left", async () => {
  writeFileSync(hangFile("gw1"), "");
  const status = await untilStates("load", ["failing", "ok"]);
  assert.match(checkOf(status, "gw1", "load")?.words ?? "", /^no end within 1 s \(busy\)$/);
  assert.equal((await lab.status("gw1")).effectivePriority, 90);
  rmSync(hangFile("gw1"));
  await untilStates("load", ["ok", "ok"]);
  const left = await runCommand("sh", ["-c", `ps -eo args= | grep -x "sleep ${HANG_SECONDS}" || true`]);
  assert.equal(left, "");
  assert.equal(existsSync(hangFile("gw1")), false);
});

test("a target that comes and goes is held down, and the role does not follow it", async () => {
  const before = takeovers();
  const seen = async () => checkOf(await lab.seenBy("gw2"), "gw2", "upstream");
  for (let i = 0; i < 4; i++) {
    await deafTo("gw2");
    await waitFor("the check to fail", async () => {
      const check = await seen();
      return check?.state === "failing" && check.heldSeconds === null;
    });
    await deafTo();
    await waitFor("it to be well again, or held", async () => {
      const check = await seen();
      return check?.state === "ok" || typeof check?.heldSeconds === "number";
    });
  }
  await waitForCluster(
    lab.settings,
    (now) => now.activeNode === "gw1" && (checkOf(now, "gw2", "upstream")?.flaps ?? 0) >= 1,
    { limitMs: LIMIT_MS, until: "gw1 is active, and the check of gw2 has flapped" },
  );
  assert.equal(takeovers(), before + 1, "gw2 handed over once");
  await untilStates("upstream", ["ok", "ok"]);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});
