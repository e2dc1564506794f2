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
import { processesIn } from "../../src/lab/process-table.ts";
import { runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { bestConfig, CONNTRACKD_PORT, type ConntrackdPlace, defaultConfig } from "./conntrackd-config.ts";
import { addVirtualAddresses, type GatewayByHand, setUpGateway } from "./gateway-by-hand.ts";

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

export const contenderNames = [
  "none",
  "conntrackd-default",
  "conntrackd-best",
  "conntrackd-ordinary",
  "tocha",
] as const;
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

interface ConntrackdVariant {
  readonly name: ContenderName;
  readonly title: string;
  readonly inKernel: boolean;
  readonly events: GatewayByHand["events"];
  readonly config: (place: ConntrackdPlace) => string;
  /** Taken from the real-time scheduling that it gives itself. */
  readonly ordinary?: boolean;
}

function conntrackd({ name, title, inKernel, events, config, ordinary }: ConntrackdVariant): Contender {
  return {
    ...{ name, title, inKernel },
    up: async (lab, signal) => {
      await labUp({ name: lab }, { owned: true, daemons: false, ...withSignal(signal) });
      for (const node of [ACTIVE, STANDBY]) {
        await setUpGateway(lab, node, { events, untrackedPort: CONNTRACKD_PORT });
        await startConntrackd(lab, node, config);
        if (ordinary !== true) continue;
        for (const pid of processesIn(namespaceOf(lab, node))) {
          await runCommand("chrt", ["--other", "--pid", "0", String(pid)]);
        }
      }
      await addVirtualAddresses(lab, ACTIVE);
    },
  };
}

export const contenders: Readonly<Record<ContenderName, Contender>> = {
  none,
  "conntrackd-default": conntrackd({
    ...{ name: "conntrackd-default", title: "conntrackd, default", inKernel: false },
    ...{ events: "all", config: defaultConfig },
  }),
  "conntrackd-best": conntrackd({
    ...{ name: "conntrackd-best", title: "conntrackd at its best", inKernel: true },
    ...{ events: "limited", config: bestConfig },
  }),
  // Its configuration knows real-time scheduling only, at the highest priority unless told otherwise. So it runs after every
  // event, one by one. Without it, it handles many at a time and costs less, at the price of being late.
  "conntrackd-ordinary": conntrackd({
    ...{ name: "conntrackd-ordinary", title: "the same, not real-time", inKernel: true },
    ...{ events: "limited", config: bestConfig, ordinary: true },
  }),
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
