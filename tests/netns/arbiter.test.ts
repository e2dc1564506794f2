/** An arbiter (a real etcd) and two nodes that do not hear each other. Needs root, etcd-server and openssl. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { NodeStatus } from "../../src/contract/status.ts";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { EtcdServer } from "./etcd-server.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

/** The server of the lab, beyond the WAN switch. */
const ETCD_ADDRESS = "192.0.2.9";

let lab: TestLab;
let etcd: EtcdServer;

before(async () => {
  await requireNamespaces(["etcd", "openssl"]);
  lab = await TestLab.up("arbiter", { intervalMs: 100 }, { daemons: false });
  etcd = await EtcdServer.prepare(lab.namespace("wan"), ETCD_ADDRESS);
  etcd.start();
  appendFileSync(documentPath(lab.name), etcd.document);
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
  await etcd?.remove();
});

/** The roles once all is well, of an active that has been it for a while: it is to be told from one that has just taken over. */
async function settledRoles(): Promise<{ active: string; standby: string }> {
  const roles = await lab.rolesWhenWell();
  await lab.waitForNode(
    roles.active,
    "active for two seconds",
    ({ role, sinceSeconds }) => role === "active" && sinceSeconds >= 2,
  );
  return roles;
}

/** No frame passes from node to node on any switch; both reach everybody else. */
async function part(): Promise<void> {
  const rules = `table bridge parted {
  chain forwarded {
    type filter hook forward priority 0; policy accept;
    iifname "gw1-*" oifname "gw2-*" drop
    iifname "gw2-*" oifname "gw1-*" drop
  }
}
`;
  await runCommand("ip", ["netns", "exec", lab.namespace("net"), "nft", "-f", "-"], { input: rules });
}

async function unite(): Promise<void> {
  const command = ["nft", "delete", "table", "bridge", "parted"];
  await tryCommand("ip", ["netns", "exec", lab.namespace("net"), ...command]);
}

async function waitForArbiter(node: string, state: string): Promise<NodeStatus> {
  return await lab.waitForNode(
    node,
    `${state} by the arbiter`,
    ({ arbiter }) => arbiter?.[0]?.state === state,
  );
}

async function rolesOf(): Promise<Record<string, string>> {
  return {
    gw1: (await lab.status("gw1")).role,
    gw2: (await lab.status("gw2")).role,
  };
}

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
  const { active, standby } = await settledRoles();
  await part();
  await waitForArbiter(active, "held");
  const lost = await waitForArbiter(standby, "lost");
  assert.equal(lost.arbiter?.[0]?.holder, active);
  const { role, cause } = await lab.waitForNode(standby, "down", (status) => status.role === "fault");
  assert.equal(role, "fault");
  assert.equal(cause, `${active} holds the arbiter's lease, and this node hears nothing of it`);
  assert.equal((await lab.status(active)).role, "active");

  const before = await rolesOf();
  await etcd.kill();
  await lab.waitForNode(active, "without its arbiter", (status) => status.arbiter?.[0]?.reachable === false);
  await lab.waitForNode(standby, "without its arbiter", (status) => status.arbiter?.[0]?.reachable === false);
  const problems = (await lab.seenBy(active))?.problems ?? [];
  assert.ok(problems.some(({ code, node }) => code === "arbiter-unreachable" && node === active));
  assert.deepEqual(await rolesOf(), before, "the loss of the arbiter changes no role");

  etcd.start();
  await waitForArbiter(active, "held");
  assert.deepEqual(await rolesOf(), before);

  await unite();
  await waitForArbiter(active, "none");
  await waitForArbiter(standby, "none");
  assert.equal((await lab.waitUntilWell()).activeNode, active, `${lab.log("gw1")}\n${lab.log("gw2")}`);
});

test("a node that took over from a dead one stays active, and holds the key in the end", async () => {
  const { active, standby } = await settledRoles();
  await part();
  await waitForArbiter(active, "held");
  await waitForArbiter(standby, "lost");
  await powerOff(lab.name, active);
  await waitForArbiter(standby, "held");
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await unite();
  await powerOn(lab.name, active);
  await startNode(lab.name, active);
  const { activeNode } = await lab.waitUntilWell();
  assert.equal(activeNode, standby);
  await waitFor("the key to be given back", async () => {
    return (await lab.status(standby)).arbiter?.[0]?.holder === null;
  });
});
