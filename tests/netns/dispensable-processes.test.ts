import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, beforeEach, type TestContext, test } from "node:test";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { nodeNames, virtualAddresses } from "../../src/lab/lab-plan.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { MemoryGroup } from "./memory-group.ts";
import { NamespaceAddresses } from "./namespace-addresses.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";
import {
  hang,
  outOfMemory,
  processBefore,
  waitForApi,
  waitForNoProcess,
  waitForReplacement,
  wakeAndStartAll,
} from "./troubled-processes.ts";

// Processes that the gateway does without: those of the standby, and either node's API. They are killed, hang, or have no memory,
// and whatever became of them: addresses, roles and connections are what they were, and so is every other process.

const CONNECTIONS = 20;
const PORT = 7_847;
/** Much longer than a takeover takes, had the standby's failover role become deaf with its supervisor. */
const SUPERVISOR_HANGS_MS = 3_000;

let lab: TestLab;
let watch: NamespaceAddresses;
let streams: StreamTraffic;

before(async () => {
  await requireNamespaces(["curl"]);
  lab = await TestLab.up("td", {}, { daemons: false });
  appendFileSync(documentPath(lab.name), `api: { interface: lan, port: ${PORT} }\n`);
  for (const node of nodeNames(lab.settings)) await startNode(lab.name, node);
  await lab.waitUntilWell();
  const namespaces = nodeNames(lab.settings).map((node) => lab.namespace(node));
  watch = await NamespaceAddresses.watch(namespaces, virtualAddresses(lab.settings));
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await watch?.close();
  await lab?.down();
});

beforeEach(() => wakeAndStartAll(lab));

const logs = () => `gw1:\n${lab.log("gw1").slice(-3_000)}\ngw2:\n${lab.log("gw2").slice(-3_000)}`;

/** The processes of a node by role. */
async function processesOf(node: string): Promise<Map<string, number>> {
  const { processes } = await lab.status(node);
  return new Map(processes.map(({ role, pid }) => [`${node} ${role}`, pid]));
}

/**
 * Lets something happen to processes of some names, such as `gw1 api`; of the name of a node, to all of them. When all is well again,
 * nobody has noticed.
 */
async function unnoticed(
  happens: (roles: { readonly active: string; readonly standby: string }) => Promise<readonly string[]>,
): Promise<void> {
  const roles = await lab.rolesWhenWell();
  const { active, standby } = roles;
  const pids = async () => new Map([...(await processesOf(active)), ...(await processesOf(standby))]);
  const pidsBefore = await pids();
  const { conflict } = (await lab.status(active)).counters;
  const logLength = lab.log(active).length;
  const fromMs = NamespaceAddresses.now();
  await streams.mark();
  const replaced = await happens(roles);
  assert.deepEqual(await lab.rolesWhenWell(), roles, logs());
  const pidsAfter = await pids();
  const changed = [...pidsBefore].filter(([name, pid]) => pidsAfter.get(name) !== pid).map(([name]) => name);
  const expected = [...pidsBefore.keys()].filter((name) =>
    replaced.some((one) => name === one || name.startsWith(`${one} `)),
  );
  assert.deepEqual(changed, expected, logs());
  assert.deepEqual(watch.since(fromMs), [], "no address has moved");
  assert.doesNotMatch(lab.log(active).slice(logLength), /\w+ -> \w+:/, "the active node stayed what it was");
  assert.equal((await lab.status(active)).counters["conflict"], conflict, "nobody else was active");
  await assertAllGoOn(lab, streams, CONNECTIONS);
}

test("kill -9 of the standby's supervisor: its node ends and comes back, nobody notices", async () => {
  await unnoticed(async ({ standby }) => {
    sendSignal((await lab.processOf(standby, "supervisor")).pid, "SIGKILL");
    await waitForNoProcess(lab, standby);
    await startNode(lab.name, standby);
    return [standby];
  });
});

test("the standby's supervisor hangs: status says so, its processes work on, nobody notices", async () => {
  await unnoticed(async ({ standby }) => {
    const { pid } = await hang(lab, standby, "supervisor");
    await letTimePass(SUPERVISOR_HANGS_MS);
    await waitFor(
      "status to say so",
      async () => {
        const problems = (await lab.seenBy(standby))?.problems ?? [];
        return problems.some((one) => one.code === "supervisor-hangs" && one.node === standby);
      },
      { explain: logs },
    );
    sendSignal(pid, "SIGCONT");
    return [];
  });
});

test("the standby's supervisor hangs and is killed, as by a watchdog: its node ends and comes back, nobody notices", async () => {
  await unnoticed(async ({ standby }) => {
    const { pid } = await hang(lab, standby, "supervisor");
    await letTimePass(1_000);
    sendSignal(pid, "SIGKILL");
    await waitForNoProcess(lab, standby);
    await startNode(lab.name, standby);
    return [standby];
  });
});

// Both at once: each takes as long as the supervisor waits for an answer.
test("the active node's API and the standby's control hang: it is said, they are replaced, nobody notices", async () => {
  await unnoticed(async ({ active, standby }) => {
    const [control, api] = [await hang(lab, standby, "control"), await hang(lab, active, "api")];
    for (const [code, node] of [
      ["role-hangs", active],
      ["node-unreachable", standby],
    ])
      await waitFor(
        `status to say ${code}`,
        async () => {
          const problems = (await lab.seenBy(active))?.problems ?? [];
          return problems.some((one) => one.code === code && one.node === node);
        },
        { explain: logs },
      );
    await waitForReplacement(lab, standby, "control", control);
    await waitForReplacement(lab, active, "api", api);
    await waitForApi(lab, active, PORT);
    return [`${standby} control`, `${active} api`];
  });
});

for (const [which, role] of [
  ["standby", "failover"],
  ["standby", "replicator"],
  ["standby", "control"],
  ["standby", "api"],
  ["active", "api"],
] as const) {
  test(`the kernel kills the ${which} node's ${role} for want of memory: it comes back, nobody notices`, async (context) => {
    if (!isMemoryLimited(context)) return;
    await unnoticed(async (roles) => {
      const node = roles[which];
      const before = await processBefore(lab, node, role);
      await outOfMemory(lab.name, before.pid);
      const status = await lab.waitForNode(node, `running a new ${role}`, ({ processes }) =>
        processes.some((one) => one.role === role && one.state === "answers" && one.pid !== before.pid),
      );
      const now = status.processes.find((one) => one.role === role);
      assert.match(now?.lastEnd ?? "", /^SIGKILL, and the kernel has killed for want of memory/);
      if (role === "api") await waitForApi(lab, node, PORT);
      return [`${node} ${role}`];
    });
  });
}

test("the kernel kills the standby's supervisor for want of memory: its node ends and comes back, nobody notices", async (context) => {
  if (!isMemoryLimited(context)) return;
  await unnoticed(async ({ standby }) => {
    await outOfMemory(lab.name, (await lab.processOf(standby, "supervisor")).pid);
    await waitForNoProcess(lab, standby);
    await startNode(lab.name, standby);
    return [standby];
  });
});

function isMemoryLimited(context: TestContext): boolean {
  if (MemoryGroup.isPossible) return true;
  context.skip("no control group with a limit of memory can be made here");
  return false;
}
