import assert from "node:assert/strict";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RevisionStore } from "../../store/revision-store.ts";
import { HistoryCheck } from "./history-check.ts";

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-check-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("the history is read at the start and again each day: damage is told once, and that it was repaired", async () => {
  const store = await RevisionStore.open(join(folder, "config.git"));
  const id = await store.put({
    ...{ number: 1, parent: null, author: "root@gw1", at: "2026-11-26T04:00:00Z" },
    ...{ message: "The beginning", plan: [], text: "cluster: campus\n" },
  });
  await store.advance(id, undefined);
  const object = join(store.directory, "objects", id.slice(0, 2), id.slice(2));
  assert.ok(existsSync(object));
  const log: string[] = [];
  /** Ends the wait for the next day. */
  let wake = () => {};
  let waited = 0;
  let slept = Promise.withResolvers<void>();
  const check = new HistoryCheck({
    directory: store.directory,
    log: (level, text) => log.push(`${level}: ${text}`),
    sleep: async (ms) => {
      if (ms < 1_000) return;
      waited = ms;
      const day = Promise.withResolvers<void>();
      wake = day.resolve;
      slept.resolve();
      await day.promise;
    },
  });
  const problem = () => check.state?.problem;
  const nextLook = async () => {
    slept = Promise.withResolvers();
    wake();
    await slept.promise;
    return problem();
  };
  assert.equal(problem(), undefined);
  void check.watch(store);
  await slept.promise;
  assert.equal(problem(), null);
  assert.equal(waited, 86_400_000);
  assert.deepEqual(log, ["info: the stored history was read: 1 revisions, and each is what it was"]);
  renameSync(object, `${object}.away`);
  assert.match((await nextLook()) ?? "", /is not whole/);
  assert.equal(waited, 600_000);
  assert.match((await nextLook()) ?? "", /is not whole/);
  assert.equal(log.length, 2);
  assert.match(log[1] ?? "", /^error: the stored history is damaged: .* is not whole$/);
  renameSync(`${object}.away`, object);
  assert.equal(await nextLook(), null);
  assert.equal(log.length, 3);
});
