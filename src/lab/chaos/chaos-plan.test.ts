import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allChaosKinds, chaosPlan, findChaosKinds, type PlannedFault } from "./chaos-plan.ts";

const nodes = { active: "gw1", standby: "gw2" };

/** As much of a fault as can be compared. */
function faults(seed: number, count: number, kinds = allChaosKinds): string[] {
  const plan = chaosPlan(seed, kinds);
  const told = ({ kind, lastsMs, pauseMs, standbyNumber, promise }: PlannedFault) =>
    JSON.stringify({ kind, lastsMs, pauseMs, standbyNumber, promise });
  return Array.from({ length: count }, () => told(plan.next().value));
}

describe("the plan of a chaos", () => {
  it("is the same for the same seed, and another for another", () => {
    assert.deepEqual(faults(7, 100), faults(7, 100));
    assert.notDeepEqual(faults(7, 100), faults(8, 100));
  });

  it("has every kind before any comes again", () => {
    const plan = chaosPlan(1, allChaosKinds);
    const first = allChaosKinds.map(() => plan.next().value.kind);
    assert.deepEqual(first.sort(), allChaosKinds.map(({ name }) => name).sort());
  });

  it("of some kinds is what it was before there were others", () => {
    const plan = chaosPlan(7, findChaosKinds(["power-off", "crash", "loss", "one-way"]));
    const said = Array.from({ length: 4 }, () => plan.next().value.says(nodes));
    assert.deepEqual(said, [
      "gw1 loses its power",
      "all processes of gw2 are killed, and nobody runs the stop command",
      "the cable gw2-wan loses 100 % (to node)",
      "the cable gw1-wan loses 12 % (from node)",
    ]);
  });

  it("promises of a node that is cut off in one direction what its neighbours can know", () => {
    const plan = chaosPlan(1, findChaosKinds(["one-way-node"]));
    const drawn = Array.from({ length: 60 }, () => plan.next().value);
    const promised = new Map(drawn.map(({ says, promise }) => [says(nodes), promise]));
    const words = [...promised].map(([said, { moves, serves }]) => `${said}: ${moves}, ${serves}`);
    assert.deepEqual(words.sort(), [
      "gw1 hears nobody: none, false",
      "gw1 is not heard by anybody: once, true",
      "gw2 hears nobody: once, false",
      "gw2 is not heard by anybody: none, true",
    ]);
  });

  it("knows its kinds by name", () => {
    assert.deepEqual(
      findChaosKinds(["crash", "power-off"]).map(({ name }) => name),
      ["power-off", "crash"],
    );
    assert.throws(() => findChaosKinds(["crash", "meteor"]), /no fault "meteor"/);
  });
});
