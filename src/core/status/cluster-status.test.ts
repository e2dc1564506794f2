import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../../contract/status.test-data.ts";
import type { ClusterStatus } from "../../contract/status.ts";
import { composeClusterStatus } from "./cluster-status.ts";

function composed(status: ClusterStatus, heardActive: Record<string, string> = {}): ClusterStatus {
  const { cluster, groups, asOf, revision, nodes } = status;
  const names = groups.map(({ name }) => name);
  return composeClusterStatus({
    ...{ cluster, groups: names, asOf, revision, nodes, heardActive, reported: [] },
  });
}

describe("composeClusterStatus", () => {
  it("says of one group what it always said", () => {
    assert.deepEqual(composed(healthyStatus()), healthyStatus());
    const degraded = composed(degradedStatus());
    assert.equal(degraded.summary, "gw2 is active, and no standby could take over its connections");
    assert.equal(degraded.verdict, "degraded");
  });

  it("names the active node of each of several groups, and none for all", () => {
    assert.deepEqual(composed(bothActiveStatus()), bothActiveStatus());
  });

  it("is as bad as its worst group, and says which that is", () => {
    const status = bothActiveStatus();
    const guests = status.nodes[1]?.groups[1];
    assert.ok(guests !== undefined);
    guests.role = "standby";
    const down = composed(status);
    assert.equal(down.verdict, "down");
    assert.match(down.summary, /^campus: gw1 is active.*; guests: no node is active/);
    assert.deepEqual(
      down.problems.map(({ code, message }) => [code, message]),
      [["no-active-node", "group guests: no node that can be asked is active"]],
    );
    assert.deepEqual(down.groups, [
      { name: "campus", activeNode: "gw1" },
      { name: "guests", activeNode: null },
    ]);
    const heard = composed(status, { guests: "gw2" });
    assert.equal(heard.groups[1]?.activeNode, "gw2");
    assert.notEqual(heard.verdict, "down");
  });

  it("tells which group a standby lacks connections of", () => {
    const status = bothActiveStatus();
    const campus = status.nodes[1]?.groups[0];
    assert.ok(campus !== undefined);
    campus.complete = false;
    const { verdict, problems } = composed(status);
    assert.equal(verdict, "degraded");
    assert.deepEqual(
      problems.map(({ node, code, message }) => [node, code, message]),
      [["gw2", "table-incomplete", "group campus: gw2 does not hold all connections yet"]],
    );
  });
});
