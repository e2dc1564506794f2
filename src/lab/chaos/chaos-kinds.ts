import { setTimeout as sleep } from "node:timers/promises";
import { ControlClient } from "../../client/control-client.ts";
import { controlSocket } from "../lab-folder.ts";
import { labSwitches, namespaceOf, nodeNames } from "../lab-plan.ts";
import { crash, cut, mend, powerOff, powerOn } from "../node-power.ts";
import { killServiceManager, runningNode, startNode, stopNode } from "../node-process.ts";
import { processesIn, sendSignal } from "../process-table.ts";
import type { ChaosKind, ChaosWorld, HitNodes } from "./chaos-fault.ts";
import {
  comesBack,
  drawWho,
  endured,
  named,
  promiseOf,
  replaced,
  replacedFrozen,
  unnoticed,
} from "./chaos-promises.ts";
import { frozen, killed, waitForNoProcess } from "./chaos-roles.ts";

async function boot(world: ChaosWorld, node: string): Promise<void> {
  await powerOn(world.settings.name, node);
  await world.watch.attach(node);
}

async function unplug(world: ChaosWorld, node: string): Promise<void> {
  const { atMs } = await powerOff(world.settings.name, node);
  world.watch.powerFailed(node, atMs);
}

function cable(name: string, title: string, silent: boolean): ChaosKind {
  return {
    name,
    title,
    draw: (draw) => {
      const who = drawWho(draw);
      const network = draw.of(labSwitches);
      const concerns = who === "active" && network !== "sync";
      return {
        promise: concerns ? (silent ? endured : replaced) : unnoticed,
        lastsMs: draw.number(500, 4_000),
        says: (world) =>
          `the cable ${named(world, who)}-${network} is cut${silent ? ", without loss of carrier" : ""}`,
        begin: async (world) => {
          await cut(world.settings.name, `${named(world, who)}-${network}`, { silent });
        },
        mend: (world) => mend(world.settings.name, `${named(world, who)}-${network}`),
      };
    },
  };
}

