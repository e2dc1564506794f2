import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ConfigState } from "../../contract/config-operations.ts";
import { healthyStatus } from "../../contract/status.test-data.ts";
import { composeClusterStatus } from "./cluster-status.ts";

const id = "b".repeat(40);

function stateOf(node: string, why: string | undefined): ConfigState {
  const takenBack = { id, number: 7, author: "root@gw1", at: "2026-03-01T12:00:00Z" };
  return {
    ...{ node, head: { id: "a".repeat(40), number: 6 }, revision: "r", change: null, diverged: [] },
    ...{ fileDiffers: null, ...(why === undefined ? {} : { takenBack: { ...takenBack, why } }) },
  };
}

function composed(whys: readonly (string | undefined)[]) {
  const { cluster, groups, asOf, revision, nodes } = healthyStatus();
  return composeClusterStatus({
    ...{ cluster, groups: groups.map(({ name }) => name), asOf, revision, heardActive: {}, reported: [] },
    nodes: nodes.map((node, place) => ({ ...node, config: stateOf(node.name, whys[place]) })),
  });
}

describe("a change that was taken back", () => {
  it("is told once for all nodes that did so for one reason, with what to do next", () => {
    const { problems } = composed(["nobody confirmed it in time", "nobody confirmed it in time"]);
    assert.deepEqual(
      problems.map(({ severity, code, node, message }) => [severity, code, node, message]),
      [
        [
          "warning",
          "change-taken-back",
          undefined,
          "revision 7 of root@gw1 was taken back on gw1 and gw2 at 2026-03-01T12:00:00Z: nobody confirmed it in time",
        ],
      ],
    );
    assert.match(problems[0]?.hint ?? "", new RegExp(`tocha config show ${id}`));
  });

  it("is told for each node where the reasons differ", () => {
    const { problems } = composed(["gw1 gave it up", "it was not confirmed before this node ended"]);
    assert.deepEqual(
      problems.map(({ message }) => message.replace(/^.*on (gw.) at \S+ (.*)$/, "$1 $2")),
      ["gw1 gw1 gave it up", "gw2 it was not confirmed before this node ended"],
    );
  });

  it("needs no repair: the cluster is as well as before", () => {
    assert.equal(composed(["gw1 gave it up"]).verdict, "ok");
    assert.deepEqual(composed([]).problems, []);
  });
});
