/** An arbiter (a real etcd) and two nodes that do not hear each other. Needs root, etcd-server, openssl and curl. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { NodeStatus } from "../../src/contract/status.ts";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { crash, powerOff, powerOn } from "../../src/lab/node-power.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { ArbiterLab } from "./arbiter-lab.ts";
import { TestLab } from "./daemon-node.ts";
import { EtcdServer } from "./etcd-server.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

/** The server of the lab, beyond the WAN switch. */
const ETCD_ADDRESS = "192.0.2.9";
/** On the same network; nobody answers for it. */
const NOBODY = "192.0.2.250";

let lab: TestLab;
let nodes: ArbiterLab;
let etcd: EtcdServer;

before(async () => {
  await requireNamespaces(["etcd", "openssl", "curl"]);
  lab = await TestLab.up("arbiter", { intervalMs: 100 }, { daemons: false });
  nodes = new ArbiterLab(lab);
  etcd = await EtcdServer.prepare(lab.namespace("wan"), ETCD_ADDRESS);
  etcd.start();
  appendFileSync(documentPath(lab.name), etcd.document());
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
  await etcd?.remove();
});

test("nothing is asked for while the nodes hear each other, but whether the arbiter is there", async () => {
  for (const node of ["gw1", "gw2"]) {
    const { arbiter } = await lab.waitForNode(
      node,
      "in touch with the arbiter",
      (status) => status.arbiter?.[0]?.reachable === true,
    );
    assert.deepEqual(arbiter?.[0], {
      ...{ group: "gateway", state: "none", reachable: true, holder: null, problem: null },
    });
  }
});

test("of two nodes that do not hear each other one stays active: the one that was it", async () => {
  const { active, standby } = await nodes.settledRoles();
  await nodes.part();
  await nodes.waitForArbiter(active, "held");
  const lost = await nodes.waitForArbiter(standby, "lost");
  assert.equal(lost.arbiter?.[0]?.holder, active);
  const { role, cause } = await lab.waitForNode(standby, "down", (status) => status.role === "fault");
  assert.equal(role, "fault");
  assert.equal(cause, `${active} holds the arbiter's lease, and this node hears nothing of it`);
  assert.equal((await lab.status(active)).role, "active");

  const before = await nodes.rolesOf();
  await etcd.kill();
  await nodes.waitUntilUnreached(active);
  await nodes.waitUntilUnreached(standby);
  const problems = (await lab.seenBy(active))?.problems ?? [];
  assert.ok(problems.some(({ code, node }) => code === "arbiter-unreachable" && node === active));
  assert.deepEqual(await nodes.rolesOf(), before, "the loss of the arbiter changes no role");

  etcd.start();
  await nodes.waitForArbiter(active, "held");
  assert.deepEqual(await nodes.rolesOf(), before);

  // Nothing closes the connections to it, and nothing is answered on them.
  etcd.hang(true);
  await nodes.waitUntilUnreached(active);
  await nodes.waitUntilUnreached(standby);
  assert.match((await lab.status(active)).arbiter?.[0]?.problem ?? "", /no answer in time/);
  assert.deepEqual(await nodes.rolesOf(), before, "nor does an arbiter that hangs");
  etcd.hang(false);
  await nodes.waitForArbiter(active, "held");
  await nodes.waitForArbiter(standby, "lost");
  assert.deepEqual(await nodes.rolesOf(), before);

  await nodes.unite();
  await nodes.waitForArbiter(active, "none");
  await nodes.waitForArbiter(standby, "none");
  assert.equal((await lab.waitUntilWell()).activeNode, active, `${lab.log("gw1")}\n${lab.log("gw2")}`);
});

test("a node that took over from a dead one stays active, and holds the key in the end", async () => {
  const { active, standby } = await nodes.settledRoles();
  await nodes.part();
  await nodes.waitForArbiter(active, "held");
  await nodes.waitForArbiter(standby, "lost");
  await powerOff(lab.name, active);
  await nodes.waitForArbiter(standby, "held");
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await nodes.unite();
  await powerOn(lab.name, active);
  await startNode(lab.name, active);
  const { activeNode } = await lab.waitUntilWell();
  assert.equal(activeNode, standby);
  await waitFor("the key to be given back", async () => {
    return (await lab.status(standby)).arbiter?.[0]?.holder === null;
  });
});

test("an etcd that wants a user says so, and nothing moves", async () => {
  await nodes.settledRoles();
  const before = await nodes.rolesOf();
  await etcd.requireUsers("gateways", "first: the one");
  for (const node of ["gw1", "gw2"])
    await waitForArbiterProblem(node, /etcdserver: permission denied \(HTTP 403\)$/);
  assert.deepEqual(await nodes.rolesOf(), before);
});

