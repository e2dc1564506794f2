import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { controlSocket, documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// The rules of a node stay what they are: over restarts, and when somebody else takes them away.

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const SERVICE_PORT = 7_007;
const server4 = "192.0.2.9";
const virtual4 = "192.0.2.1";

let lab: TestLab;
let active: string;
let standby: string;
let client: NamespaceAgent;
let server: NamespaceAgent;

before(async () => {
  await requireNamespaces(["conntrack", "nft"]);
  lab = await TestLab.up("tk");
  ({ active, standby } = await lab.rolesWhenWell());
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

after(async () => {
  await client?.close();
  await server?.close();
  await lab?.down();
});

function nft(node: string, ...args: readonly string[]): Promise<string> {
  return runCommand("ip", ["netns", "exec", lab.namespace(node), "nft", ...args]);
}

/** Rules with their handles, without counts. */
async function rules(node: string): Promise<string> {
  const tables = ["inet", "arp"].map((family) =>
    nft(node, "--handle", "--stateless", "list", "table", family, "tocha"),
  );
  return (await Promise.all(tables)).join("\n");
}

/** Connections that the rules for source translation have counted. */
async function translated(node: string): Promise<number> {
  const text = await nft(node, "list", "chain", "inet", "tocha", "translate-source");
  const counts = [...text.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count));
  assert.notEqual(counts.length, 0, text);
  return counts.reduce((sum, count) => sum + count, 0);
}

async function ask(): Promise<unknown> {
  return await client.request({ do: "ask", protocol: "tcp", host: server4, port: SERVICE_PORT });
}

async function problemCodes(node: string): Promise<string[]> {
  return (await lab.seenBy(node))?.problems.map(({ code }) => code) ?? [];
}

const restarts = [
  {
    what: "the control role",
    restart: async () => {
      const { pid, restarts: before } = await lab.processOf(active, "control");
      sendSignal(pid, "SIGKILL");
      await lab.waitForNode(active, "running another control role", ({ processes }) =>
        processes.some(({ role, restarts: now }) => role === "control" && now > before),
      );
    },
  },
  {
    what: "the daemon",
    restart: async () => {
      await stopNode(lab.name, active);
      await startNode(lab.name, active);
    },
  },
];

for (const { what, restart } of restarts) {
  test(`a restart of ${what} leaves rules and their counters as they are`, async () => {
    assert.deepEqual(await ask(), { seen: virtual4 });
    const [rulesBefore, countBefore] = [await rules(active), await translated(active)];
    assert.ok(countBefore > 0);
    const loads = () => lab.log(active).split("rules and sysctls are in the kernel").length;
    const loadsBefore = loads();
    await restart();
    await waitFor("the rules to be looked at", () => loads() > loadsBefore, {
      explain: () => lab.log(active),
    });
    assert.equal(await rules(active), rulesBefore);
    assert.ok((await translated(active)) >= countBefore);
    await lab.waitUntilWellOn(active);
  });
}

test("a rule is added on the running cluster: all others stay, with their counters", async () => {
  assert.deepEqual(await ask(), { seen: virtual4 });
  const [rulesBefore, countBefore] = [await rules(active), await translated(active)];
  const file = join(nodeFolder(lab.name, active), "changed.yaml");
  const added = "    - { id: further, from: 198.18.0.0/24, out: wan, to: masquerade }\n";
  const text = readFileSync(documentPath(lab.name), "utf8").replace("  source:\n", `  source:\n${added}`);
  writeFileSync(file, text);
  await runCommand(launcher, ["config", "apply", file, "--socket", controlSocket(lab.name, active)]);
  const now = (await rules(active)).split("\n");
  assert.equal(now.filter((line) => line.includes('comment "further"')).length, 1);
  assert.deepEqual(
    now.filter((line) => !line.includes('comment "further"')),
    rulesBefore.split("\n"),
  );
  assert.ok((await translated(active)) >= countBefore);
  assert.match(lab.log(active), /rules: 1 rule added$/m);
});

test("a gateway whose rules somebody flushed has them again by itself, and says so", async () => {
  const code = "gateway-changed";
  assert.ok(!(await problemCodes(active)).includes(code));
  const whole = (text: string) => text.replaceAll(/ # handle \d+/g, "");
  const before = whole(await rules(active));
  await nft(active, "flush", "ruleset");
  await waitFor("the rules to be there again", async () => {
    try {
      return whole(await rules(active)) === before;
    } catch {
      return false;
    }
  });
  await waitFor("connections to be translated again", async () => {
    return JSON.stringify(await ask()) === JSON.stringify({ seen: virtual4 });
  });
  assert.match(lab.log(active), /somebody changed tocha's rules: table inet tocha cannot be listed/);
  await waitFor("status to tell of it", async () => (await problemCodes(active)).includes(code));
});

test("a rule that somebody deleted on the standby is there again", async () => {
  const before = (await rules(standby)).match(/comment/g)?.length;
  await nft(standby, "flush", "chain", "inet", "tocha", "translate-source");
  await waitFor(
    "the rules to be there again",
    async () => (await rules(standby)).match(/comment/g)?.length === before,
  );
  await waitFor("status to tell of it", async () =>
    (await problemCodes(standby)).includes("gateway-changed"),
  );
});
