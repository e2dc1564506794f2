import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { handoverEntry, takeoverEntry } from "../contract/failover-history.test-data.ts";
import { exampleWhy } from "../contract/failover-why.test-data.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

/** `tocha failover` as users start it: what it asks, what it prints, and its exit status. */

let node: PretendedNode;
before(async () => {
  node = await PretendedNode.start();
});
after(() => node.stop());

const history = () => ({ entries: [takeoverEntry(), handoverEntry()], unreachable: ["gw3"] });

describe("tocha failover history", () => {
  it("lists, filters on the node, and says who did not answer", async () => {
    node.answer = { status: 200, body: history() };
    const args = ["failover", "history", "--node", "gw2", "--group", "gateway", "--limit", "5"];
    const { status, out } = await node.tocha(args);
    assert.equal(status, 0);
    assert.match(out, /^ID .*\ngw2-17 .*315\.2ms[\s\S]*! gw3 did not answer/);
    assert.equal(node.asked, "/v1/failover/history?limit=5&node=gw2&group=gateway");
    const json = await node.tocha(["failover", "history", "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), history());
  });

  it("refuses a wrong limit, and passes on what the node refuses", async () => {
    for (const limit of ["0", "501", "x", "1.5"])
      assert.equal((await node.tocha(["failover", "history", "--limit", limit])).status, 2, limit);
    node.answer = { status: 409, body: { code: "no-such-node", message: "there is no node gw9" } };
    assert.equal((await node.tocha(["failover", "history", "--node", "gw9"])).status, 2);
  });

  it("shows one change, plain where it is no terminal", async () => {
    node.answer = { status: 200, body: { entry: takeoverEntry(), related: [], unreachable: [] } };
    const { status, out } = await node.tocha(["failover", "history", "show", "gw2-17"], {
      env: { LANG: "C.UTF-8" },
    });
    assert.equal(status, 0);
    assert.match(out, /\n {2}315\.219ms +\+0\.621ms {2}\| +\*\| {2}first packet forwarded, by wan\n/);
    assert.ok(!out.includes("\x1b"));
    assert.equal(node.asked, "/v1/failover/history/gw2-17");
    const json = await node.tocha(["failover", "history", "show", "gw2-17", "-o", "json"]);
    assert.equal(JSON.parse(json.out).entry.id, "gw2-17");
  });

  it("ends with 1 when nobody remembers it", async () => {
    node.answer = { status: 409, body: { code: "no-such-entry", message: "no node remembers gw2-99" } };
    const { status, err } = await node.tocha(["failover", "history", "show", "gw2-99"]);
    assert.equal(status, 1);
    assert.match(err, /no node remembers gw2-99 \[no-such-entry\]/);
    assert.equal((await node.tocha(["failover", "history", "show"])).status, 2);
    assert.equal((await node.tocha(["failover", "history", "gw2-99"])).status, 2);
  });
});

describe("tocha failover why", () => {
  it("explains, in text and JSON", async () => {
    node.answer = { status: 200, body: exampleWhy() };
    const { status, out } = await node.tocha(["failover", "why"]);
    assert.equal(status, 0);
    assert.match(out, /^gateway {2}gw2\n[\s\S]*\nIf gw2 died now\n/);
    const json = await node.tocha(["failover", "why", "--group", "gateway", "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), exampleWhy());
  });

  it("knows the groups", async () => {
    node.answer = { status: 200, body: exampleWhy() };
    const { status, err } = await node.tocha(["failover", "why", "--group", "guests"]);
    assert.equal(status, 1);
    assert.match(err, /no failover group guests[\s\S]*Groups: gateway\./);
  });
});

describe("tocha switchover --dry-run", () => {
  it("says what would happen, and asks for nothing else", async () => {
    const body = {
      ...{ ok: true, dryRun: true, group: "gateway", from: "gw1", to: "gw2", complete: true },
      ...{ connections: 7, notProtected: 0, lagRecords: 0, lagMs: 0 },
      sentences: ["gw2 would take over from gw1.", "Nothing would have to be waited for."],
    };
    node.answer = { status: 200, body };
    const { status, out } = await node.tocha(["switchover", "--dry-run", "--to", "gw2"]);
    assert.equal(status, 0);
    assert.equal(
      out,
      "ok  gw2 would take over from gw1. Nothing would have to be waited for.\n    Nothing was changed.\n",
    );
    assert.deepEqual(JSON.parse(node.told), { to: "gw2", dryRun: true });
    const json = await node.tocha(["switchover", "--dry-run", "-o", "json"]);
    assert.deepEqual(JSON.parse(json.out), body);
  });

  it("ends with 1 when it would be refused", async () => {
    node.answer = { status: 409, body: { code: "switchover-no-standby", message: "nobody could" } };
    const { status, err } = await node.tocha(["switchover", "--dry-run"]);
    assert.equal(status, 1);
    assert.match(err, /nobody could \[switchover-no-standby\]/);
  });

  it("takes what was done for an answer that it does not understand", async () => {
    node.answer = { status: 200, body: { ok: true, group: "gateway", from: "gw1", to: "gw2" } };
    assert.equal((await node.tocha(["switchover", "--dry-run"])).status, 69);
  });
});
