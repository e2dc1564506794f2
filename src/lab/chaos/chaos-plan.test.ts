import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allChaosKinds, chaosPlan, findChaosKinds, type PlannedFault } from "./chaos-plan.ts";

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

  it("knows its kinds by name", () => {
    assert.deepEqual(
      findChaosKinds(["crash", "power-off"]).map(({ name }) => name),
      ["power-off", "crash"],
    );
    assert.throws(() => findChaosKinds(["crash", "meteor"]), /no fault "meteor"/);
  });
});
