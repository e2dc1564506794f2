import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changed, parsed, wholeDocument } from "./changes.test-data.ts";
import { makeOrder } from "./make-order.ts";

const before = parsed(wholeDocument);
const names = Object.keys(before.nodes);

describe("makeOrder", () => {
  it("changes rules on all nodes at once, without waiting", () => {
    const after = { ...before, nat: { ...before.nat, source: before.nat.source.slice(1) } };
    assert.deepEqual(
      makeOrder(
        { before, after },
        { nodes: names, active: new Set([names[0] ?? ""]), carrying: names[0] ?? "" },
      ),
      [{ nodes: names, waits: false }],
    );
  });

  it("starts roles again one node after the other, the active one last", () => {
    const [first = "", ...others] = names;
    const [group = ""] = Object.keys(before.groups);
    const after = structuredClone(before);
    const changedGroup = after.groups[group];
    assert.ok(changedGroup !== undefined);
    changedGroup.intervalMs += 100;
    assert.deepEqual(
      makeOrder({ before, after }, { nodes: names, active: new Set([first]), carrying: first }),
      [...others, first].map((node) => ({ nodes: [node], waits: true })),
    );
  });

  it("has nothing to wait for where nothing is read anew", () => {
    assert.deepEqual(
      makeOrder({ before, after: changed() }, { nodes: names, active: new Set(), carrying: "" }),
      [{ nodes: names, waits: false }],
    );
  });
});
