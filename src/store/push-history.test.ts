import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ProblemError } from "../base/problem.ts";
import type { RevisionEntry } from "../contract/config-revision.ts";
import { RevisionStore } from "./revision-store.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-push-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;

function git(directory: string, ...args: readonly string[]): string {
  return execFileSync("git", ["--git-dir", directory, ...args], { encoding: "utf8" }).trim();
}

function bareRepository(): string {
  const remote = join(folder, `remote-${++made}.git`);
  execFileSync("git", ["init", "--quiet", "--bare", remote]);
  return remote;
}

/** A node's repository, with what puts revisions into it and lets them apply. */
async function node() {
  const store = await RevisionStore.open(join(folder, `node-${++made}.git`));
  const put = async (parent: string | undefined, number: number, word: string) =>
    await store.put({
      ...{ number, parent: parent ?? null, author: "root@gw1", at: "2026-11-26T04:00:00Z" },
      ...{ message: word, plan: [], text: `cluster: ${word}\n` },
    } satisfies RevisionEntry);
  const apply = async (word: string) => {
    const head = await store.head();
    const number = head === undefined ? 1 : (await store.revision(head)).number + 1;
    const id = await put(head, number, word);
    await store.advance(id, head);
    return id;
  };
  return { store, put, apply };
}

const free = { mayMove: true } as const;

/** Two nodes that were changed on both sides of a partition, each having pushed; then they have met, and know each other's. */
async function apart() {
  const remote = bareRepository();
  const [one, other] = [await node(), await node()];
  const base = await one.apply("base");
  assert.equal(await other.apply("base"), base);
  assert.equal(await one.store.push(remote, free), true);
  const left = await one.apply("left");
  const right = await other.apply("right");
  assert.equal(await one.store.push(remote, free), true);
  // It knows nothing of the other side yet, and does not take its place.
  assert.equal(await other.store.push(remote, free), false);
  assert.equal(git(remote, "rev-parse", "main"), left);
  await one.put(base, 2, "right");
  await other.put(base, 2, "left");
  return { remote, one, other, base, left, right };
}

function holds(remote: string, id: string): boolean {
  const names = git(remote, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tocha/revisions/");
  return (
    names.split("\n").some((line) => line.startsWith(`${id} `)) &&
    git(remote, "cat-file", "-t", id) === "commit"
  );
}

describe("pushHistory", () => {
  it("sends every revision, also one that does not apply", async () => {
    const [{ store, put, apply }, remote] = [await node(), bareRepository()];
    const first = await apply("one");
    const second = await apply("two");
    const beside = await put(first, 2, "beside");
    assert.equal(await store.push(remote, free), true);
    assert.equal(git(remote, "rev-parse", "main"), second);
    for (const id of [first, second, beside]) assert.ok(holds(remote, id));
  });

  it("sends both sides of a partition, and leaves main alone until somebody has chosen", async () => {
    const { remote, other, left, right } = await apart();
    assert.equal(await other.store.push(remote, { mayMove: false }), false);
    assert.equal(git(remote, "rev-parse", "main"), left);
    for (const id of [left, right]) assert.ok(holds(remote, id));
  });

  it("lets the one that was chosen be main, from the node that lost and from the one that won, and loses nothing", async () => {
    for (const from of ["loser", "winner"]) {
      const { remote, one, other, left, right } = await apart();
      await one.store.advance(right, left);
      const { store, apply } = from === "loser" ? one : other;
      assert.equal(await store.push(remote, free), true);
      assert.equal(git(remote, "rev-parse", "main"), right);
      const next = await apply("next");
      assert.equal(await store.push(remote, free), true);
      assert.equal(git(remote, "rev-parse", "main"), next);
      for (const id of [left, right, next]) assert.ok(holds(remote, id));
      git(remote, "gc", "--quiet", "--prune=now");
      assert.match(git(remote, "show", `${left}:cluster.yaml`), /left/);
    }
  });

  it("does not put main back when this node is behind", async () => {
    const remote = bareRepository();
    const [one, other] = [await node(), await node()];
    await one.apply("base");
    await other.apply("base");
    const ahead = await one.apply("ahead");
    assert.equal(await one.store.push(remote, free), true);
    assert.equal(await other.store.push(remote, free), false);
    // Also when it knows what is ahead, and has not made it yet.
    await other.put((await other.store.head()) ?? "", 2, "ahead");
    assert.equal(await other.store.push(remote, free), false);
    assert.equal(git(remote, "rev-parse", "main"), ahead);
  });

  it("overwrites nothing that has no other name there", async () => {
    const remote = bareRepository();
    const tree = execFileSync("git", ["--git-dir", remote, "mktree"], { input: "", encoding: "utf8" }).trim();
    const identity = ["-c", "user.name=x", "-c", "user.email=x@x"];
    const foreign = git(remote, ...identity, "commit-tree", tree, "-m", "somebody's work");
    git(remote, "update-ref", "refs/heads/main", foreign);
    const { store, apply } = await node();
    const id = await apply("one");
    await assert.rejects(
      store.push(remote, free),
      /which is no revision that was sent there: it is not overwritten/,
    );
    assert.equal(git(remote, "rev-parse", "main"), foreign);
    assert.ok(holds(remote, id), "the revisions are there all the same");
  });

  it("says why a repository does not take it", async () => {
    const { store, apply } = await node();
    await apply("one");
    await assert.rejects(store.push(join(folder, "not-there"), free), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.match(error.message, /not-there/);
      return true;
    });
    const { remote, one, left, right } = await apart();
    git(remote, "config", "receive.denyNonFastForwards", "true");
    await one.store.advance(right, left);
    await assert.rejects(one.store.push(remote, free), /non-fast-forward/);
    for (const id of [left, right]) assert.ok(holds(remote, id));
  });
});
