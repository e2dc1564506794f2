/** Each kind of check, where what it looks at really fails and gets well again: it says so, and no other one does. Needs root. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { cut, mend } from "../../src/lab/node-power.ts";
import { ipBatch, tryCommand } from "../../src/lab/run-command.ts";
import { connectNode, disconnectNode } from "../../src/lab/topology.ts";
import { CheckedLab } from "./checked-lab.ts";
import { TestLab } from "./daemon-node.ts";

// A check that fails for the second time within a minute is held for some seconds. So one thing that is wrong follows upon the
// other here, without a moment between them in which the check is ok.

const [server4 = "", server6 = ""] = labAddresses.server.map(bareAddress);
const [neighbour4 = "", host4 = "", neighbour6 = "", host6 = ""] = labAddresses.client.map(bareAddress);
const [, hostAddress4, , hostAddress6] = labAddresses.client;
const [, serverAddress6] = labAddresses.server;
const nodes = ["gw1", "gw2"] as const;
const noneFailing = { gw1: {}, gw2: {} };

let lab: TestLab;
let checks: CheckedLab;
let takeoversBefore: number;
/** Where this file exists, the script of that node carries it out. */
const orderFile = (node: string) => `/tmp/tocha-health-faults-${process.pid}-${node}`;
const order = orderFile("$TOCHA_NODE");
const script = `test ! -e ${order} || . ${order}; echo done`;

before(async () => {
  const quick = "interval: 200ms, timeout: 150ms, weight: 1";
  // The machine of host and host6, by its other addresses: what it answers for these, while those two wait, says nothing of them.
  const often = "interval: 100ms, timeout: 90ms, fall: 6, weight: 1";
  lab = await TestLab.up("hf", {
    checks: [
      `upstream: { kind: ping, interface: wan, target: ${server4}, ${quick} }`,
      `upstream6: { kind: ping, interface: wan, target: "${server6}", ${quick} }`,
      `server6: { kind: arp, interface: wan, target: "${server6}", ${quick} }`,
      `host: { kind: arp, interface: lan, target: ${host4}, ${quick} }`,
      `host6: { kind: arp, interface: lan, target: "${host6}", ${quick} }`,
      `neighbour: { kind: arp, interface: lan, target: ${neighbour4}, ${often} }`,
      `neighbour6: { kind: arp, interface: lan, target: "${neighbour6}", ${often} }`,
      `link: { kind: interface, interface: sync, ${quick} }`,
      "table: { kind: replication, interval: 200ms, weight: 1 }",
      // Longer than a shell takes to start on a busy machine.
      `job: { kind: script, command: [/bin/sh, -c, ${JSON.stringify(script)}], interval: 1s, fall: 2, rise: 1, weight: 1 }`,
    ],
  });
  checks = new CheckedLab(lab);
  await lab.waitUntilWellOn("gw1");
  await checks.untilFailing(noneFailing);
  takeoversBefore = checks.takeovers;
});

// Whatever a test has broken is mended, and its check is ok again; a test that failed half-way must not make the others fail.
afterEach(async () => {
  forgetOrders();
  await checks.dropAtSwitches();
  await changeAddress("wan", "replace", serverAddress6);
  for (const address of [hostAddress4, hostAddress6]) await changeAddress("lan", "replace", address);
  const hasDevice = await tryCommand("ip", ["-n", lab.namespace("gw2"), "link", "set", "dev", "sync", "up"]);
  if (hasDevice.status !== 0) await connectNode(lab.settings, "gw2", "sync");
  for (const cable of ["client", "gw1-sync", "gw2-sync"]) await mend(lab.name, cable);
  await checks.untilFailing(noneFailing);
});

after(async () => {
  forgetOrders();
  await lab?.down();
});

function forgetOrders(): void {
  for (const node of nodes) rmSync(orderFile(node), { force: true });
}

/** Addresses of the client (`lan`) or the server (`wan`). */
async function changeAddress(part: "lan" | "wan", what: "replace" | "del", address: string): Promise<void> {
  const isNew6 = what === "replace" && address.includes(":");
  await ipBatch(lab.namespace(part), [`address ${what} ${address} dev eth0${isNew6 ? " nodad" : ""}`]);
}

test("ping over IPv6: the questions of one node are lost, then the target has its address no more", async () => {
  const mute = { upstream6: `no answer from ${server6}` };
  await checks.dropAtSwitches('iifname "gw1-wan" icmpv6 type echo-request');
  // Who drops pings is there all the same: server6, which asks on the link, is ok.
  await checks.untilFailing({ gw1: mute, gw2: {} });
  assert.deepEqual(await checks.problemsOf("gw1"), [
    [
      `check upstream6 fails on gw1: no answer from ${server6}`,
      `To see it yourself, on gw1: ping -c 3 -I wan -I 2001:db8::2 ${server6}`,
    ],
  ]);
  await changeAddress("wan", "del", serverAddress6);
  const gone = { ...mute, server6: `no answer from ${server6} on wan` };
  await checks.untilFailing({ gw1: gone, gw2: gone });
});

