import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { bothActiveStatus, degradedStatus, healthyStatus } from "../../contract/status.test-data.ts";
import type { ClusterStatus, NodeStatus } from "../../contract/status.ts";
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

/** The healthy cluster with some of a node's words changed. */
function compose(name: string, change: (node: NodeStatus) => NodeStatus): ClusterStatus {
  const healthy = healthyStatus();
  return composed({
    ...healthy,
    nodes: healthy.nodes.map((node) => (node.name === name ? change(node) : node)),
  });
}

const codes = (status: ReturnType<typeof compose>) => status.problems.map(({ code }) => code);

test("a healthy cluster has no problem", () => {
  const status = compose("gw1", (node) => node);
  assert.deepEqual([status.verdict, status.problems], ["ok", []]);
});

test("a connection table is full when 95 of 100 places are taken", () => {
  const withFlows = (flows: number, flowsMax = 1_000) =>
    compose("gw2", (node) => ({ ...node, flows, flowsMax }));
  assert.deepEqual(codes(withFlows(10, 0)), [], "no limit");
  assert.deepEqual(codes(withFlows(949)), []);
  const [problem] = withFlows(950).problems;
  assert.equal(problem?.code, "table-full");
  assert.equal(problem?.node, "gw2");
  assert.match(problem?.message ?? "", /950 of 1000/);
  assert.match(problem?.hint ?? "", /nf_conntrack_max=2000/);
});

test("connections that the standby's kernel refused are a problem until a comparison has made up for them", () => {
  const refusing = (notProtected: number) =>
    compose("gw2", (node) => {
      const streams = node.replication.streams.map((stream) =>
        stream.direction === "from" ? { ...stream, refused: { "create ENOMEM": 12 } } : stream,
      );
      return { ...node, replication: { ...node.replication, streams, notProtected } };
    });
  assert.deepEqual(codes(refusing(12)), ["not-protected"]);
  assert.match(refusing(12).problems[0]?.message ?? "", /12 connections/);
  assert.doesNotMatch(refusing(12).problems[0]?.message ?? "", /gateway/, "there is one group");
  assert.deepEqual(codes(refusing(0)), [], "the count since the start stays, and is no problem any more");
});

test("a stream that is not there is a problem of the active node, with its reason", () => {
  const without = (name: string, state: string) =>
    compose(name, (node) => {
      const streams = node.replication.streams.map((stream) =>
        stream.direction === "to" ? { ...stream, connected: false, state } : stream,
      );
      return { ...node, replication: { ...node.replication, streams } };
    });
  const [problem] = without("gw1", "offline: gw2 speaks flow-sync version 99").problems;
  assert.equal(problem?.code, "stream-down");
  assert.match(problem?.message ?? "", /gw2 .*version 99/);
  assert.deepEqual(codes(without("gw2", "offline")), [], "nobody needs the standby's own stream now");
});
