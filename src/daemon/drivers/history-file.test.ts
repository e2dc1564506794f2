import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { takeoverEntry } from "../../contract/failover-history.test-data.ts";
import { HistoryFile } from "./history-file.ts";

let folder = "";
const errors: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tocha-history-"));
  errors.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

const { id: _, ...entry } = takeoverEntry();
const open = (rest = {}) =>
  new HistoryFile({ directory: folder, node: "gw2", onError: (text) => errors.push(text), ...rest });
const path = () => join(folder, "failover-history.jsonl");
const idsOf = (file: HistoryFile) => file.read().map(({ id }) => id);

describe("HistoryFile", () => {
  it("numbers entries, and goes on after a restart", () => {
    const file = open();
    assert.deepEqual([file.add(entry).id, file.add(entry).id], ["gw2-1", "gw2-2"]);
    file.addStamp({ id: "gw2-2", what: "first-packet", path: "wan", atUs: 5_000 });
    const again = open();
    assert.equal(again.add(entry).id, "gw2-3");
    assert.deepEqual(idsOf(again), ["gw2-1", "gw2-2", "gw2-3"]);
    assert.equal(again.read()[1]?.stamps.at(-1)?.atUs, 5_000);
  });

  it("drops a torn last line, and writes the next one behind it", () => {
    open().add(entry);
    appendFileSync(path(), '{"entry":{"id":"gw2-2","no');
    const file = open();
    assert.deepEqual(idsOf(file), ["gw2-1"]);
    file.add(entry);
    assert.deepEqual(idsOf(open()), ["gw2-1", "gw2-2"]);
  });

  it("keeps two files of bounded lines, and their numbers go on", () => {
    const file = open({ fileLinesMax: 3 });
    for (let i = 0; i < 10; i++) file.add(entry);
    assert.deepEqual(idsOf(file), ["gw2-7", "gw2-8", "gw2-9", "gw2-10"]);
    assert.equal(readdirSync(folder).length, 2);
    assert.equal(open({ fileLinesMax: 3 }).add(entry).id, "gw2-11");
  });

  it("keeps two files of bounded bytes", () => {
    const file = open({ fileBytesMax: 5_000 });
    for (let i = 0; i < 20; i++) file.add(entry);
    for (const name of readdirSync(folder)) assert.ok(statSync(join(folder, name)).size <= 5_000);
    assert.equal(idsOf(file).at(-1), "gw2-20");
  });

  it("does not read what cannot be its own", () => {
    writeFileSync(path(), "x".repeat(3_000));
    assert.deepEqual(idsOf(open({ fileBytesMax: 1_000 })), []);
  });

  it("says once that nothing can be written, remembers in memory, and is bounded there too", () => {
    const notFolder = join(folder, "file");
    writeFileSync(notFolder, "");
    const file = open({ directory: join(notFolder, "state") });
    for (let i = 0; i < 60; i++) file.add(entry);
    file.addStamp({ id: "gw2-60", what: "first-packet", path: "wan", atUs: 5_000 });
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? "", /cannot write .*failover-history\.jsonl: ENOTDIR/);
    assert.equal(file.read().length, 50);
    assert.equal(file.read().at(-1)?.stamps.at(-1)?.atUs, 5_000);
  });

  it("is for its owner's eyes", () => {
    open().add(entry);
    assert.equal(statSync(path()).mode & 0o777, 0o600);
    assert.ok(readFileSync(path(), "utf8").endsWith("}\n"));
  });
});
