/**
 * An etcd of three members as the arbiter of two nodes that do not hear each other: its leader is killed, its quorum is lost, it comes
 * back. Needs root, etcd-server, openssl and curl.
 */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { arbiterKey } from "../../src/core/arbiter/arbiter-messages.ts";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { ipBatch } from "../../src/lab/run-command.ts";
import { ArbiterLab } from "./arbiter-lab.ts";
import { TestLab } from "./daemon-node.ts";
import { type EtcdKey, EtcdServer } from "./etcd-server.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

/** The server of the lab, beyond the WAN switch, and two more addresses of it. */
const MEMBERS = ["192.0.2.9", "192.0.2.7", "192.0.2.8"] as const;
/** Longer than an election of etcd takes on a busy machine. */
const LEASE_SECONDS = 6;

let lab: TestLab;
let nodes: ArbiterLab;
let etcd: EtcdServer;
let active: string;
let standby: string;
/** What both have logged of their roles since they were parted. */
let changes: readonly string[];

before(async () => {
  await requireNamespaces(["etcd", "openssl", "curl"]);
  lab = await TestLab.up("arbclu", { intervalMs: 100 }, { daemons: false });
  nodes = new ArbiterLab(lab);
  const [, ...more] = MEMBERS;
  await ipBatch(
    lab.namespace("wan"),
    more.map((address) => `address add ${address}/24 dev eth0`),
  );
  etcd = await EtcdServer.prepare(lab.namespace("wan"), ...MEMBERS);
  etcd.start();
  appendFileSync(documentPath(lab.name), etcd.document({ leaseSeconds: LEASE_SECONDS }));
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  await lab.waitUntilWell();
  for (const node of ["gw1", "gw2"]) await nodes.waitUntilReached(node);
});

after(async () => {
  await lab?.down();
  await etcd?.remove();
});

async function waitForKey(what: string, isMeant: (key: EtcdKey) => boolean = () => true): Promise<EtcdKey> {
  return await waitFor(
    what,
    async () => {
      const key = await etcd.key(arbiterKey(lab.name, "gateway"));
      return key !== undefined && key !== "none" && isMeant(key) && key;
    },
    { explain: () => etcd.said },
  );
}

async function waitForLeader(but?: string): Promise<string> {
  return await waitFor(
    "the members to have a leader",
    async () => {
      const leader = await etcd.leader();
      return leader !== but && leader;
    },
    { explain: () => etcd.said },
  );
}

/** The active renews its key: others see a new revision, and it is the same lease all the time. */
async function assertRenewed(since: EtcdKey): Promise<void> {
  const later = await waitForKey("the key to be renewed", ({ revision }) => revision > since.revision);
  assert.deepEqual([later.value, later.lease], [active, since.lease]);
}

function assertNothingMoved(): void {
  assert.deepEqual([...nodes.changesOf(active), ...nodes.changesOf(standby)], changes);
}

test("the three members break the tie as one does", async () => {
  ({ active, standby } = await nodes.settledRoles());
  await nodes.part();
  await nodes.waitForArbiter(active, "held");
  await nodes.waitForArbiter(standby, "lost");
  assert.deepEqual(await nodes.rolesOf(), { [active]: "active", [standby]: "fault" });
  const key = await waitForKey("the key to be there");
  assert.equal(key.value, active);
  await assertRenewed(key);
  changes = [...nodes.changesOf(active), ...nodes.changesOf(standby)];
});

test("the leader is killed, and then each other member: no role changes, and the lease goes on by those that are left", async () => {
  const leader = await waitForLeader();
  for (const member of [leader, ...MEMBERS.filter((one) => one !== leader)]) {
    await etcd.kill([member]);
    await waitForLeader(member);
    await assertRenewed(await waitForKey("the key to be there"));
    for (const node of [active, standby]) await nodes.waitUntilReached(node);
    await nodes.waitForArbiter(active, "held");
    await nodes.waitForArbiter(standby, "lost");
    assertNothingMoved();
    etcd.start([member]);
    await waitForLeader();
  }
});

test("two of three are killed: no role changes, and status says so", async () => {
  const leader = await waitForLeader();
  const other = MEMBERS.find((member) => member !== leader) ?? "";
  await etcd.kill([leader, other]);
  for (const node of [active, standby]) await nodes.waitUntilUnreached(node);
  const problems = (await lab.seenBy(active))?.problems ?? [];
  const [problem] = problems.filter(({ code, node }) => code === "arbiter-unreachable" && node === active);
  assert.match(problem?.message ?? "", /gets no answer from the arbiter/);
  for (const member of MEMBERS) assert.ok(problem?.message.includes(member), `what ${member} did`);
  // Longer than the lease.
  await letTimePass((LEASE_SECONDS + 1) * 1_000);
  assert.deepEqual(await nodes.rolesOf(), { [active]: "active", [standby]: "fault" });
  assertNothingMoved();
});

test("the quorum is back: the active holds the key again, and the other one stays down", async () => {
  etcd.start(MEMBERS.filter((member) => !etcd.living.includes(member)));
  for (const node of [active, standby]) await nodes.waitUntilReached(node);
  await nodes.waitForArbiter(active, "held");
  await assertRenewed(await waitForKey("the key to be there"));
  assert.deepEqual(await nodes.rolesOf(), { [active]: "active", [standby]: "fault" });
  assertNothingMoved();
});

test("together again nothing is at stake, and the key is given back", async () => {
  await nodes.unite();
  for (const node of [active, standby]) await nodes.waitForArbiter(node, "none");
  assert.equal((await lab.waitUntilWell()).activeNode, active, `${lab.log("gw1")}\n${lab.log("gw2")}`);
  await waitFor("the key to be given back", async () => {
    return (await etcd.key(arbiterKey(lab.name, "gateway"))) === "none";
  });
  assert.deepEqual(
    [...nodes.changesOf(active), ...nodes.changesOf(standby)],
    [...changes, "fault -> standby"],
  );
});
