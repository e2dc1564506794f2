import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ResumeFile, readPlaces } from "./resume-file.ts";

const folder = mkdtempSync(join(tmpdir(), "tocha-resume-"));
const path = join(folder, "resume.json");
const HOUR_MS = 3_600_000;
const place = { session: 77, position: 1_234, groups: 1 };

after(() => rmSync(folder, { recursive: true }));

const open = (at = path, onError: (text: string) => void = assert.fail) => new ResumeFile(at, onError);

/** Written a moment later, as always. @returns the text */
async function writtenFile(): Promise<string> {
  rmSync(path, { force: true });
  open().set("gw1", place);
  while (!existsSync(path)) await sleep(50);
  return readFileSync(path, "utf8");
}

test("a place that was written is there after a restart, and worth nothing when it is old", async () => {
  await writtenFile();
  assert.deepEqual(open().get("gw1", HOUR_MS), place);
  assert.equal(open().get("gw2", HOUR_MS), undefined);
  await sleep(5);
  assert.equal(open().get("gw1", 1), undefined);
});

test("a place that is forgotten is not there after a restart, however soon that is", async () => {
  await writtenFile();
  const file = open();
  file.set("gw2", place);
  file.forget(["gw1", "gw3"]);
  const after = open();
  assert.deepEqual([after.get("gw1", HOUR_MS), after.get("gw2", HOUR_MS)], [undefined, place]);
});

test("in a full folder the new file takes the room of the old one: what was forgotten is not there after a restart", (context) => {
  const full = join(folder, "full");
  mkdirSync(full);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tocha-resume", full]);
  context.after(() => execFileSync("umount", [full]));
  const inFull = join(full, "resume.json");
  const file = open(inFull);
  for (const peer of ["gw1", "gw2"]) file.set(peer, place);
  assert.throws(() => {
    for (;;) appendFileSync(join(full, "filler"), "x".repeat(1_024));
  }, /ENOSPC/);
  file.forget(["gw1"]);
  const after = open(inFull);
  assert.deepEqual([after.get("gw1", HOUR_MS), after.get("gw2", HOUR_MS)], [undefined, place]);
});

test("where nothing can be written no file stays, and that is told once each time that it begins", () => {
  const told: string[] = [];
  const refused = join(folder, "refused.json");
  const file = open(refused, (text) => told.push(text));
  for (let times = 1; times <= 2; times++) {
    for (const peer of ["gw1", "gw2", "gw3"]) file.set(peer, place);
    assert.ok(existsSync(refused));
    symlinkSync("/dev/full", `${refused}.new`);
    file.forget(["gw1"]);
    assert.ok(!existsSync(refused));
    file.forget(["gw2"]);
    assert.equal(told.length, times);
    assert.match(told.at(-1) ?? "", /^cannot write .*refused\.json: ENOSPC/);
    assert.equal(open(refused).get("gw3", HOUR_MS), undefined);
    rmSync(`${refused}.new`);
  }
});

test("a file that is cut short, not ours, or of another kernel holds no place", async () => {
  const text = await writtenFile();
  const { kernel } = JSON.parse(text) as { kernel: string };
  const at = { ...place, atMs: 0 };
  assert.deepEqual(
    readPlaces(JSON.stringify({ kernel, places: [["gw1", at]] }), kernel),
    new Map([["gw1", at]]),
  );
  const bad = [
    ...Array.from(text, (_, length) => text.slice(0, length)),
    JSON.stringify({ kernel: "another", places: [["gw1", at]] }),
    ...[5, null, [5], [["gw1"]], [["gw1", null]], { gw1: at }].map((places) =>
      JSON.stringify({ kernel, places }),
    ),
    ...[-1, 0.5, 2 ** 60, "7", null].flatMap((number) =>
      [{ position: number }, { groups: number }].map((wrong) =>
        JSON.stringify({ kernel, places: [["gw1", { ...at, ...wrong }]] }),
      ),
    ),
  ];
  for (const one of bad) {
    assert.equal(readPlaces(one, kernel).size, 0, one);
    writeFileSync(path, one);
    assert.equal(open().get("gw1", Number.MAX_VALUE), undefined, one);
  }
});
