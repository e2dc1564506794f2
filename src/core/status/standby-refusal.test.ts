import assert from "node:assert/strict";
import { it } from "node:test";
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
