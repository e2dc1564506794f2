import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { ProblemError } from "../base/problem.ts";
import type { Revision, RevisionEntry } from "../contract/config-revision.ts";
import { RevisionStore } from "./revision-store.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-store-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

let stores = 0;
const newStore = () => RevisionStore.open(join(folder, `store-${++stores}.git`));

const first: RevisionEntry = {
  ...{ number: 1, parent: null, author: "root@gw1", at: "2026-11-26T04:00:00Z" },
  ...{ message: "The beginning", plan: [], text: "cluster: campus\n# grüße\n" },
};

function next(parent: string, number: number, text: string): RevisionEntry {
  return {
    ...{ number, parent, author: "Ana <ana@x> ; rm", at: "2026-11-26T05:00:00Z" },
    ...{ message: `Change ${number}\n\nwith more words`, plan: ["gw1: a rule is added"], text },
  };
}

async function chainOf(store: RevisionStore, length: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 1; number <= length; number++) {
    const parent = ids.at(-1);
    const entry = parent === undefined ? first : next(parent, number, `cluster: c${number}\n`);
    const id = await store.put(entry);
    await store.advance(id, parent);
    ids.push(id);
  }
  return ids;
}

describe("RevisionStore", () => {
  it("makes the same commits of the same entries on every node", async () => {
    const [one, two] = [await chainOf(await newStore(), 4), await chainOf(await newStore(), 4)];
    assert.deepEqual(one, two);
    assert.equal(new Set(one).size, 4);
  });

  it("makes the same commit whatever the order of an entry's values", async () => {
    const backwards = Object.fromEntries(Object.entries(first).reverse()) as unknown as RevisionEntry;
    assert.equal(await (await newStore()).put(backwards), await (await newStore()).put(first));
  });

  it("gives back what was put, letter for letter", async () => {
    const store = await newStore();
    const id = await store.put(first);
    assert.deepEqual(await store.revision(id), { ...first, id });
    const other = next(id, 2, "a: |\n  x\n\n\n");
    const otherId = await store.put(other);
    assert.deepEqual(await store.revision(otherId), { ...other, id: otherId });
  });

  it("lets nothing apply by being put", async () => {
    const store = await newStore();
    await store.put(first);
    assert.equal(await store.head(), undefined);
  });

  it("advances only from where it is", async () => {
    const store = await newStore();
    const [a = "", b = ""] = await chainOf(store, 2);
    const c = await store.put(next(a, 2, "cluster: other\n"));
    await assert.rejects(store.advance(c, a), ProblemError);
    assert.equal(await store.head(), b);
  });

  it("lists, finds by number, and gives what follows", async () => {
    const store = await newStore();
    const ids = await chainOf(store, 5);
    const head = ids[4] ?? "";
    assert.deepEqual(
      (await store.list(head, 2)).map(({ number }) => number),
      [5, 4],
    );
    assert.equal(await store.idOf(3, head), ids[2]);
    assert.equal(await store.idOf(9, head), undefined);
    const numbers = (list: readonly Revision[] | undefined) => list?.map(({ number }) => number);
    assert.deepEqual(numbers(await store.after(ids[1], head, 10)), [3, 4, 5]);
    assert.deepEqual(numbers(await store.after(undefined, head, 2)), [1, 2]);
    assert.deepEqual(numbers(await store.after(head, head, 2)), []);
  });

  it("says when a history went apart", async () => {
    const store = await newStore();
    const [a = "", b = ""] = await chainOf(store, 2);
    const other = await store.put(next(a, 2, "cluster: other\n"));
    assert.equal(await store.after(other, b, 10), undefined);
    assert.equal((await store.revision(other)).text, "cluster: other\n");
  });

  it("keeps what was put from git's housekeeping", async () => {
    const store = await newStore();
    const [a = ""] = await chainOf(store, 2);
    const other = await store.put(next(a, 2, "cluster: other\n"));
    execFileSync("git", ["--git-dir", store.directory, "gc", "--quiet", "--prune=now"]);
    assert.equal((await store.revision(other)).text, "cluster: other\n");
    assert.equal(await store.verify(), 2);
  });

  it("finds a history that was forged", async () => {
    const store = await newStore();
    await chainOf(store, 2);
    assert.equal(await store.verify(), 2);
    // A commit whose entry says something else than the commit itself.
    const git = (args: string[], input = "") =>
      execFileSync("git", ["--git-dir", store.directory, ...args], { input, encoding: "utf8" }).trim();
    const forged = git(["commit-tree", git(["rev-parse", "main^{tree}"]), "-p", "main~1", "-m", "nothing"]);
    git(["update-ref", "refs/heads/main", forged]);
    await assert.rejects(store.verify(), /is not what its entry says/);
  });

  it("finds any object that was damaged, lost or altered, of any revision", async () => {
    for (const harm of ["damaged", "lost", "altered"])
      for (const what of ["", "^{tree}", ":cluster.yaml", ":entry.json"]) {
        const store = await newStore();
        const [a = ""] = await chainOf(store, 3);
        const git = (...args: string[]) => execFileSync("git", ["--git-dir", store.directory, ...args]);
        const id = git("rev-parse", `${a}${what}`).toString().trim();
        const kind = git("cat-file", "-t", id).toString().trim();
        const content = git("cat-file", kind, id);
        const path = join(store.directory, "objects", id.slice(0, 2), id.slice(2));
        rmSync(path);
        if (harm === "damaged") writeFileSync(path, "nothing");
        // A whole object under the name of another; a length of its own, and the same files in a tree.
        const other =
          kind === "tree"
            ? Buffer.concat([content, Buffer.from("100644 zzz\0"), content.subarray(-20)])
            : Buffer.from(
                content.toString().replace("The beginning", "The end").replace("campus", "elsewhere"),
              );
        if (harm === "altered")
          writeFileSync(path, deflateSync(Buffer.concat([Buffer.from(`${kind} ${other.length}\0`), other])));
        await assert.rejects(
          store.verify(),
          (error) => error instanceof ProblemError && error.problem.code === "history-broken",
          `${harm} ${kind} ${what}`,
        );
      }
  });

  it("finds damage in what does not apply", async () => {
    const store = await newStore();
    const [a = ""] = await chainOf(store, 2);
    const other = await store.put(next(a, 2, "cluster: other\n"));
    assert.equal(await store.verify(), 2);
    rmSync(join(store.directory, "objects", other.slice(0, 2), other.slice(2)));
    await assert.rejects(store.verify(), ProblemError);
  });

  it("finds a revision that does not go on from one that is there", async () => {
    const store = await newStore();
    const [a = ""] = await chainOf(store, 1);
    await store.put(next(a, 3, "cluster: other\n"));
    await assert.rejects(store.verify(), /does not go on from/);
  });

  it("pauses after each revision, and knows the commit of any author and message", async () => {
    const store = await newStore();
    let parent: string | null = null;
    const authors = ["root@gw1", "Ana <ana@x> ; rm", "ü", "a.b,", "--x"];
    for (const [place, author] of authors.entries()) {
      const message = ["", "  one\n\n\ntwo  \n", "# no comment", "ä\r\nb", "Signed-off-by: x"][place] ?? "";
      const entry: RevisionEntry = {
        ...first,
        number: place + 1,
        parent,
        author,
        message,
        plan: ["- a", "b\n"],
      };
      parent = await store.put(entry);
      await store.advance(parent, entry.parent ?? undefined);
    }
    let pauses = 0;
    const pause = async () => {
      pauses++;
    };
    assert.equal(await store.verify(pause), authors.length);
    assert.equal(pauses, authors.length);
  });

  it("opens what is there already", async () => {
    const store = await newStore();
    const ids = await chainOf(store, 2);
    const again = await RevisionStore.open(store.directory);
    assert.equal(await again.head(), ids[1]);
  });
});
