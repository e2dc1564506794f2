import { setTimeout as sleep } from "node:timers/promises";
import { labSwitches } from "../lab-plan.ts";
import type { ChaosKind, ChaosPromise, ChaosWorld, Draw } from "./chaos-fault.ts";
import { drawWho, endured, named, replaced, takenInVain, unnoticed, type Who } from "./chaos-promises.ts";
import { loseNothing, loseOnLinks } from "./link-loss.ts";

/** A takeover takes three intervals and a skew, and the one before gives way after two such times. */
const TAKEN_INTERVALS = 12;

type Network = (typeof labSwitches)[number];

async function loseOrFail(world: ChaosWorld, loss: Parameters<typeof loseOnLinks>[1]): Promise<void> {
  const refusal = await loseOnLinks(world.settings.name, loss);
  if (refusal !== undefined) throw new Error(`nft refused what it took before: ${refusal}`);
}

/** What a node's own two users' cables lose; `sync` and a standby's are nobody's concern. */
function lossy(
  {
    name,
    title,
    percent,
    promise,
  }: Pick<ChaosKind, "name" | "title"> & {
    readonly percent: (draw: Draw) => number;
    readonly promise: (who: Who, network: Network) => ChaosPromise;
  },
  directions: readonly ("from-node" | "to-node" | "both")[],
): ChaosKind {
  return {
    name,
    title,
    draw: (draw) => {
      const who = drawWho(draw);
      const network = draw.of(labSwitches);
      const direction = draw.of(directions);
      const lost = percent(draw);
      return {
        promise: promise(who, network),
        lastsMs: draw.number(1_000, 4_000),
        says: (world) =>
          `the cable ${named(world, who)}-${network} loses ${lost} % (${direction.replace("-", " ")})`,
        begin: (world) =>
          loseOrFail(world, { links: [`${named(world, who)}-${network}`], direction, percent: lost }),
        mend: (world) => loseNothing(world.settings.name),
      };
    },
  };
}

/**
 * By where it loses: what others hear decides who is active. Nobody hears an active: another takes over, and the one that hears it
 * gives way. An active that hears nobody is heard, and stays. A standby that hears nobody takes over, reached by no user.
 */
const oneWayNode: ChaosKind = {
  name: "one-way-node",
  title: "a node is not heard by anybody, or hears nobody, without loss of carrier",
  draw: (draw) => {
    const who = drawWho(draw);
    const direction = draw.of(["from-node", "to-node"] as const);
    const promises = {
      active: { "from-node": replaced, "to-node": endured },
      standby: { "from-node": unnoticed, "to-node": takenInVain },
    } as const;
    return {
      promise: promises[who][direction],
      lastsMs: draw.number(500, 4_000),
      says: (world) =>
        `${named(world, who)} ${direction === "from-node" ? "is not heard by anybody" : "hears nobody"}`,
      begin: async (world) => {
        const { settings, signal } = world;
        const links = labSwitches.map((network) => `${named(world, who)}-${network}`);
        await loseOrFail(world, { links, direction, percent: 100 });
        // What is promised is where this ends, not what a shorter fault finds under way.
        await sleep(TAKEN_INTERVALS * settings.intervalMs, undefined, { signal });
      },
      mend: (world) => loseNothing(world.settings.name),
    };
  },
};

/** Kinds that need a bridge table of nftables with random numbers: not every kernel has them. */
export const lossKinds: readonly ChaosKind[] = [
  lossy(
    {
      name: "loss",
      title: "a cable loses a part of all packets at random",
      percent: (draw) => draw.number(5, 30),
      promise: (who, network) => (who === "active" && network !== "sync" ? endured : unnoticed),
    },
    ["from-node", "to-node", "both"],
  ),
  lossy(
    {
      name: "one-way",
      title: "a cable loses everything in one direction",
      percent: () => 100,
      promise: (who, network) => (who === "active" && network !== "sync" ? endured : unnoticed),
    },
    ["from-node", "to-node"],
  ),
  oneWayNode,
];
