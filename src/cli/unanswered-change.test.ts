import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { healthyStatus } from "../contract/status.test-data.ts";
import { pairDocument } from "../core/config/plans.test-data.ts";
import { PretendedNode } from "./pretended-node.test-data.ts";

/** Changes whose answer is lost: the exit status tells what has become of them all the same. */

const before1 = "a".repeat(40);
const made = "b".repeat(40);
const config = { head: { id: before1, number: 6 }, revision: "r", text: "cluster: other\n" };
const applied = {
  ...{ transaction: "t7", id: made, number: 7, plan: [], confirmSeconds: 60, startsAgain: false },
  nodes: [{ name: "gw1", state: "made" }],
};
const settled = { ok: true, number: 7, nodes: [{ name: "gw1", problem: null }] };
const change = {
  ...{ transaction: "t7", phase: "made", number: 7, author: "somebody", message: "why" },
  ...{ coordinator: "gw1", secondsLeft: 50 },
};
const state = { node: "gw1", head: config.head, revision: "r", change, diverged: [], fileDiffers: null };
const interrupted = { code: "request-interrupted", message: "the control process ended while it did this" };

const cut = { status: 0, body: {} };
const ok = (body: unknown) => ({ status: 200, body });
const refused = (code: string) => ({ status: 409, body: { code, message: `it is ${code}` } });
const record = (what: object) =>
  ok({ id: "k", operation: "o", started: "2026-03-01T12:00:00Z", ended: null, ...what });
const running = record({ state: "running" });
const done = (answer: unknown) => record({ state: "done", answer });
const failed = (problem: object) => record({ state: "failed", problem });

let node: PretendedNode;
let folder = "";
let file = "";
before(async () => {
  node = await PretendedNode.start();
  folder = mkdtempSync(join(tmpdir(), "tocha-unanswered-"));
  file = join(folder, "cluster.yaml");
  writeFileSync(file, pairDocument);
});
after(() => {
  node.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  node.first.length = 0;
  node.requests.length = 0;
  node.answer = refused("unexpected");
});

const apply = (...more: readonly string[]) =>
  node.tocha(["config", "apply", file, "-m", "why", "-o", "json", ...more]);
const paths = () =>
  node.requests.map(({ path }) => path.replace(/^\/v1\//, "").replace(/[0-9a-f-]{36}$/, "KEY"));

describe("tocha config apply whose answer is lost", () => {
  it("asks by its key what has become of it, and goes on when it was made", async () => {
    node.first.push(ok(config), cut, cut, running, done(applied), ok(settled));
    const { status, out, err } = await apply();
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(JSON.parse(out), { ...applied, confirmed: true });
    const asks = ["operations/KEY", "operations/KEY", "operations/KEY"];
    assert.deepEqual(paths(), ["config", "config/apply", ...asks, "config/confirm"]);
    const [, sent, asked, , , confirm] = node.requests;
    assert.equal(asked?.path, `/v1/operations/${sent?.key}`);
    assert.ok(confirm?.key !== undefined && confirm.key !== sent?.key);
  });

  it("ends as the node refused it", async () => {
    node.first.push(ok(config), cut, failed({ code: "config-busy", message: "another one is made" }));
    const { status, out } = await apply();
    assert.equal(status, 1);
    assert.match(out, /another one is made/);
  });

  it("takes back what the node was interrupted in", async () => {
    node.first.push(ok(config), cut, failed(interrupted), ok(state), ok(settled));
    const { status, out } = await apply();
    assert.equal(status, 1);
    assert.match(
      out,
      /"change-interrupted".*before revision 7 was known to be made everywhere: it was taken back/,
    );
    assert.deepEqual(paths().slice(-2), ["config/state", "config/revert"]);
    assert.deepEqual(JSON.parse(node.told), { transaction: "t7" });
  });

  it("leaves alone what is not its own", async () => {
    const other = { ...state, change: { ...change, message: "of somebody else" } };
    node.first.push(ok(config), cut, failed(interrupted), ok(other));
    const { status, out } = await apply();
    assert.equal(status, 69);
    assert.match(out, /request-interrupted/);
    assert.equal(paths().at(-1), "config/state");
  });

  it("says that nothing has changed where that is so", async () => {
    node.first.push(ok(config), cut, failed(interrupted), ok({ ...state, change: null }));
    const { status, out } = await apply();
    assert.equal(status, 1);
    assert.match(out, /"change-interrupted".*nothing has changed/);
  });

  it("is not known where the node knows nothing of it, and another revision applies", async () => {
    const moved = { ...state, change: null, head: { id: made, number: 7 } };
    node.first.push(ok(config), cut, refused("no-such-request"), ok(moved));
    const { status, out } = await apply();
    assert.equal(status, 69);
    assert.match(out, /"outcome-unknown".*whether it was done is not known/);
  });
});

describe("the confirmation of a change whose answer is lost", () => {
  const confirming = [ok(config), ok(applied)];

  it("is done where the node says so", async () => {
    node.first.push(...confirming, cut, done(settled));
    assert.equal((await apply()).status, 0);
  });

  it("is done where the revision applies, whatever was interrupted", async () => {
    const applies = { ...state, change: null, head: { id: made, number: 7 } };
    node.first.push(...confirming, cut, failed(interrupted), ok(applies));
    assert.equal((await apply()).status, 0);
  });

  it("is tried again while the change still waits", async () => {
    node.first.push(...confirming, cut, failed(interrupted), ok(state), ok(settled));
    assert.equal((await apply()).status, 0);
    assert.deepEqual(paths().slice(-2), ["config/state", "config/confirm"]);
  });

  it("is too late where the change was taken back", async () => {
    node.first.push(...confirming, cut, failed(interrupted), ok({ ...state, change: null }));
    assert.notEqual((await apply()).status, 0);
    node.first.push(...confirming, refused("no-such-change"), ok({ ...state, change: null }));
    assert.equal((await apply()).status, 1);
  });
});

describe("tocha switchover whose answer is lost", () => {
  const answer = { ok: true, group: "main", from: "gw1", to: "gw2" };
  const active = (name: string) => {
    const status = healthyStatus();
    return ok({ ...status, groups: [{ name: "main", activeNode: name }], activeNode: name });
  };

  it("ends as the node says", async () => {
    node.first.push(cut, running, done(answer));
    const { status, out } = await node.tocha(["switchover"]);
    assert.deepEqual([status, out], [0, "ok  gw2 takes over from gw1.\n"]);
    node.first.push(cut, failed({ code: "switchover-no-standby", message: "nobody" }));
    assert.equal((await node.tocha(["switchover"])).status, 1);
  });

  it("looks who is active where the node was interrupted", async () => {
    node.first.push(cut, failed(interrupted), active("gw2"));
    assert.equal((await node.tocha(["switchover", "--to", "gw2"])).status, 0);
    node.first.push(cut, failed(interrupted), active("gw1"));
    const { status, err } = await node.tocha(["switchover", "--to", "gw2"]);
    assert.equal(status, 69);
    assert.match(err, /gw1 is active/);
  });
});
