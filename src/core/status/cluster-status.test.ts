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

  it("tells of an active that is no node of the cluster, whose connections nobody holds", () => {
    const status = healthyStatus();
    const [gw1] = status.nodes;
    assert.ok(gw1 !== undefined);
    gw1.role = "standby";
    for (const group of gw1.groups) group.role = "standby";
    const message =
      "the VRRP router 10.1.0.3, which is no node of this cluster, is active: no node holds its connections";
    const beside = composed(status, { gateway: "10.1.0.3" });
    assert.deepEqual([beside.verdict, beside.summary, beside.activeNode], ["degraded", message, "10.1.0.3"]);
    assert.deepEqual(
      beside.problems.map(({ severity, node, code, message: text }) => [severity, node, code, text]),
      [["warning", undefined, "foreign-active", message]],
    );

    const several = bothActiveStatus();
    const guests = several.nodes[1]?.groups[1];
    assert.ok(guests !== undefined);
    guests.role = "standby";
    const { summary, verdict } = composed(several, { guests: "10.2.0.3" });
    assert.equal(verdict, "degraded");
    assert.match(summary, /; guests: the VRRP router 10\.2\.0\.3, .* no node holds its connections$/);
    assert.doesNotMatch(summary, /every other node is ready/);
  });

  it("shows what fails on a node, with what helps, and that flapping is held down", () => {
    const status = healthyStatus();
    const [gw1] = status.nodes;
    assert.ok(gw1 !== undefined);
    const check = {
      ...{ group: "gateway", name: "upstream", kind: "ping", state: "failing", sinceSeconds: 3, flaps: 0 },
      ...{ words: "no answer from 192.0.2.9", failure: "no answer from 192.0.2.9 for 3 s", weight: 20 },
      ...{ veto: false, heldSeconds: null, try: "ping -c 3 192.0.2.9" },
    };
    gw1.checks = [check, { ...check, name: "dns", state: "ok" }];
    const { verdict, problems } = composed(status);
    assert.equal(verdict, "degraded");
    assert.deepEqual(problems, [
      {
        ...{ severity: "warning", node: "gw1", code: "check-failing" },
        message: "check upstream fails on gw1: no answer from 192.0.2.9 for 3 s",
        hint: "To see it yourself, on gw1: ping -c 3 192.0.2.9",
      },
    ]);
    gw1.checks = [{ ...check, veto: true, words: "192.0.2.9 answers", flaps: 3, heldSeconds: 17.2 }];
    const [held] = composed(status).problems;
    assert.equal(held?.severity, "error");
    assert.match(
      held?.message ?? "",
      /; now it says "192\.0\.2\.9 answers", but it flapped 3 times and is believed in 18 s$/,
    );
  });

  it("tells of an active without some of its virtual addresses, and which", () => {
    const status = healthyStatus();
    const group = status.nodes.flatMap(({ groups }) => groups).find(({ role }) => role === "active");
    assert.ok(group !== undefined);
    group.missingAddresses = [];
    assert.deepEqual(composed(status).problems, []);
    group.missingAddresses = ["fd00:1::1/64"];
    const { verdict, problems } = composed(status);
    assert.equal(verdict, "degraded");
    assert.deepEqual(
      problems.map(({ severity, code, message }) => [severity, code, message]),
      [["error", "addresses-missing", "gw1 is active, and its kernel does not have fd00:1::1/64"]],
    );
  });

  it("tells of a failover role without real-time priority, and only when the node says that it has none", () => {
    const codes = (realTime: boolean | undefined) => {
      const status = healthyStatus();
      const [failover] = status.nodes[1]?.processes ?? [];
      assert.equal(failover?.role, "failover");
      if (realTime === undefined) delete failover.realTime;
      else failover.realTime = realTime;
      return composed(status).problems.map(({ severity, node, code }) => [severity, node, code]);
    };
    assert.deepEqual(codes(false), [["warning", "gw2", "no-real-time"]]);
    assert.deepEqual(codes(true), []);
    assert.deepEqual(codes(undefined), [], "an older node does not tell");
  });

  it("says of a node that was removed that the others refuse it, and not that they are silent", () => {
    const status = healthyStatus();
    const [gw1, gw2] = status.nodes;
    assert.ok(gw1 !== undefined && gw2 !== undefined);
    const message = "the document that applies on gw1 has no node gw2";
    gw2.config = {
      ...{ node: "gw2", head: null, revision: gw2.revision, change: null, diverged: [], fileDiffers: null },
      refusedBy: [{ node: "gw1", message }],
    };
    status.nodes[0] = { ...gw1, reachable: false, groups: [] };
    const told = composed(status, { gateway: "gw1" }).problems.map(({ node, code, message: text }) => [
      ...[node, code, text],
    ]);
    assert.deepEqual(told, [["gw2", "node-not-in-document", `gw1 refuses gw2: ${message}`]]);
  });

  it("tells of a history that is damaged on the disk of a node, and how to mend it", () => {
    const status = healthyStatus();
    const gw2 = status.nodes[1];
    assert.ok(gw2 !== undefined);
    const history = (problem: string | null) => ({
      directory: "/var/config.git",
      checked: status.asOf,
      problem,
    });
    const config = {
      ...{ node: "gw2", head: null, revision: gw2.revision, change: null, diverged: [], fileDiffers: null },
    };
    gw2.config = { ...config, history: history(null) };
    assert.deepEqual(composed(status).problems, []);
    gw2.config = { ...config, history: history("revision 3 is not whole") };
    const [problem, ...others] = composed(status).problems;
    assert.deepEqual(others, []);
    assert.equal(problem?.code, "history-broken");
    assert.equal(problem?.severity, "error");
    assert.match(problem?.message ?? "", /on gw2 is damaged: revision 3 is not whole$/);
    assert.match(problem?.hint ?? "", /mv \/var\/config\.git \/var\/config\.git\.broken/);
  });

  describe("of nodes with different documents", () => {
    const config = (node: NodeStatus, number: number | null) => ({
      ...{ node: node.name, revision: node.revision, change: null, diverged: [], fileDiffers: null },
      head: number === null ? null : { id: `${number}`.repeat(40), number },
    });
    const told = (change: (gw1: NodeStatus, gw2: NodeStatus) => void, here = "c1a397d8a92bc19b") => {
      const status = healthyStatus();
      const [gw1, gw2] = status.nodes;
      assert.ok(gw1 !== undefined && gw2 !== undefined);
      gw2.revision = "0123456789abcdef";
      change(gw1, gw2);
      return composed({ ...status, revision: here }).problems;
    };
    const words = (problems: ReturnType<typeof told>) =>
      problems.map(({ node, code, message }) => `${node} ${code}: ${message}`);
    const numbers = (one: number | null, other: number | null) => (gw1: NodeStatus, gw2: NodeStatus) => {
      gw1.config = config(gw1, one);
      gw2.config = config(gw2, other);
    };

    it("says which one is out of sync and catches up, whichever is asked", () => {
      const sentence =
        "gw2 out-of-sync: gw2 is out of sync: it has revision 4 of the document, and gw1 has revision 7";
      for (const here of ["c1a397d8a92bc19b", "0123456789abcdef"]) {
        const problems = told(numbers(7, 4), here);
        assert.deepEqual(words(problems), [sentence]);
        assert.match(problems[0]?.hint ?? "", /^It catches up by itself/);
      }
      assert.match(words(told(numbers(2, null)))[0] ?? "", /it has no revision of the document, and gw1 has/);
    });

    it("says so also where the texts are the same again", () => {
      const same = told((gw1, gw2) => {
        gw2.revision = gw1.revision;
        numbers(7, 6)(gw1, gw2);
      });
      assert.deepEqual(
        same.map(({ code }) => code),
        ["out-of-sync"],
      );
    });

    it("tells to copy the file only where nothing was applied yet", () => {
      const [problem, ...others] = told(numbers(null, null));
      assert.deepEqual(others, []);
      assert.equal(problem?.code, "revision-differs");
      assert.match(problem?.hint ?? "", /copy the document to gw2/);
      // An older version says nothing of its history.
      const [older] = told((gw1) => {
        gw1.config = config(gw1, 3);
      });
      assert.equal(older?.code, "revision-differs");
      assert.doesNotMatch(older?.hint ?? "", /copy/);
    });

    it("leaves it to what explains it: a change under way, histories that went apart, a damaged one", () => {
      const change = {
        ...({ transaction: "t", phase: "prepared", number: 8, author: "a", message: "" } as const),
        ...{ coordinator: "gw1", secondsLeft: 30 },
      };
      assert.deepEqual(
        told((gw1, gw2) => {
          numbers(7, 4)(gw1, gw2);
          gw1.config = { ...config(gw1, 7), change };
        }),
        [],
      );
      const apart = told((gw1, gw2) => {
        numbers(7, 4)(gw1, gw2);
        gw1.config = { ...config(gw1, 7), diverged: [{ node: "gw2", id: "4".repeat(40), number: 4 }] };
      });
      assert.deepEqual(
        apart.map(({ code }) => code),
        ["config-went-apart"],
      );
      const damaged = told((gw1, gw2) => {
        numbers(7, null)(gw1, gw2);
        const history = { directory: "/x", checked: "2026-08-01T10:00:00.000Z", problem: "not whole" };
        gw2.config = { ...config(gw2, null), history };
      });
      assert.deepEqual(
        damaged.map(({ code }) => code),
        ["history-broken"],
      );
    });
  });

  it("does not count on a node that is set aside", () => {
    const status = healthyStatus();
    const gw2 = status.nodes[1];
    assert.ok(gw2 !== undefined);
    gw2.maintenance = { by: "ana@gw1", reason: "new disk", since: "2026-08-01T09:00:00.000Z" };
    const { summary, problems } = composed(status);
    assert.equal(summary, "gw1 is active, and only gw2 could take over, which is set aside");
    assert.deepEqual(
      problems.map(({ severity, code, message }) => [severity, code, message]),
      [
        [
          "warning",
          "in-maintenance",
          "gw2 is set aside since 2026-08-01T09:00:00.000Z by ana@gw1 (new disk)",
        ],
      ],
    );
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
