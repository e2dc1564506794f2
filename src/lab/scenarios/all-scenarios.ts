import { ControlClient } from "../../client/control-client.ts";
import { controlSocket } from "../lab-folder.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { crash, cut, mend, powerOff, powerOn } from "../node-power.ts";
import { stopNode } from "../node-process.ts";
import type { FaultContext, Scenario, ScenarioStep } from "./scenario.ts";

// Beyond this a move is a failure, whatever the interval: the longest allowed intervals are not for the lab.
const MOVE_LIMIT_MS = 20_000;
/** A boot, a full copy of the connections, and the time that a node must be stable before it asks for its place. */
const RETURN_LIMIT_MS = 90_000;

const powerOffStep: ScenarioStep = {
  name: "power-off",
  says: ({ active }) => `${active} loses its power: all links and processes at once`,
  act: ({ settings, active }) => powerOff(settings.name, active),
  expects: "move",
  limitMs: MOVE_LIMIT_MS,
  powerFails: true,
};

function cutStep(network: "lan" | "wan" | "sync"): ScenarioStep {
  const link = ({ active }: FaultContext) => `${active}-${network}`;
  return {
    name: `cut-${network}`,
    says: (context) =>
      `the cable ${link(context)} is cut${context.silent ? ", without loss of carrier" : ""}`,
    act: (context) => cut(context.settings.name, link(context), { silent: context.silent }),
    expects: network === "sync" ? "stay" : "move",
    limitMs: MOVE_LIMIT_MS,
    repair: (context) => mend(context.settings.name, link(context)),
  };
}

export const scenarios: readonly Scenario[] = [
  {
    name: "power-off",
    title: "the active node loses its power",
    preempt: false,
    steps: [powerOffStep],
  },
  {
    name: "crash",
    title: "kill -9 of all processes of the active node; its links stay up",
    preempt: false,
    steps: [
      {
        name: "crash",
        says: ({ active }) => `all processes of ${active} are killed at once; its links stay up`,
        act: ({ settings, active }) => crash(settings.name, active),
        expects: "move",
        limitMs: MOVE_LIMIT_MS,
      },
    ],
  },
  {
    name: "cut-lan",
    title: "the LAN cable of the active node is cut",
    preempt: false,
    steps: [cutStep("lan")],
  },
  {
    name: "cut-wan",
    title: "the WAN cable of the active node is cut",
    preempt: false,
    steps: [cutStep("wan")],
  },
  {
    name: "cut-sync",
    title: "the cable between the nodes is cut: nothing may move",
    preempt: false,
    steps: [cutStep("sync")],
  },
  {
    name: "switchover",
    title: "a planned switchover",
    preempt: false,
    steps: [
      {
        name: "switchover",
        says: ({ active }) => `${active} is asked to hand over`,
        act: async ({ settings, active }) => {
          const atMs = monotonicMs();
          await new ControlClient(controlSocket(settings.name, active)).switchover({ reason: "lab" });
          return { atMs };
        },
        expects: "move",
        limitMs: MOVE_LIMIT_MS,
      },
    ],
  },
  {
    name: "stop",
    title: "the daemon of the active node is stopped in an orderly way",
    preempt: false,
    steps: [
      {
        name: "stop",
        says: ({ active }) => `the daemon of ${active} is stopped with SIGTERM`,
        act: async ({ settings, active }) => {
          const atMs = monotonicMs();
          await stopNode(settings.name, active);
          return { atMs };
        },
        expects: "move",
        limitMs: MOVE_LIMIT_MS,
      },
    ],
  },
  {
    name: "return",
    title: "the active node loses its power, comes back and takes its place again",
    preempt: true,
    steps: [
      powerOffStep,
      {
        name: "power-on",
        says: ({ first }) =>
          `${first} boots with an empty kernel, and shall take over again when it is ready`,
        act: async ({ settings, first }) => {
          const atMs = monotonicMs();
          await powerOn(settings.name, first);
          return { atMs };
        },
        expects: "move",
        limitMs: RETURN_LIMIT_MS,
      },
    ],
  },
];
