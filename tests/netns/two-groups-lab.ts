import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { waitForCluster } from "../../src/lab/cluster-view.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { bareAddress, labAddresses } from "../../src/lab/lab-plan.ts";
import { TestLab } from "./daemon-node.ts";

// Two failover groups, so that both nodes work at once: each protects the other.

export const SWEEP_MS = 10_000;
export const CONNECTIONS = 60;
export const SERVER = bareAddress(labAddresses.server[0]);
const LIMIT_MS = 60_000;
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

type Places = Readonly<Record<string, string>>;
/** Where the groups prefer to be. */
export const HOME: Places = { gateway: "gw1", second: "gw2" };

/** A lab of two groups, each on its own node. Without daemons for a test that starts them with a document of its own. */
export async function labOfTwoGroups(options: { readonly daemons?: boolean } = {}): Promise<TestLab> {
  return await TestLab.up("gr", { groups: 2, refreshMs: SWEEP_MS, preempt: true }, options);
}

/** Waits until the groups are where they should be, every node is there, and each could take over everything. */
export async function untilActive(lab: TestLab, places: Places): Promise<ClusterStatus> {
  return await waitForCluster(
    lab.settings,
    ({ verdict, groups, nodes }) =>
      verdict === "ok" &&
      groups.every(({ name, activeNode }) => activeNode === places[name]) &&
      nodes.every(({ reachable, replication }) => reachable && replication.complete),
    { limitMs: LIMIT_MS, until: `all is well, with ${JSON.stringify(places)}` },
  );
}

/** `tocha …`, asked of this node. */
export function tocha(
  lab: TestLab,
  asked: string,
  ...args: readonly string[]
): { status: number | null; out: string; err: string } {
  const socket = ["--socket", controlSocket(lab.name, asked)];
  const options = { encoding: "utf8", timeout: LIMIT_MS } as const;
  const { status, stdout, stderr } = spawnSync(launcher, [...args, ...socket], options);
  return { status, out: stdout, err: stderr };
}

/** Every change of role in a group so far. */
export async function changesOf(lab: TestLab, group: string): Promise<string[]> {
  return (await lab.history("gw1", { group })).map(({ id }) => id);
}
