/** Checks that break a tie: a node that is cut off from everybody gives the addresses up by itself. Needs root. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { ArbiterLab } from "./arbiter-lab.ts";
import { TestLab } from "./daemon-node.ts";

const [server4 = ""] = labAddresses.server.map(bareAddress);
const [client4 = ""] = labAddresses.client.map(bareAddress);
const NODES = ["gw1", "gw2"] as const;
/** Three probes of 200 ms and the second that an active has: after that one that was to step down has done so. */
const DECIDED_MS = 3_000;

let lab: TestLab;
let parting: ArbiterLab;

before(async () => {
  const often = "interval: 200ms, timeout: 150ms, rise: 1, tieBreaker: true";
  lab = await TestLab.up("tie", {
    intervalMs: 100,
    checks: [
      `server: { kind: ping, interface: wan, target: ${server4}, ${often} }`,
      `client: { kind: arp, interface: lan, target: ${client4}, ${often} }`,
    ],
  });
  parting = new ArbiterLab(lab);
  await lab.waitUntilWell();
});

afterEach(async () => {
  await reunite();
  await parting.unite();
});

after(async () => {
  await lab?.down();
});

/** The switches carry no frame from the node or to it; its links stay up. */
async function cutOff(node: string): Promise<void> {
  const rules = `table bridge cutoff {
  chain forwarded {
    type filter hook forward priority 0; policy accept;
    iifname "${node}-*" drop
    oifname "${node}-*" drop
  }
}
`;
  await runCommand("ip", ["netns", "exec", lab.namespace("net"), "nft", "-f", "-"], { input: rules });
}

async function reunite(): Promise<void> {
  const command = ["nft", "delete", "table", "bridge", "cutoff"];
  await tryCommand("ip", ["netns", "exec", lab.namespace("net"), ...command]);
}

async function conflicts(): Promise<number> {
  const counts = NODES.map(async (node) => {
    const { counters } = await lab.status(node);
    return (counters["conflict"] ?? 0) + (counters["peerGaveWay"] ?? 0);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function waitForChecks(state: string): Promise<void> {
  for (const node of NODES)
    await lab.waitForNode(node, `sure that its tie-breakers are ${state}`, ({ checks }) =>
      (checks ?? []).every((check) => check.state === state),
    );
}

test("an active that is cut off from everybody steps down; the other one stays active when both meet again", async () => {
  await waitForChecks("ok");
  const { active, standby } = await parting.settledRoles();
  const before = await conflicts();
  await cutOff(active);
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  const { cause } = await lab.waitForNode(active, "down", ({ role }) => role === "fault");
  assert.match(
    cause,
    /^it hears no other node, and no tie-breaker answers \(server: no answer from \S+; client: .+\)$/,
  );
  await reunite();
  assert.equal((await lab.waitUntilWell()).activeNode, standby);
  assert.equal(await conflicts(), before, "they were never active in sight of each other");
});

test("a standby that is cut off takes over first, finds out, and steps down; nothing else moves", async () => {
  await waitForChecks("ok");
  const { active, standby } = await parting.settledRoles();
  const [changesBefore, conflictsBefore] = [parting.changesOf(standby).length, await conflicts()];
  await cutOff(standby);
  await lab.waitForNode(standby, "down", ({ role }) => role === "fault");
  assert.deepEqual(parting.changesOf(standby).slice(changesBefore), ["standby -> active", "active -> fault"]);
  await reunite();
  assert.equal((await lab.waitUntilWell()).activeNode, active);
  assert.equal(await conflicts(), conflictsBefore);
});

test("where both reach a tie-breaker, both serve: only an arbiter decides then", async () => {
  await waitForChecks("ok");
  const { active, standby } = await parting.settledRoles();
  await parting.part();
  await lab.waitForNode(standby, "active", ({ role }) => role === "active");
  await sleep(DECIDED_MS);
  assert.deepEqual(await parting.rolesOf(), { [active]: "active", [standby]: "active" });
  await parting.unite();
  await lab.waitUntilWell();
});