export const chaosKinds: readonly ChaosKind[] = [
  {
    name: "power-off",
    title: "a node loses its power, and boots later with an empty kernel",
    draw: (draw) => {
      const who = drawWho(draw);
      return {
        promise: promiseOf(who, replaced),
        lastsMs: draw.number(500, 4_000),
        says: (world) => `${named(world, who)} loses its power`,
        begin: (world) => unplug(world, named(world, who)),
        mend: (world) => boot(world, named(world, who)),
      };
    },
  },
  {
    name: "slow-start",
    title: "a node loses its power, boots, and stands still in the middle of its start",
    draw: (draw) => {
      const who = drawWho(draw);
      const afterMs = draw.number(50, 1_500);
      const stoppedMs = draw.number(1_000, 5_000);
      return {
        promise: promiseOf(who, replaced),
        lastsMs: draw.number(500, 2_000),
        says: (world) =>
          `${named(world, who)} loses its power, and starts slowly: ${stoppedMs} ms after ${afterMs} ms`,
        begin: (world) => unplug(world, named(world, who)),
        mend: async (world) => {
          await boot(world, named(world, who));
          await frozen(world, named(world, who), { afterMs, stoppedMs });
        },
      };
    },
  },
  {
    name: "crash",
    title: "kill -9 of all processes of a node; half the time nobody runs its stop command",
    draw: (draw) => {
      const who = drawWho(draw);
      const isManaged = draw.chance(0.5);
      return {
        promise: promiseOf(who, isManaged ? replaced : replacedFrozen),
        lastsMs: draw.number(500, 3_000),
        says: (world) =>
          `all processes of ${named(world, who)} are killed${isManaged ? "" : ", and nobody runs the stop command"}`,
        begin: async ({ settings, ...world }) => {
          const node = world[who];
          if (!isManaged) killServiceManager(settings.name, node);
          await crash(settings.name, node);
        },
        mend: ({ settings, ...world }) => startNode(settings.name, world[who]),
      };
    },
  },
  {
    name: "kill-role",
    title: "kill -9 of one process of a node",
    draw: (draw) => {
      const who = drawWho(draw);
      const role = draw.of(["failover", "replicator", "control", "supervisor"] as const);
      const concerns = role === "failover" || role === "supervisor";
      return {
        promise: concerns ? promiseOf(who, replaced) : unnoticed,
        lastsMs: draw.number(500, 2_000),
        says: (world) => `the ${role} of ${named(world, who)} is killed`,
        begin: (world) => killed(world, named(world, who), role),
        mend: async (world) => {
          // Without its supervisor the whole node ends, and a service manager would start it again.
          if (role !== "supervisor") return;
          await waitForNoProcess(world, named(world, who));
          await startNode(world.settings.name, named(world, who));
        },
      };
    },
  },
  {
    name: "stop-role",
    title: "one process of a node stands still for a while (SIGSTOP, SIGCONT)",
    draw: (draw) => {
      const who = drawWho(draw);
      const role = draw.of(["failover", "failover", "replicator", "control", "supervisor"] as const);
      const stoppedMs = draw.number(1_500, 5_000);
      return {
        promise: role === "failover" ? promiseOf(who, replacedFrozen) : unnoticed,
        lastsMs: 0,
        says: (world) => `the ${role} of ${named(world, who)} stands still for ${stoppedMs} ms`,
        begin: (world) => frozen(world, named(world, who), { afterMs: 0, stoppedMs, role }),
      };
    },
  },
  {
    name: "stutter",
    title: "the failover process of a node stands still for moments, again and again",
    draw: (draw) => {
      const who = drawWho(draw);
      const times = draw.number(2, 6);
      const stops = Array.from({ length: times }, () => ({
        afterMs: draw.number(20, 400),
        stoppedMs: draw.number(5, 400),
      }));
      return {
        // Whether somebody is replaced depends on the interval; that it comes to rest does not.
        promise: who === "active" ? { moves: "any", serves: true, shared: "lifetime" } : unnoticed,
        lastsMs: 0,
        says: (world) =>
          `the failover process of ${named(world, who)} stands still ${times} times for moments`,
        begin: async (world) => {
          for (const stop of stops) await frozen(world, named(world, who), { ...stop, role: "failover" });
        },
      };
    },
  },
  {
    name: "freeze",
    title: "a whole node stands still for a while, as a paused virtual machine does",
    draw: (draw) => {
      const who = drawWho(draw);
      const stoppedMs = draw.number(1_500, 6_000);
      return {
        promise: promiseOf(who, replacedFrozen),
        lastsMs: 0,
        says: (world) => `all processes of ${named(world, who)} stand still for ${stoppedMs} ms`,
        begin: (world) => frozen(world, named(world, who), { afterMs: 0, stoppedMs }),
      };
    },
  },
  {
    name: "stop",
    title: "the daemon of a node is stopped in an orderly way, and started again",
    draw: (draw) => {
      const who = drawWho(draw);
      return {
        promise: promiseOf(who, replaced),
        lastsMs: draw.number(0, 3_000),
        says: (world) => `the daemon of ${named(world, who)} is stopped with SIGTERM`,
        begin: (world) => stopNode(world.settings.name, named(world, who)),
        mend: (world) => startNode(world.settings.name, named(world, who)),
      };
    },
  },
  {
    name: "switchover",
    title: "a planned switchover",
    draw: () => ({
      promise: replaced,
      lastsMs: 0,
      says: ({ active }) => `${active} is asked to hand over`,
      begin: async ({ settings, active }) => {
        await new ControlClient(controlSocket(settings.name, active)).switchover({ reason: "chaos" });
      },
    }),
  },
  cable("cut", "a cable of a node is cut", false),
  cable("cut-silent", "a cable of a node is cut without loss of carrier", true),
  {
    name: "flap",
    title: "a cable of a node is cut and mended several times",
    draw: (draw) => {
      const who = drawWho(draw);
      const network = draw.of(labSwitches);
      const waits = Array.from({ length: draw.number(2, 6) }, () => ({
        downMs: draw.number(10, 600),
        upMs: draw.number(10, 600),
      }));
      const link = (world: HitNodes) => `${named(world, who)}-${network}`;
      return {
        promise: who === "active" && network !== "sync" ? { ...replaced, moves: "at most once" } : unnoticed,
        lastsMs: 0,
        says: (world) => `the cable ${link(world)} is cut and mended ${waits.length} times`,
        begin: async (world) => {
          for (const { downMs, upMs } of waits) {
            await cut(world.settings.name, link(world));
            await sleep(downMs, undefined, { signal: world.signal });
            await mend(world.settings.name, link(world));
            await sleep(upMs, undefined, { signal: world.signal });
          }
        },
      };
    },
  },
  {
    name: "isolate",
    title: "a node hears and reaches nobody, without loss of carrier: both sides serve until it is mended",
    draw: (draw) => {
      const who = drawWho(draw);
      const links = (world: ChaosWorld) => labSwitches.map((network) => `${named(world, who)}-${network}`);
      return {
        promise: { moves: "any", serves: true, shared: "fault" },
        lastsMs: draw.number(500, 4_000),
        says: (world) => `${named(world, who)} is cut off from everybody, without loss of carrier`,
        begin: async (world) => {
          for (const link of links(world)) await cut(world.settings.name, link, { silent: true });
        },
        mend: async (world) => {
          for (const link of links(world)) await mend(world.settings.name, link);
        },
      };
    },
  },
  {
    name: "end-cable",
    title: "the cable of the client or of the server is cut: nobody is served, and nothing moves",
    draw: (draw) => {
      const link = draw.of(["client", "server"] as const);
      const silent = draw.chance(0.5);
      return {
        promise: endured,
        lastsMs: draw.number(500, 3_000),
        says: () => `the cable of the ${link} is cut`,
        begin: async ({ settings }) => {
          await cut(settings.name, link, { silent });
        },
        mend: ({ settings }) => mend(settings.name, link),
      };
    },
  },
  {
    name: "freeze-all",
    title: "all nodes stand still together: nobody is left, and it comes back",
    draw: (draw) => {
      const stoppedMs = draw.number(200, 4_000);
      return {
        promise: comesBack,
        lastsMs: 0,
        says: () => `all processes of all nodes stand still for ${stoppedMs} ms`,
        begin: async (world) => {
          await Promise.all(
            nodeNames(world.settings).map((node) => frozen(world, node, { afterMs: 0, stoppedMs })),
          );
        },
      };
    },
  },
  {
    name: "crash-all",
    title: "kill -9 of all processes of all nodes; the kernels keep the connections: it comes back",
    draw: () => ({
      promise: comesBack,
      lastsMs: 500,
      says: () => "all processes of all nodes are killed",
      begin: async ({ settings }) => {
        await Promise.all(nodeNames(settings).map((node) => crashQuick(settings.name, node)));
      },
      mend: async ({ settings }) => {
        for (const node of nodeNames(settings)) await startNode(settings.name, node);
      },
    }),
  },
];

/** Without the lab's lock, which crash() takes: all nodes at once. */
async function crashQuick(lab: string, node: string): Promise<void> {
  const daemon = runningNode(lab, node);
  if (daemon !== undefined) sendSignal(-daemon.pid, "SIGKILL");
  for (const pid of processesIn(namespaceOf(lab, node), { withoutOutsiders: true }))
    sendSignal(pid, "SIGKILL");
}
