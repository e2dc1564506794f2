import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../base/problem.ts";
import { ControlClient } from "../../client/control-client.ts";
import { controlSocket } from "../lab-folder.ts";
import { namespaceOf } from "../lab-plan.ts";
import { processesIn, sendSignal } from "../process-table.ts";
import type { ChaosWorld } from "./chaos-fault.ts";

type RoleName = "failover" | "replicator" | "control" | "supervisor";

const END_LIMIT_MS = 10_000;
const POLL_MS = 20;

async function processOf({ settings }: ChaosWorld, node: string, role: RoleName): Promise<number> {
  const status = await new ControlClient(controlSocket(settings.name, node)).status();
  const found = status.nodes
    .find(({ name }) => name === node)
    ?.processes.find((one) => one.role === role && one.pid > 0);
  if (found !== undefined) return found.pid;
  throw new ProblemError({
    code: "lab-node-not-running",
    message: `${node} says nothing of a process for ${role}`,
    hint: "tocha status shows the nodes' problems.",
  });
}

/** kill -9 of one process of a node. */
export async function killed(world: ChaosWorld, node: string, role: RoleName): Promise<void> {
  sendSignal(await processOf(world, node, role), "SIGKILL");
}

/** One process of a node, or all of them, stand still for a while; returns when they go on. */
export async function frozen(
  world: ChaosWorld,
  node: string,
  { afterMs, stoppedMs, role }: { afterMs: number; stoppedMs: number; role?: RoleName },
): Promise<void> {
  await sleep(afterMs, undefined, { signal: world.signal });
  const pids =
    role === undefined
      ? processesIn(namespaceOf(world.settings.name, node), { withoutOutsiders: true })
      : [await processOf(world, node, role)];
  for (const pid of pids) sendSignal(pid, "SIGSTOP");
  try {
    await sleep(stoppedMs, undefined, { signal: world.signal });
  } finally {
    for (const pid of pids) sendSignal(pid, "SIGCONT");
  }
}

/** Waits until nothing of a node's daemon runs. */
export async function waitForNoProcess({ settings, signal }: ChaosWorld, node: string): Promise<void> {
  const namespace = namespaceOf(settings.name, node);
  for (let waitedMs = 0; processesIn(namespace, { withoutOutsiders: true }).length > 0; waitedMs += POLL_MS) {
    if (waitedMs >= END_LIMIT_MS) {
      throw new ProblemError({
        code: "lab-node-hangs",
        message: `processes of ${node} have not ended ${END_LIMIT_MS / 1_000} s after their supervisor was killed`,
        hint: "The node's log says more.",
      });
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
