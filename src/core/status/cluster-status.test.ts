import assert from "node:assert/strict";
import { test } from "node:test";
import { healthyStatus } from "../../contract/status.test-data.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { composeClusterStatus } from "./cluster-status.ts";

const healthy = healthyStatus();

/** The cluster with some of a node's words changed. */
function compose(name: string, change: (node: NodeStatus) => NodeStatus) {
  const { cluster, group, asOf, revision, nodes } = healthy;
  return composeClusterStatus({
    ...{ cluster, group, asOf, revision, heardActive: undefined, reported: [] },
    nodes: nodes.map((node) => (node.name === name ? change(node) : node)),
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