test("arp, in both families: the questions of one node are lost, then an address is gone, then the target's link is down", async () => {
  const no4 = { host: `no answer from ${host4} on lan` };
  const no6 = { host6: `no answer from ${host6} on lan` };
  await checks.dropAtSwitches(
    `iifname "gw1-lan" arp operation request arp daddr ip ${host4}`,
    // The solicited-node group of host6.
    'iifname "gw1-lan" ip6 daddr ff02::1:ff00:11 icmpv6 type nd-neighbor-solicit',
  );
  await checks.untilFailing({ gw1: { ...no4, ...no6 }, gw2: {} });
  assert.deepEqual(await checks.problemsOf("gw1"), [
    [
      `check host fails on gw1: no answer from ${host4} on lan`,
      `To see it yourself, on gw1: arping -c 3 -I lan ${host4}`,
    ],
    [
      `check host6 fails on gw1: no answer from ${host6} on lan`,
      `To see it yourself, on gw1: ndisc6 ${host6} lan`,
    ],
  ]);
  await changeAddress("lan", "del", hostAddress4);
  await checks.untilFailing({ gw1: { ...no4, ...no6 }, gw2: no4 });
  await cut(lab.name, "client");
  const noNeighbours = {
    neighbour: `no answer from ${neighbour4} on lan`,
    neighbour6: `no answer from ${neighbour6} on lan`,
  };
  const nobody = { ...no4, ...no6, ...noNeighbours };
  await checks.untilFailing({ gw1: nobody, gw2: nobody });
  // The link comes back, with the address of the other family gone.
  await changeAddress("lan", "replace", hostAddress4);
  await changeAddress("lan", "del", hostAddress6);
  await checks.dropAtSwitches();
  await mend(lab.name, "client");
  await checks.untilFailing({ gw1: no6, gw2: no6 });
});

test("replication and interface: the sync link carries nothing, then one has no carrier and the other is down, then its device is gone", async () => {
  const alone = { table: "no other node holds every connection" };
  const behind = { table: "this node does not hold every connection" };
  const down = { link: "sync has no carrier or is down" };
  // Frames vanish at the switch, which a device cannot see: link is ok.
  await cut(lab.name, "gw2-sync", { silent: true });
  await checks.untilFailing({ gw1: alone, gw2: behind });
  assert.deepEqual(await checks.problemsOf("gw1"), [
    [
      "check table fails on gw1: no other node holds every connection",
      "To see it yourself, on gw1: tocha connections sync",
    ],
  ]);
  await cut(lab.name, "gw1-sync");
  await ipBatch(lab.namespace("gw2"), ["link set dev sync down"]);
  await checks.untilFailing({ gw1: { ...alone, ...down }, gw2: { ...behind, ...down } });
  assert.deepEqual(await checks.problemsOf("gw2"), [
    [
      "check link fails on gw2: sync has no carrier or is down",
      "To see it yourself, on gw2: ip link show sync",
    ],
    [
      "check table fails on gw2: this node does not hold every connection",
      "To see it yourself, on gw2: tocha connections sync",
    ],
  ]);
  await disconnectNode(lab.settings, "gw2", "sync");
  await mend(lab.name, "gw1-sync");
  await checks.untilFailing({ gw1: alone, gw2: { ...behind, link: "there is no device sync" } });
});

test("script: it ends with another status than 0, or by a signal, and the check says with which", async () => {
  writeFileSync(orderFile("gw1"), "echo no room left; exit 3\n");
  await checks.untilFailing({ gw1: { job: "exit status 3 (no room left)" }, gw2: {} });
  assert.deepEqual(await checks.problemsOf("gw1"), [
    [
      "check job fails on gw1: exit status 3 (no room left)",
      `To see it yourself, on gw1: /bin/sh -c ${JSON.stringify(script)}`,
    ],
  ]);
  assert.equal((await lab.status("gw1")).effectivePriority, 109);
  writeFileSync(orderFile("gw1"), "exit 4\n");
  await checks.untilFailing({ gw1: { job: "exit status 4" }, gw2: {} });
  writeFileSync(orderFile("gw1"), "kill -TERM $$\n");
  await checks.untilFailing({ gw1: { job: "killed by SIGTERM" }, gw2: {} });
});

test("all of it together was never worth a handover: the weights stayed below the difference of the priorities", async () => {
  assert.equal((await lab.waitUntilWell()).activeNode, "gw1");
  assert.equal((await lab.status("gw1")).effectivePriority, 110);
  assert.equal(checks.takeovers, takeoversBefore);
});
