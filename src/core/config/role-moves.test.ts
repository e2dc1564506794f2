import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Edit, parsed, wholeDocument } from "./changes.test-data.ts";
import { planOf } from "./plans.test-data.ts";
import { restartOrder, roleMoves } from "./role-moves.ts";

const whole = parsed(wholeDocument);
const both = ["gw1", "gw2"];

function sentences(activeNodes: Record<string, string | null>, restarting = both): string[] {
  return roleMoves({ before: whole, after: whole, restarting, activeNodes }).map(({ sentence }) => sentence);
}

describe("restartOrder", () => {
  it("begins with the nodes that are active for the fewest groups", () => {
    assert.deepEqual(restartOrder(["a", "b", "c"], {}), ["a", "b", "c"]);
    assert.deepEqual(restartOrder(["a", "b", "c"], { x: "a" }), ["b", "c", "a"]);
    assert.deepEqual(restartOrder(["a", "b", "c"], { x: "a", y: "a", z: "b" }), ["c", "b", "a"]);
  });
});

describe("roleMoves", () => {
  it("is nothing where no failover process starts anew, or none that is active", () => {
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }, []), []);
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }, ["gw2"]), []);
  });

  it("goes through all nodes in turn, and back where preempt is on", () => {
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }), [
      "group main: gw1 hands over to gw2 before it starts anew, and gw1 takes over again, as preempt is on",
      "group second: gw1 hands over to gw2 before it starts anew",
    ]);
    // gw1 goes first, for both are active for one group: it takes what gw2 gives up.
    assert.deepEqual(sentences({ main: "gw1", second: "gw2" }), [
      "group main: gw1 hands over to gw2 before it starts anew, then gw2 hands over to gw1 before it starts anew",
      "group second: gw2 hands over to gw1 before it starts anew",
    ]);
    assert.deepEqual(sentences({ main: "gw2" }, ["gw2"]).slice(0, 1), [
      "group main: gw2 hands over to gw1 before it starts anew",
    ]);
  });

  it("tells what is sure where nobody knows who is active", () => {
    assert.deepEqual(sentences({ main: null }), [
      "group main: the active node hands over before it starts anew",
      "group second: the active node hands over before it starts anew",
    ]);
    assert.deepEqual(sentences({}, ["gw2"]), [
      "group main: gw2 hands over before it starts anew, if it is active",
      "group second: gw2 hands over before it starts anew, if it is active",
    ]);
  });

  it("ends with a group that is removed", () => {
    const edits: readonly Edit[] = [
      { path: ["groups", "second"] },
      { path: ["nat", "source", 1, "to"], value: "192.0.2.1" },
    ];
    const { groups, nodes } = planOf(wholeDocument, edits, { activeNodes: { main: "gw1", second: "gw2" } });
    assert.equal(groups[1]?.sentence, "group second: it ends on all nodes");
    assert.deepEqual(
      nodes[0]?.steps.map(({ sentence, connections }) => [sentence, connections]).slice(0, 1),
      [
        [
          "group second is removed, and with it 192.0.2.5/24 on wan",
          "connections that are translated to 192.0.2.5 end (tocha connections list --nat 192.0.2.5 shows them)",
        ],
      ],
    );
  });
});
