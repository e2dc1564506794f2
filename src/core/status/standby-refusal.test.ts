import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../../contract/status.test-data.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import { standbyRefusal } from "./standby-refusal.ts";

/** A cluster with the second node changed. */
function withSecond(
  status: ClusterStatus,
  change: (node: ClusterStatus["nodes"][number]) => void,
): ClusterStatus {
  const second = status.nodes[1];
  assert.ok(second !== undefined);
  change(second);
  return status;
}

it("lets a node go where another one serves or could serve with every connection", () => {
  assert.equal(standbyRefusal(healthyStatus(), "gw1"), undefined);
  assert.equal(standbyRefusal(healthyStatus(), "gw2"), undefined);
  assert.equal(standbyRefusal(bothActiveStatus(), "gw2"), undefined);
});

it("says what stands in the way", () => {
  const incomplete = withSecond(healthyStatus(), (node) => {
    for (const group of node.groups) group.complete = false;
  });
  const problem = standbyRefusal(incomplete, "gw1");
  assert.equal(problem?.code, "standby-leaves-nobody");
  assert.equal(
    problem?.message,
    "without gw1 nobody could take over every connection: gw2 does not hold all connections yet",
  );
  assert.match(problem?.hint ?? "", /--force/);
  assert.match(standbyRefusal(degradedStatus(), "gw2")?.message ?? "", /: gw1 does not answer$/);
  const aside = withSecond(healthyStatus(), (node) => {
    node.maintenance = { by: "ana", reason: "", since: "2026-08-01T09:00:00.000Z" };
  });
  assert.match(standbyRefusal(aside, "gw1")?.message ?? "", /: gw2 is set aside itself$/);
  const alone = { ...healthyStatus(), nodes: healthyStatus().nodes.slice(0, 1) };
  assert.match(standbyRefusal(alone, "gw1")?.message ?? "", /it is the only node$/);
});

describe("where the substitute is severely ill", () => {
  type Change = Partial<ClusterStatus["nodes"][number]>;
  const wanDown: Change = { interfaces: [{ name: "wan", device: "eth1", up: false }] };
  const failing = {
    ...{ group: "gateway", name: "upstream", kind: "ping", state: "failing", sinceSeconds: 3, words: "" },
    ...{ failure: "no answer", weight: 0, veto: true, try: "ping", heldSeconds: null, flaps: 0 },
  };

  function ill(status: ClusterStatus, index: number, effectivePriority: number, change: Change = {}) {
    const node = status.nodes[index];
    assert.ok(node !== undefined);
    Object.assign(node, change);
    for (const group of node.groups) group.effectivePriority = effectivePriority;
    return status;
  }

  const situations: readonly [string, number, Change, RegExp | undefined][] = [
    ["with a face down", 6, wanDown, /: gw2 is not well: interface wan down$/],
    ["with a veto", 6, { checks: [failing] }, /: gw2 is not well: check upstream fails: no answer$/],
    ["for a reason that it does not tell", 6, {}, /: gw2 is not well: priority 6 instead of 100$/],
    ["but for a weight", 60, { checks: [{ ...failing, weight: 40, veto: false }] }, undefined],
  ];
  for (const [how, priority, change, message] of situations)
    it(`${message === undefined ? "lets the node go" : "keeps the node"}: ${how}`, () => {
      const refusal = standbyRefusal(ill(healthyStatus(), 1, priority, change), "gw1");
      if (message === undefined) assert.equal(refusal, undefined);
      else assert.match(refusal?.message ?? "", message);
    });

  it("lets a node go that is as ill: nothing gets worse", () => {
    const both = ill(ill(healthyStatus(), 1, 6, wanDown), 0, 6, wanDown);
    assert.equal(standbyRefusal(both, "gw1"), undefined);
  });

  it("does not take the low priority of a node that is set aside for an illness", () => {
    const maintenance = { by: "ana", reason: "", since: "2026-08-01T09:00:00.000Z" };
    const aside = ill(ill(healthyStatus(), 1, 6, wanDown), 0, 1, { maintenance });
    assert.match(standbyRefusal(aside, "gw1")?.message ?? "", /gw2 is not well/);
  });

  it("lets a node go where the one that is ill serves already", () => {
    const status = ill(healthyStatus(), 1, 6, wanDown);
    const [first, second] = status.nodes.map(({ groups }) => groups[0]);
    assert.ok(first !== undefined && second !== undefined);
    Object.assign(first, { role: "standby", complete: false });
    Object.assign(second, { role: "active" });
    assert.equal(standbyRefusal(status, "gw1"), undefined);
  });
});

it("looks at each group, and names the one in question", () => {
  const status = withSecond(bothActiveStatus(), (node) => {
    const [campus] = node.groups;
    if (campus !== undefined)
      Object.assign(campus, { role: "fault", cause: "no interface of the group is up" });
  });
  assert.match(
    standbyRefusal(status, "gw1")?.message ?? "",
    /connection of the group campus: gw2 could not: no interface of the group is up$/,
  );
});