test("with the user of userFile it breaks ties as before, also when it has forgotten its tokens", async () => {
  const path = documentPath(lab.name);
  const document = readFileSync(path, "utf8");
  writeFileSync(path, document.replace(etcd.document(), etcd.document({ withUser: true })));
  for (const node of ["gw1", "gw2"]) {
    await crash(lab.name, node);
    await startNode(lab.name, node);
  }
  for (const node of ["gw1", "gw2"]) await nodes.waitUntilReached(node);
  const { active, standby } = await nodes.settledRoles();
  await nodes.part();
  await nodes.waitForArbiter(active, "held");
  await nodes.waitForArbiter(standby, "lost");
  await etcd.kill();
  await nodes.waitUntilUnreached(active);
  etcd.start();
  await nodes.waitForArbiter(active, "held");
  assert.equal((await lab.status(active)).role, "active");
});

test("a wrong password is told by its name, and changes no role; the right one works without a restart", async () => {
  const before = await nodes.rolesOf();
  assert.deepEqual(Object.values(before).sort(), ["active", "fault"], "still parted");
  await etcd.changePassword("gateways", "second");
  for (const node of ["gw1", "gw2"])
    await waitForArbiterProblem(
      node,
      /the user of \S+\/user: etcdserver: authentication failed, invalid user ID or password \(HTTP 400\)$/,
    );
  assert.deepEqual(await nodes.rolesOf(), before);
  await waitFor("gw1 to tell people of its password", async () => {
    const problems = (await lab.seenBy("gw1"))?.problems ?? [];
    const [problem] = problems.filter(({ code, node }) => code === "arbiter-unreachable" && node === "gw1");
    return /invalid user ID or password/.test(problem?.message ?? "");
  });

  etcd.writeUser("gateways", "second");
  for (const node of ["gw1", "gw2"]) await nodes.waitUntilReached(node);
  assert.deepEqual(await nodes.rolesOf(), before);
  await nodes.unite();
  await lab.waitUntilWell();
});

/**
 * Waits until the node cannot use the arbiter and says why. At first that may be another reason: an etcd that hashes passwords, or
 * begins to ask for them, may let a question wait for longer than the node does.
 */
async function waitForArbiterProblem(node: string, says: RegExp): Promise<void> {
  const isRefused = ({ arbiter }: NodeStatus) => {
    const [group] = arbiter ?? [];
    return group?.reachable === false && says.test(group.problem ?? "");
  };
  await lab.waitForNode(node, `refused by the arbiter, and to say ${says}`, isRefused);
}

test("the user may stand in an environment variable of the daemon", async () => {
  const path = documentPath(lab.name);
  const text = readFileSync(path, "utf8");
  const inEnvironment = text.replace(`userFile: ${etcd.userFile}`, "userEnvironment: TOCHA_TEST_ETCD_USER");
  assert.notEqual(inEnvironment, text);
  writeFileSync(path, inEnvironment);
  for (const node of ["gw1", "gw2"]) {
    await stopNode(lab.name, node);
    await startNode(lab.name, node);
    await waitForArbiterProblem(node, /the environment variable TOCHA_TEST_ETCD_USER is not set$/);
  }
  process.env["TOCHA_TEST_ETCD_USER"] = "gateways:second";
  try {
    for (const node of ["gw1", "gw2"]) {
      await stopNode(lab.name, node);
      await startNode(lab.name, node);
      await nodes.waitUntilReached(node);
    }
  } finally {
    delete process.env["TOCHA_TEST_ETCD_USER"];
    writeFileSync(path, text);
  }
  await lab.waitUntilWell();
});

test("a member of etcd that is gone is passed over: the next endpoint is asked", async () => {
  for (const node of ["gw1", "gw2"]) await stopNode(lab.name, node);
  const text = readFileSync(documentPath(lab.name), "utf8");
  const gone = text.replace('endpoints: ["', `endpoints: ["https://${NOBODY}:2379", "`);
  assert.notEqual(gone, text);
  writeFileSync(documentPath(lab.name), gone);
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  const { active, standby } = await nodes.settledRoles();
  await nodes.part();
  await nodes.waitForArbiter(active, "held");
  await nodes.waitForArbiter(standby, "lost");
  await nodes.unite();
  await nodes.waitForArbiter(active, "none");
  assert.equal((await lab.waitUntilWell()).activeNode, active);
});
