import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

// Single exchanges, here pings, cost a counter; or they are on the standby, if the document wants that.

const server = bareAddress(labAddresses.server[0]);
const echo = fileURLToPath(new URL("../golden/send-echo.ts", import.meta.url));
/** Longer than events and a stream need, by far. */
const QUIET_MS = 1_000;
const labs: TestLab[] = [];

after(async () => {
  for (const lab of labs) await lab.down();
});

async function labWith(shortExchanges: boolean): Promise<{ lab: TestLab; active: string; standby: string }> {
  await requireNamespaces(["conntrack"]);
  const lab = await TestLab.up("se", { shortExchanges });
  labs.push(lab);
  return { lab, ...(await lab.rolesWhenWell()) };
}

async function ping(lab: TestLab, id: number): Promise<void> {
  await runCommand("ip", [
    ...["netns", "exec", lab.namespace("lan"), process.execPath, echo],
    ...[server, String(id)],
  ]);
}

async function pings(lab: TestLab, node: string): Promise<string[]> {
  return (await lab.flows(node)).filter((line) => line.includes("icmp"));
}

/** Packets that began something, as the rule's counter says. */
async function counted(lab: TestLab, node: string): Promise<number> {
  const chain = ["list", "chain", "inet", "tocha", "forwarded"];
  const text = await runCommand("ip", ["netns", "exec", lab.namespace(node), "nft", ...chain]);
  return Number(text.match(/udplite.* counter packets (\d+)/)?.[1] ?? Number.NaN);
}

test("a ping is counted on the active node, and the standby does not hear of it", async () => {
  const { lab, active, standby } = await labWith(false);
  const before = await counted(lab, active);
  await ping(lab, 77);
  assert.equal(await counted(lab, active), before + 1);
  assert.equal((await pings(lab, active)).length, 1);
  await letTimePass(QUIET_MS);
  assert.deepEqual(await pings(lab, standby), []);
  assert.equal((await lab.status(standby)).counters["flowsCreated"], 0);
  await lab.down();
});

test("a ping is on the standby, translated, where the document says so", async () => {
  const { lab, standby } = await labWith(true);
  await ping(lab, 78);
  const [flow] = await waitFor("the ping on the standby", async () => {
    const found = await pings(lab, standby);
    // It comes there before its answer does.
    return found.length > 0 && !found[0]?.includes("[UNREPLIED]") && found;
  });
  assert.match(flow ?? "", /id=78 src=192\.0\.2\.9 dst=192\.0\.2\.1 /);
  await lab.down();
});
