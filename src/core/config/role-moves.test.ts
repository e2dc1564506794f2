import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Edit, wholeDocument } from "./changes.test-data.ts";
import { planOf } from "./plans.test-data.ts";

/** A change that both failover processes take. */
const everywhere: Edit = { path: ["groups", "main", "preemptDelay"], value: "1m" };
/** One that only gw2's takes. */
const onGw2: Edit = { path: ["nodes", "gw2", "interfaces", "lan", "device"], value: "eth9" };

function sentences(
  activeNodes: Record<string, string | null>,
  edit: Edit = everywhere,
  carrying?: string,
): string[] {
  return planOf(wholeDocument, [edit], { activeNodes, carrying }).groups.map(
    ({ group, sentence }) => `group ${group}: ${sentence}`,
  );
}

describe("roleMoves", () => {
  it("is nothing where no failover process starts anew, or none that is active", () => {
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }, { path: ["nat", "helpers"], value: [] }), []);
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }, onGw2), []);
  });

  it("goes through all nodes in turn, and back where preempt is on", () => {
    assert.deepEqual(sentences({ main: "gw1", second: "gw1" }), [
      "group main: gw1 hands over to gw2 before it starts anew, and gw1 takes over again, as preempt is on",
      "group second: gw1 hands over to gw2 before it starts anew",
    ]);
    // Both are active: gw1 goes first, and gets both from gw2.
    assert.deepEqual(sentences({ main: "gw1", second: "gw2" }), [
      "group main: gw1 hands over to gw2 before it starts anew, then gw2 hands over to gw1 before it starts anew",
      "group second: gw2 hands over to gw1 before it starts anew",
    ]);
    // The one that carries the change out goes last.
    assert.deepEqual(sentences({ main: "gw1", second: "gw2" }, everywhere, "gw1"), [
      "group main: gw1 hands over to gw2 before it starts anew, and gw1 takes over again, as preempt is on",
      "group second: gw2 hands over to gw1 before it starts anew, then gw1 hands over to gw2 before it starts anew",
    ]);
    assert.deepEqual(sentences({ main: "gw2", second: "gw1" }, onGw2), [
      "group main: gw2 hands over to gw1 before it starts anew",
    ]);
  });

  it("tells what is sure where nobody knows who is active", () => {
    assert.deepEqual(sentences({ main: null }), [
      "group main: the active node hands over before it starts anew",
      "group second: the active node hands over before it starts anew",
    ]);
    assert.deepEqual(sentences({}, onGw2), [
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
    assert.equal(groups[1]?.sentence, "it ends on all nodes");
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
