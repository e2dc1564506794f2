import type { ClusterStatus } from "../contract/status.ts";
import { askCluster } from "./cluster-view.ts";
import { type LabRecord, labNames, readLabRecord, requireLab } from "./lab-folder.ts";
import { bareAddress, labNetworks, namespaceOf, nodeNames, virtualAddresses } from "./lab-plan.ts";
import { runningNode } from "./node-process.ts";
import { isRunning } from "./process-table.ts";
import { runCommand, tryCommand } from "./run-command.ts";

export interface LabNodeStatus {
  readonly name: string;
  /** `off` when all of its links are down. */
  readonly power: "on" | "off";
  /** The daemon's process, or null when it does not run. */
  readonly pid: number | null;
  /** As the node says itself; null when it is not heard. */
  readonly role: string | null;
  /** The virtual addresses in its kernel. */
  readonly holds: readonly string[];
  /** The links that are cut, such as `gw1-lan`. */
  readonly cut: readonly string[];
}

export interface LabStatus {
  readonly name: string;
  readonly since: string;
  readonly intervalMs: number;
  readonly preempt: boolean;
  readonly nodes: readonly LabNodeStatus[];
  /** What the cluster says about itself; null when no node answers. */
  readonly cluster: ClusterStatus | null;
}

/** How a lab is: its links and kernels as they are, beside what the cluster says. */
export async function labStatus(name: string): Promise<LabStatus> {
  const record = requireLab(name);
  const { settings } = record;
  const [ports, cluster] = await Promise.all([portsUp(name), askCluster(settings)]);
  const nodes = await Promise.all(
    nodeNames(settings).map((node) => nodeStatus(record, { node, ports, cluster })),
  );
  const { intervalMs, preempt } = settings;
  return { name, since: record.since, intervalMs, preempt, nodes, cluster: cluster ?? null };
}

async function nodeStatus(
  { settings }: LabRecord,
  about: { node: string; ports: ReadonlyMap<string, boolean>; cluster: ClusterStatus | undefined },
): Promise<LabNodeStatus> {
  const { node, ports, cluster } = about;
  const links = labNetworks(settings).map((network) => `${node}-${network}`);
  const cut = links.filter((link) => ports.get(link) !== true);
  const off = cut.length === links.length;
  const listing = await tryCommand("ip", ["-n", namespaceOf(settings.name, node), "-j", "address", "show"]);
  return {
    name: node,
    power: off ? "off" : "on",
    pid: runningNode(settings.name, node)?.pid ?? null,
    role: cluster?.nodes.find((other) => other.name === node)?.role ?? null,
    holds: off ? [] : heldAddresses(listing.stdout, virtualAddresses(settings)),
    cut: off ? [] : cut,
  };
}

function heldAddresses(listing: string, virtual: readonly string[]): string[] {
  if (listing === "") return [];
  const links = JSON.parse(listing) as { addr_info?: { local?: string }[] }[];
  const present = new Set(links.flatMap((link) => (link.addr_info ?? []).map((info) => info.local)));
  return virtual.filter((address) => present.has(bareAddress(address)));
}

/** Whether each port of the switches lets packets through. */
async function portsUp(lab: string): Promise<Map<string, boolean>> {
  const text = await runCommand("bridge", ["-n", namespaceOf(lab, "net"), "-j", "link", "show"]);
  const ports = JSON.parse(text === "" ? "[]" : text) as {
    ifname: string;
    flags: string[];
    state: string;
  }[];
  return new Map(
    ports.map((port) => [port.ifname, port.flags.includes("LOWER_UP") && port.state === "forwarding"]),
  );
}

export interface LabListing {
  readonly name: string;
  readonly state: "up" | "half-built" | "abandoned";
  readonly since: string | null;
  readonly nodes: number | null;
  readonly intervalMs: number | null;
}

/** Every lab on this machine, also those that nobody takes care of any more. */
export function listLabs(): LabListing[] {
  return labNames().map((name) => {
    const record = readLabRecord(name);
    const abandoned = record?.owner !== undefined && !isRunning(record.owner);
    return {
      name,
      state: abandoned ? "abandoned" : record?.complete === true ? "up" : "half-built",
      since: record?.since ?? null,
      nodes: record?.settings.nodes ?? null,
      intervalMs: record?.settings.intervalMs ?? null,
    };
  });
}
