import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { pairDocument, planOf } from "../core/config/plans.test-data.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

/** `tocha config choose` and what helps to choose, as users start them. */

const mine = "a".repeat(40);
const theirs = "b".repeat(40);
const about = { number: 8, author: "root@gw2", at: "2026-03-01T12:00:00Z", message: "right\nand more" };
const plan = planOf(pairDocument, [{ path: ["groups", "main", "priorities", "gw2"], value: 150 }]);
const foreseen = {
  chosen: { node: "gw2", id: theirs, ...about },
  sides: [{ nodes: ["gw1"], id: mine, ...about, author: "root@gw1", message: "left", plan }],
};
const chosen = { ok: true, number: 8, nodes: [{ name: "gw1", problem: null }] };
const state = {
  ...{ node: "gw1", head: { id: mine, number: 8 }, revision: "r", change: null, fileDiffers: null },
  diverged: [{ node: "gw2", id: theirs, number: 8 }],
};

let node: PretendedNode;
before(async () => {
  node = await PretendedNode.start();
});
after(() => node.stop());
beforeEach(() => {
  node.first.length = 0;
  node.answers.clear();
  node.only = {};
  node.told = "";
  node.answer = { status: 409, body: { code: "bad-request", message: "not expected" } };
});

describe("tocha config choose", () => {
  it("shows what goes away where, as a plan and a difference, and chooses what was shown", async () => {
    node.first.push({ status: 200, body: foreseen }, { status: 200, body: chosen });
    const { status, out, err } = await node.tocha(["config", "choose", "gw2"]);
    assert.deepEqual([status, err], [0, ""]);
    assert.match(out, /^gw1 has revision 8 of root@gw1, 2026-03-01T12:00:00Z: left\n/);
    assert.match(out, /\nWith revision 8 of gw2: 1 change on 2 nodes;/);
    assert.match(out, /\n-.*gw2: 100[^\n]*\n\+.*gw2: 150/);
    assert.match(out, /\nok {2}revision 8 of gw2 applies\.\n$/);
    assert.deepEqual(JSON.parse(node.told), { node: "gw2", id: theirs });
  });

  it("asks at a terminal, and takes all but yes for a no", async () => {
    const question = "Shall revision 8 of gw2 apply on gw1? (yes/no)";
    for (const answer of ["no\r", "\r", "y\r", "\x04"]) {
      node.first.push({ status: 200, body: foreseen });
      const out = await node.onTerminal(["config", "choose", "gw2"], { typed: { question, answer } });
      assert.match(out, /Nothing was changed\./, JSON.stringify(answer));
      assert.deepEqual(JSON.parse(node.told), { node: "gw2", dryRun: true });
    }
    node.first.push({ status: 200, body: foreseen }, { status: 200, body: chosen });
    const out = await node.onTerminal(["config", "choose", "gw2"], { typed: { question, answer: "yes\r" } });
    assert.match(out, /revision 8 of gw2 applies/);
    assert.deepEqual(JSON.parse(node.told), { node: "gw2", id: theirs });
  });

  it("does not ask with --yes, nor where all have the same", async () => {
    node.first.push({ status: 200, body: foreseen }, { status: 200, body: chosen });
    const sure = await node.onTerminal(["config", "choose", "gw2", "--yes"]);
    assert.doesNotMatch(sure, /yes\/no/);
    assert.match(sure, /revision 8 of gw2 applies/);
    node.first.push({ status: 200, body: { ...foreseen, sides: [] } }, { status: 200, body: chosen });
    const same = await node.onTerminal(["config", "choose", "gw2"]);
    assert.match(same, /All nodes that answer have revision 8 of gw2\./);
    assert.doesNotMatch(same, /yes\/no/);
  });

  it("gives all of it to programs", async () => {
    node.first.push({ status: 200, body: foreseen }, { status: 200, body: chosen });
    const { out } = await node.tocha(["config", "choose", "gw2", "-o", "json"]);
    assert.deepEqual(JSON.parse(out), { ...foreseen, ...chosen });
  });
});

describe("what another node has whose history went apart", () => {
  const other = pairDocument.replace("gw2: 100", "gw2: 150");
  beforeEach(() => {
    const revision = { ...about, parent: null, plan: [], text: other, id: theirs };
    node.only = {
      "/v1/config/state": state,
      "/v1/config": { head: state.head, revision: "r", text: pairDocument },
      [`/v1/config/history/${theirs}`]: revision,
      "/v1/config/history/7": { ...revision, number: 7, text: other.replace("150", "160"), id: mine },
    };
  });

  it("is shown by diff --other, beside what applies or a revision", async () => {
    const { status, out } = await node.tocha(["config", "diff", "--other", "gw2"]);
    assert.equal(status, 1);
    assert.match(out, /^--- running\n\+\+\+ revision 8 of gw2\n/);
    assert.match(out, /\n-.*gw2: 100[^\n]*\n\+.*gw2: 150/);
    const seventh = await node.tocha(["config", "diff", "7", "--other", "gw2"]);
    assert.match(seventh.out, /^--- revision 7\n\+\+\+ revision 8 of gw2\n[\s\S]*\n-.*gw2: 160/);
  });

  it("is refused where there is none, and where it is not clear what is meant", async () => {
    const none = await node.tocha(["config", "diff", "--other", "gw3"]);
    assert.equal(none.status, 1);
    assert.match(none.err, /gw1 knows of no history of gw3 [\s\S]*It knows of gw2\./);
    assert.equal((await node.tocha(["config", "diff"])).status, 2);
    assert.equal((await node.tocha(["config", "diff", "7", "8", "--other", "gw2"])).status, 2);
  });

  it("is named by state, with the command that shows it", async () => {
    const { status, out } = await node.tocha(["config", "state"]);
    assert.equal(status, 1);
    assert.match(out, new RegExp(`the history of gw2 went apart .* revision 8 \\(${theirs}\\)`));
    assert.match(out, /tocha config diff --other gw2/);
  });
});
