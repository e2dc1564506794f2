import assert from "node:assert/strict";
import type { FakeFlow } from "./fake-kernel.ts";
import type { SimulatedNode } from "./replication-node.ts";
import { SWEEP_MS } from "./replication-node.ts";
import { calm, ReplicationWorld, type WorldFaults } from "./replication-world.ts";

const faults: WorldFaults = {
  ...{ cut: 0.004, takeover: 0.003, switchover: 0.003, restart: 0.002 },
  ...{ pressure: 0.02, readDelay: 0.3, corrupt: 0.002 },
  contest: 0.001,
};
/** Two sweeps: time for what only a comparison can mend. */
export const SETTLE_MS = 2 * SWEEP_MS + 5_000;

/** What has happened in one world, or in many. */
export interface History {
  readonly histories: number;
  readonly takeovers: number;
  readonly takeoversOfOne: number;
  readonly resumed: number;
  readonly corruptions: number;
  readonly unreported: number;
  readonly contests: number;
  /** Worlds of as many nodes as the election is simulated with, at the most. */
  readonly ofFour: number;
}

/** Runs one world and throws where a promise is broken. */
export function simulate(seed: number): History {
  const world = new ReplicationWorld(seed);
  world.run(8_000, true, faults);
  const { resumed } = world;
  world.run(SETTLE_MS, false, calm);
  for (const group of world.groups) {
    const held = (node: SimulatedNode | undefined) => texts(world.flowsOf(node, group));
    for (const standby of world.standbysOf(group)) {
      const what = `group ${group} of ${world.groups.length}`;
      assert.ok(
        world.isComplete(standby, group),
        `${standby.name} is complete when everything is quiet (${what})`,
      );
      assert.deepEqual(
        held(standby),
        held(world.activeFor(group)),
        `the tables of ${standby.name} and of the active node hold the same flows (${what})`,
      );
    }
  }
  const { takeovers, takeoversOfOne, corruptions, contests, unreportedChecked: unreported } = world;
  const ofFour = world.nodes.length === 4 ? 1 : 0;
  return { histories: 1, takeovers, takeoversOfOne, resumed, corruptions, contests, unreported, ofFour };
}

function texts(flows: readonly FakeFlow[]): string[] {
  return flows.map(({ id, natPort, mark }) => `${id}:${natPort}:${mark}`).sort();
}

export function sumOf(histories: readonly History[]): History {
  const sum = (name: keyof History) => histories.reduce((total, history) => total + history[name], 0);
  return {
    histories: sum("histories"),
    takeovers: sum("takeovers"),
    takeoversOfOne: sum("takeoversOfOne"),
    resumed: sum("resumed"),
    corruptions: sum("corruptions"),
    unreported: sum("unreported"),
    contests: sum("contests"),
    ofFour: sum("ofFour"),
  };
}
