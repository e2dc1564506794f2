import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { bareAddress, nodeAddresses, nodeNames } from "../../src/lab/lab-plan.ts";
import { runningNode, startNode } from "../../src/lab/node-process.ts";
import { processesIn, sendSignal } from "../../src/lab/process-table.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import type { TestLab } from "./daemon-node.ts";
import { MemoryGroup } from "./memory-group.ts";
import { waitFor } from "./namespace-waiting.ts";

// Processes of a node that hang or get no memory, and what has to be so afterwards.

const nodeScript = fileURLToPath(new URL("../../scripts/node.sh", import.meta.url));
/** Of no document, and no part of a heap that is there already. */
const LARGE_TEXT = 700_000;

/** What a process was before something happened to it. */
export interface ProcessBefore {
  readonly pid: number;
  readonly hangs: number;
  readonly restarts: number;
}

export async function processBefore(lab: TestLab, node: string, role: string): Promise<ProcessBefore> {
  await lab.processOf(node, role);
  const { processes } = await lab.status(node);
  const found = processes.find((one) => one.role === role);
  if (found === undefined) throw new Error(`${node} has no ${role}`);
  const { pid, restarts, hangs = 0 } = found;
  return { pid, restarts, hangs };
}

/** A test that failed half-way must not make the others fail. */
export async function wakeAndStartAll(lab: TestLab): Promise<void> {
  for (const node of nodeNames(lab.settings)) {
    for (const pid of processesIn(lab.namespace(node), { withoutOutsiders: true }))
      sendSignal(pid, "SIGCONT");
    if (runningNode(lab.name, node) === undefined) await startNode(lab.name, node);
  }
}

/** Stops a process (SIGSTOP). */
export async function hang(lab: TestLab, node: string, role: string): Promise<ProcessBefore> {
  const before = await processBefore(lab, node, role);
  sendSignal(before.pid, "SIGSTOP");
  return before;
}

/** The process has been killed because it did not answer, a new one answers, and the lab's daemons are well. */
export async function waitForReplacement(
  lab: TestLab,
  node: string,
  role: string,
  before: ProcessBefore,
): Promise<void> {
  await waitForNewProcess(lab, node, role, before);
  await lab.waitUntilWell();
}

/** The process has been killed because it did not answer, and a new one answers. */
export async function waitForNewProcess(
  lab: TestLab,
  node: string,
  role: string,
  before: ProcessBefore,
): Promise<void> {
  const status = await lab.waitForNode(node, `running a new ${role}`, ({ processes }) =>
    processes.some(
      (one) =>
        one.role === role &&
        one.state === "answers" &&
        one.pid !== before.pid &&
        one.hangs === before.hangs + 1,
    ),
  );
  const { lastEnd } = status.processes.find((one) => one.role === role) ?? {};
  assert.equal(lastEnd, "SIGKILL, because it did not answer");
}

/** A host in the LAN is answered by a node's API. */
export async function waitForApi(lab: TestLab, node: string, port: number): Promise<void> {
  const [address = ""] = nodeAddresses(node, "lan", lab.settings).map(bareAddress);
  const asked = ["curl", "-skf", "-m", "5", "-o", "/dev/null", `https://${address}:${port}/healthz`];
  await waitFor(
    "the API to serve",
    async () => (await tryCommand("ip", ["netns", "exec", lab.namespace("lan"), ...asked])).status === 0,
    { explain: () => lab.log(node).slice(-3_000) },
  );
}

/** The kernel gives it less than it has: every page that it asks for is refused. */
export async function refuseMemory(pid: number): Promise<void> {
  await runCommand("prlimit", ["--pid", String(pid), "--data=1000000"]);
}

/** Questions make all processes of a node work, and one that is no document makes control need memory. */
export async function askForMuch(lab: TestLab, node: string): Promise<void> {
  const body = { text: "x".repeat(LARGE_TEXT), message: "", confirmSeconds: 60, force: false };
  const control = new ControlClient(controlSocket(lab.name, node));
  await control.ask("config.apply", { body }).catch(() => undefined);
}

/** The process has ended, and a new one answers. @param work what makes it ask for memory */
export async function waitForRestart(
  lab: TestLab,
  {
    node,
    role,
    before,
    work,
  }: { node: string; role: string; before: ProcessBefore; work: () => Promise<unknown> },
  explain: () => string,
): Promise<void> {
  await waitFor(
    `a new ${role} of ${node}`,
    async () => {
      await work();
      const status = await lab.tryStatus(node);
      return status?.processes.some(
        (one) => one.role === role && one.state === "answers" && one.restarts > before.restarts,
      );
    },
    { explain },
  );
}

/** What is left for both before the kernel has to kill. */
const ROOM_BYTES = 16 << 20;
/** Says that it is there; once it is told anything it takes a MiB after the other. */
const hungryProgram =
  "const all = []; process.stdin.once('data', () => setInterval(() => all.push(Buffer.alloc(1 << 20, 1)), 2)); console.log('here')";

/**
 * The kernel's out-of-memory killer takes this process, and no other one of the nodes: it is alone with a hungry program in a group
 * whose memory runs out. Who would be killed first on a machine without memory is not the question here.
 */
export async function outOfMemory(name: string, pid: number): Promise<void> {
  const group = MemoryGroup.tryCreate(name);
  if (group === undefined) throw new Error("no control group with a limit of memory can be made");
  const [shell = "", ...words] = group.through;
  const hungry = spawn(shell, [...words, "bash", nodeScript, "-e", hungryProgram], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = once(hungry, "exit");
  try {
    await once(hungry.stdout, "data");
    group.add(pid);
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
    group.limit(group.usageBytes + ROOM_BYTES);
    hungry.stdin.write("eat");
    await waitFor(`the kernel to kill process ${pid}`, () => !existsSync(`/proc/${pid}`));
  } finally {
    hungry.kill("SIGKILL");
    await ended;
    await group.remove();
  }
}

export async function waitForNoProcess(lab: TestLab, node: string): Promise<void> {
  await waitFor(`the last process of ${node} to end`, () => {
    return processesIn(lab.namespace(node), { withoutOutsiders: true }).length === 0;
  });
}
