import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ConfigState } from "../../contract/config-operations.ts";
import { pairDocument } from "../../core/config/plans.test-data.ts";
import { RevisionStore } from "../../store/revision-store.ts";
import { foreseeChoice, headOf } from "./foresee-choice.ts";

const left = pairDocument.replace("gw2: 100", "gw2: 105");
const right = pairDocument.replace("gw2: 100", "gw2: 150");

let folder = "";
let store: RevisionStore;
const ids = { first: "", left: "", right: "" };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tocha-choice-"));
  store = await RevisionStore.open(join(folder, "config.git"));
  const entry = { author: "root@gw1", at: "2026-03-01T12:00:00Z", plan: [] };
  const put = (number: number, parent: string | null, text: string, message: string) =>
    store.put({ ...entry, number, parent, text, message });
  ids.first = await put(1, null, pairDocument, "first");
  ids.left = await put(2, ids.first, left, "left");
  ids.right = await put(2, ids.first, right, "right");
});
after(() => rmSync(folder, { recursive: true }));

function states(heads: Readonly<Record<string, string | null>>): Map<string, ConfigState> {
  const state = { revision: "r", change: null, diverged: [], fileDiffers: null };
  return new Map(
    Object.entries(heads).map(([node, id]) => [
      node,
      { ...state, node, head: id === null ? null : { id, number: 2 } },
    ]),
  );
}

async function foreseen(chosen: string, heads: Readonly<Record<string, string | null>>) {
  const options = { own: "gw1", store, states: states(heads), activeNodes: { main: "gw1" } };
  return await foreseeChoice(chosen, { ...options, caller: undefined });
}

describe("foreseeChoice", () => {
  it("tells what goes away on the nodes that have something else, and only there", async () => {
    const { chosen, sides } = await foreseen("gw2", { gw1: ids.left, gw2: ids.right });
    assert.deepEqual([chosen.node, chosen.id, chosen.message], ["gw2", ids.right, "right"]);
    const [side, ...others] = sides;
    assert.deepEqual(others, []);
    assert.deepEqual([side?.nodes, side?.id, side?.message], [["gw1"], ids.left, "left"]);
    assert.deepEqual(
      side?.plan.nodes.map(({ node }) => node),
      ["gw1"],
    );
    assert.match(side?.plan.difference ?? "", /^-.*gw2: 105[^\n]*\n\+.*gw2: 150/m);
  });

  it("is the same seen from the node that is chosen", async () => {
    const { sides } = await foreseen("gw1", { gw1: ids.left, gw2: ids.right });
    assert.deepEqual(
      sides.map(({ nodes, plan }) => [nodes, plan.nodes.map(({ node }) => node)]),
      [[["gw2"], ["gw2"]]],
    );
    assert.match(sides[0]?.plan.difference ?? "", /^-.*gw2: 150[^\n]*\n\+.*gw2: 105/m);
  });

  it("has no sides where all have the same, and refuses a node of which nothing is known", async () => {
    assert.deepEqual((await foreseen("gw1", { gw1: ids.left, gw2: ids.left })).sides, []);
    await assert.rejects(foreseen("gw3", { gw1: ids.left }), /gw3 has no history to show/);
    await assert.rejects(foreseen("gw2", { gw1: ids.left, gw2: null }), /gw2 has no history to show/);
  });

  it("takes only the revision that was looked at", () => {
    const now = states({ gw1: ids.left, gw2: ids.right });
    assert.equal(headOf("gw2", now, ids.right).id, ids.right);
    assert.throws(() => headOf("gw2", now, ids.left), /gw2 has another revision by now: 2 \(/);
  });
});
