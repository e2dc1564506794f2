import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../base/problem.ts";
import { ArmedBatch } from "./armed-batch.ts";
import { emptyRunFolder, requireNode } from "./lab.ts";
import { requireLab, withLabLock } from "./lab-folder.ts";
import { type LabSettings, labNetworks, namespaceOf, nodeNames } from "./lab-plan.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { killServiceManager, runningNode, startNode } from "./node-process.ts";
import { killAllIn, processesIn, sendSignal } from "./process-table.ts";
import { ipBatch, runCommand } from "./run-command.ts";
import { buildNode, removeNode } from "./topology.ts";

/** When a fault happened, in milliseconds of the monotonic clock. */
export interface Fault {
  readonly atMs: number;
}

// Bridge port states (uapi linux/if_bridge.h): a disabled port drops everything, both ways, at once.
const PORT_DISABLED = 0;
const PORT_FORWARDING = 3;

/**
 * How long after the power has failed the processes end. Until then they stand still: a machine without power takes nothing from
 * the others, but here all share the processors, and the end of one process alone can hold one of them for 5 to 20 ms, in which
 * the kernel gives back its memory.
 */
const ENDS_AFTER_MS = 500;

/** The power of a node fails: nothing leaves or reaches it from one instant on, nothing runs in it any more, and soon all is dead. */
export async function powerOff(lab: string, node: string): Promise<Fault> {
  const settings = requireNode(lab, node);
  return await withLabLock(lab, async () => {
    if (!(await hasPower(settings, node))) {
      throw new ProblemError({
        code: "lab-node-not-running",
        message: `${node} has no power already`,
        hint: `tocha lab power-on ${node}`,
      });
    }
    const ports = labNetworks(settings).map((network) => `${node}-${network}`);
    const batch = await ArmedBatch.arm(
      "bridge",
      namespaceOf(lab, "net"),
      ports.map((port) => portState(port, PORT_DISABLED)),
    );
    const pids = nodeProcesses(lab, node);
    // Taking a link down takes the kernel about a millisecond, one after the other; ports are disabled in
    // microseconds, so the links fall silent together and go down afterwards.
    const fired = batch.fire();
    signalTogether(lab, node, pids, "SIGSTOP");
    const atMs = await fired;
    await sleep(ENDS_AFTER_MS);
    killServiceManager(lab, node);
    signalTogether(lab, node, pids, "SIGKILL");
    await ipBatch(
      namespaceOf(lab, "net"),
      ports.map((port) => `link set dev ${port} down`),
    );
    await killAllIn(namespaceOf(lab, node), { withoutOutsiders: true });
    return { atMs };
  });
}

/** Boots a node: a new namespace with an empty kernel, the same disk, and a daemon. A running node is left alone. */
export async function powerOn(lab: string, node: string): Promise<void> {
  const settings = requireNode(lab, node);
  const { daemons } = requireLab(lab);
  await withLabLock(lab, async () => {
    // To reset a node that works would cost its connections: whoever wants that says power-off first.
    if (runningNode(lab, node) !== undefined && (await hasPower(settings, node))) {
      throw new ProblemError({
        code: "lab-node-running",
        message: `${node} runs already`,
        hint: `To boot it anew: tocha lab power-off ${node}, then power-on again.`,
      });
    }
    await killAllIn(namespaceOf(lab, node));
    await removeNode(settings, node);
    emptyRunFolder(lab, node);
    await buildNode(settings, node);
    if (daemons) await startNode(lab, node);
  });
}

/** Kills all processes of a node at once; its kernel and its service manager go on, and its links stay up. */
export async function crash(lab: string, node: string): Promise<Fault> {
  requireNode(lab, node);
  return await withLabLock(lab, async () => {
    const pids = nodeProcesses(lab, node);
    if (pids.length === 0) {
      throw new ProblemError({
        code: "lab-node-not-running",
        message: `nothing runs on ${node} that could crash`,
        hint: `tocha lab power-on ${node}`,
      });
    }
    const atMs = signalTogether(lab, node, pids, "SIGKILL");
    await killAllIn(namespaceOf(lab, node), { withoutOutsiders: true });
    return { atMs };
  });
}

export interface CutOptions {
  /** The gateway's network card sees no carrier loss: packets just vanish, as behind a broken switch. */
  readonly silent?: boolean;
}

/** Cuts one cable, named by its switch side, such as `gw1-lan`. */
export async function cut(lab: string, link: string, options: CutOptions = {}): Promise<Fault> {
  requireLink(lab, link);
  return await withLabLock(lab, async () => {
    const net = namespaceOf(lab, "net");
    const batch =
      options.silent === true
        ? await ArmedBatch.arm("bridge", net, [portState(link, PORT_DISABLED)])
        : await ArmedBatch.arm("ip", net, [`link set dev ${link} down`]);
    return { atMs: await batch.fire() };
  });
}

/** Repairs a cable, however it was cut. */
export async function mend(lab: string, link: string): Promise<void> {
  requireLink(lab, link);
  await withLabLock(lab, async () => {
    await ipBatch(namespaceOf(lab, "net"), [`link set dev ${link} up`]);
    await waitForCarrier(lab, link);
    await runCommand("bridge", [
      ...["-n", namespaceOf(lab, "net")],
      ...portState(link, PORT_FORWARDING).split(" "),
    ]);
  });
}

/** The names of a lab's cables: their switch sides. */
export function linkNames(settings: LabSettings): string[] {
  const networks = labNetworks(settings);
  const gateways = nodeNames(settings).flatMap((node) => networks.map((network) => `${node}-${network}`));
  return [...gateways, "client", "server"];
}

function requireLink(lab: string, link: string): void {
  const links = linkNames(requireLab(lab).settings);
  if (links.includes(link)) return;
  throw new ProblemError({
    code: "lab-link-unknown",
    message: `the lab "${lab}" has no link "${link}"`,
    hint: `Its links are ${links.join(", ")}.`,
  });
}

/** A node whose links are all down at the switches, as powerOff leaves them, has no power. */
async function hasPower(settings: LabSettings, node: string): Promise<boolean> {
  const links = await runCommand("ip", ["-n", namespaceOf(settings.name, "net"), "-o", "link", "show", "up"]);
  return labNetworks(settings).some((network) => links.includes(` ${node}-${network}@`));
}

function nodeProcesses(lab: string, node: string): number[] {
  return processesIn(namespaceOf(lab, node), { withoutOutsiders: true });
}

/** One kill(2) for the daemon's whole process group, so that no role sees another one end or stop; then for what is left. */
function signalTogether(
  lab: string,
  node: string,
  pids: readonly number[],
  signal: "SIGKILL" | "SIGSTOP",
): number {
  const atMs = monotonicMs();
  const daemon = runningNode(lab, node);
  if (daemon !== undefined) sendSignal(-daemon.pid, signal);
  for (const pid of pids) sendSignal(pid, signal);
  return atMs;
}

// A port forwards only once the kernel has seen its carrier, which it reports a moment after "up".
async function waitForCarrier(lab: string, link: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const text = await runCommand("ip", ["-n", namespaceOf(lab, "net"), "-o", "link", "show", "dev", link]);
    if (text.includes("LOWER_UP")) return;
    await sleep(10);
  }
}

function portState(port: string, state: number): string {
  return `link set dev ${port} state ${state}`;
}
