import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProblemError } from "../../src/base/problem.ts";
import { ControlClient } from "../../src/client/control-client.ts";
import { isWell, waitForCluster } from "../../src/lab/cluster-view.ts";
import { labUp } from "../../src/lab/lab.ts";
import { controlSocket, nodeFolder } from "../../src/lab/lab-folder.ts";
import { bareAddress, labAddresses, namespaceOf, nodeAddresses } from "../../src/lab/lab-plan.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { bestConfig, CONNTRACKD_PORT, type ConntrackdPlace, defaultConfig } from "./conntrackd-config.ts";
import { addVirtualAddresses, setUpGateway } from "./gateway-by-hand.ts";

/** The nodes of the bench's lab: gw1 is active in every lab that begins. */
export const ACTIVE = "gw1";
export const STANDBY = "gw2";

/** One way to replicate, or none. */
export interface Contender {
  readonly name: ContenderName;
  readonly title: string;
  /** Whether the standby's kernel holds the connections. */
  readonly inKernel: boolean;
  /** Builds a lab with this contender in it, ready for traffic. */
  up(lab: string, signal: AbortSignal | undefined): Promise<void>;
}

export const contenderNames = ["none", "conntrackd-default", "conntrackd-best", "tocha"] as const;
export type ContenderName = (typeof contenderNames)[number];

const CLUSTER_LIMIT_MS = 60_000;

const tocha: Contender = {
  name: "tocha",
  title: "tocha",
  inKernel: true,
  up: async (lab, signal) => {
    const { settings } = await labUp({ name: lab }, { owned: true, ...withSignal(signal) });
    const limitMs = CLUSTER_LIMIT_MS;
    const { activeNode } = await waitForCluster(settings, isWell, { limitMs, until: "all is well", signal });
    if (activeNode === ACTIVE) return;
    // On a busy machine the other one may have been first.
    await new ControlClient(controlSocket(lab, STANDBY)).switchover({ to: ACTIVE, reason: "bench" });
    await waitForCluster(settings, (status) => isWell(status) && status.activeNode === ACTIVE, {
      ...{ limitMs, signal },
      until: `${ACTIVE} is active and all is well`,
    });
  },
};

const none: Contender = {
  name: "none",
  title: "no replication",
  inKernel: false,
  up: async (lab, signal) => {
    await labUp({ name: lab }, { owned: true, daemons: false, ...withSignal(signal) });
    for (const node of [ACTIVE, STANDBY]) await setUpGateway(lab, node, { events: "limited" });
    await addVirtualAddresses(lab, ACTIVE);
  },
};

const conntrackdDefault: Contender = {
  name: "conntrackd-default",
  title: "conntrackd, default",
  inKernel: false,
  up: async (lab, signal) => {
    await labUp({ name: lab }, { owned: true, daemons: false, ...withSignal(signal) });
    for (const node of [ACTIVE, STANDBY]) {
      await setUpGateway(lab, node, { events: "all", untrackedPort: CONNTRACKD_PORT });
      await startConntrackd(lab, node, defaultConfig);
    }
    await addVirtualAddresses(lab, ACTIVE);
  },
};

const conntrackdBest: Contender = {
  name: "conntrackd-best",
  title: "conntrackd at its best",
  inKernel: true,
  up: async (lab, signal) => {
    await labUp({ name: lab }, { owned: true, daemons: false, ...withSignal(signal) });
    for (const node of [ACTIVE, STANDBY]) {
      await setUpGateway(lab, node, { events: "limited", untrackedPort: CONNTRACKD_PORT });
      await startConntrackd(lab, node, bestConfig);
    }
    await addVirtualAddresses(lab, ACTIVE);
  },
};

export const contenders: Readonly<Record<ContenderName, Contender>> = {
  none,
  "conntrackd-default": conntrackdDefault,
  "conntrackd-best": conntrackdBest,
  tocha,
};

const START_LIMIT_MS = 10_000;

/** Runs conntrackd in a node's namespace, where the lab's end also ends it. Returns when it answers. */
async function startConntrackd(
  lab: string,
  node: string,
  config: (place: ConntrackdPlace) => string,
): Promise<void> {
  const folder = nodeFolder(lab, node);
  const syncOf = (name: string) => bareAddress(nodeAddresses(name, "sync", { ipv6: false })[0] ?? "");
  const file = join(folder, "conntrackd.conf");
  writeFileSync(
    file,
    config({
      folder,
      ownAddress: syncOf(node),
      peerAddress: syncOf(node === ACTIVE ? STANDBY : ACTIVE),
      ignored: [
        ...(["lan", "wan", "sync"] as const).flatMap((network) =>
          nodeAddresses(node, network, { ipv6: false }),
        ),
        labAddresses.virtual.lan[0],
        labAddresses.virtual.wan[0],
      ].map(bareAddress),
    }),
  );
  const log = openSync(join(folder, "log"), "a");
  const child: ChildProcess = spawn(
    "ip",
    ["netns", "exec", namespaceOf(lab, node), "conntrackd", "-C", file],
    { stdio: ["ignore", log, log], detached: true },
  );
  closeSync(log);
  child.unref();
  const endMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < endMs) {
    const asked = await tryCommand("ip", [
      ...["netns", "exec", namespaceOf(lab, node)],
      ...["conntrackd", "-C", file, "-s"],
    ]);
    if (asked.status === 0) return;
    await sleep(50);
  }
  throw new ProblemError({
    code: "lab-command",
    message: `conntrackd does not answer in ${namespaceOf(lab, node)}`,
    hint: `See ${join(folder, "log")} and ${join(folder, "conntrackd.log")}`,
  });
}

/** What `conntrackd -s` says on a node. */
export async function conntrackdStatistics(lab: string, node: string): Promise<string> {
  const file = join(nodeFolder(lab, node), "conntrackd.conf");
  const ask = (what: string[]) =>
    runCommand("ip", [
      ...["netns", "exec", namespaceOf(lab, node)],
      ...["conntrackd", "-C", file, "-s", ...what],
    ]);
  return `${await ask([])}\n${await ask(["runtime"])}`;
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
