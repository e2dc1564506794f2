/**
 * The history of the document on running nodes: who was away takes what it has missed before it takes part, what a disk has
 * damaged is told, and a repository elsewhere gets both sides of a partition. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ConfigState } from "../../src/contract/config-operations.ts";
import { controlSocket, nodeFolder } from "../../src/lab/lab-folder.ts";
import { cut, mend, powerOff, powerOn } from "../../src/lab/node-power.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { RevisionStore } from "../../src/store/revision-store.ts";
import { TestLab } from "./daemon-node.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const changed = join(tmpdir(), `tocha-history-${process.pid}.yaml`);
const remote = mkdtempSync(join(tmpdir(), "tocha-remote-"));

let lab: TestLab;

before(async () => {
  lab = await TestLab.up("ch");
  await lab.waitUntilWellOn("gw1");
  await apply("gw1", (text) => `${text}# the first change\n`);
  await lab.waitUntilWell();
});

after(async () => {
  await lab?.down();
  rmSync(changed, { force: true });
  rmSync(remote, { recursive: true });
});

const client = (node: string) => new ControlClient(controlSocket(lab.name, node), { timeoutMs: 120_000 });
const state = async (node: string): Promise<ConfigState> => await client(node).ask("config.state");
const repository = (node: string) => join(nodeFolder(lab.name, node), "state", "config.git");

function git(directory: string, ...args: readonly string[]): string {
  return execFileSync("git", ["--git-dir", directory, ...args], { encoding: "utf8" }).trim();
}

/** Applies the document of a node, changed, there. @returns the id of the revision */
async function apply(node: string, change: (text: string) => string): Promise<string> {
  const { text } = await client(node).ask("config");
  writeFileSync(changed, change(text));
  const words = ["config", "apply", changed, "--socket", controlSocket(lab.name, node)];
  const { status, stdout, stderr } = spawnSync(launcher, words, { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
  return (await state(node)).head?.id ?? "";
}

async function problemsOf(
  asked: string,
): Promise<{ node?: string | undefined; code: string; hint: string }[]> {
  return (await lab.seenBy(asked))?.problems ?? [];
}

/** What a node has said since it was started last. */
function logSinceStart(node: string): string {
  return (
    lab
      .log(node)
      .split(/^(?=.* supervisor info: tocha )/m)
      .at(-1) ?? ""
  );
}

/** It took part only after it had what it had missed: the log has the lines in the order in which these things happened. */
function assertCaughtUpFirst(node: string, number: number): void {
  const log = logSinceStart(node);
  const caughtUp = log.indexOf(`caught up with gw1: revision ${number} of `);
  const tookPart = log.indexOf("init -> standby");
  assert.ok(caughtUp !== -1 && tookPart !== -1 && caughtUp < tookPart, log);
}

test("a node waits for one that answers late before it takes part", async () => {
  await powerOff(lab.name, "gw2");
  const id = await apply("gw1", (text) => `${text}# while gw2 was away\n`);
  const { pid } = await lab.processOf("gw1", "control");
  // The kernel of gw1 takes connections; nobody answers.
  process.kill(pid, "SIGSTOP");
  try {
    await powerOn(lab.name, "gw2");
    const asked = [
      "netns",
      "exec",
      lab.namespace("gw1"),
      "ss",
      "-Htn",
      "state",
      "established",
      "sport",
      "= :7846",
    ];
    await waitFor("gw2 to ask", async () => (await runCommand("ip", asked)).includes("10.255.0.2"), {
      explain: () => lab.log("gw2"),
    });
    // Longer than one waits for a machine that is away.
    await letTimePass(1_500);
    assert.doesNotMatch(logSinceStart("gw2"), /init -> standby/);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await lab.waitUntilWell();
  assert.equal((await state("gw2")).head?.id, id);
  assertCaughtUpFirst("gw2", 3);
});

test("whoever missed a hundred revisions makes the last one alone", async () => {
  await powerOff(lab.name, "gw2");
  await powerOff(lab.name, "gw1");
  const store = await RevisionStore.open(repository("gw1"));
  let parent = (await store.head()) ?? "";
  let { number, text } = await store.revision(parent);
  for (let count = 0; count < 100; count++) {
    text = `${text.replace(/# count.*\n/, "")}# count ${count}\n`;
    number++;
    const entry = {
      number,
      parent,
      author: "root@gw1",
      at: "2026-11-26T04:00:00Z",
      message: "",
      plan: [],
      text,
    };
    const id = await store.put(entry);
    await store.advance(id, parent);
    parent = id;
  }
  writeFileSync(join(nodeFolder(lab.name, "gw1"), "state", "document.yaml"), text);
  await powerOn(lab.name, "gw1");
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  await powerOn(lab.name, "gw2");
  await lab.waitUntilWell();
  assert.equal((await state("gw2")).head?.id, parent);
  assert.equal((await client("gw2").ask("config")).text, text);
  assert.equal(logSinceStart("gw2").match(/caught up with/g)?.length, 1, lab.log("gw2"));
  assertCaughtUpFirst("gw2", number);
});

test("a node that cannot take the newest revision is out of sync, and says what helps", async () => {
  await cut(lab.name, "gw2-sync");
  // gw2 has no such device.
  await apply("gw1", (text) => text.replace(/( {2}gw2:\n(?:.*\n)*?.*lan: \{ device: )lan,/, "$1nowhere,"));
  await mend(lab.name, "gw2-sync");
  for (const asked of ["gw1", "gw2"]) {
    const problem = await waitFor(
      `${asked} to say that gw2 is out of sync`,
      async () => (await problemsOf(asked)).find(({ code }) => code === "out-of-sync"),
      { limitMs: 30_000, explain: () => lab.log("gw2") },
    );
    assert.equal(problem.node, "gw2");
    assert.match(problem.hint, /catches up by itself.*its log says why/);
    assert.ok(!(await problemsOf(asked)).some(({ code }) => code === "revision-differs"));
  }
  await waitFor("the log of gw2 to say why", () =>
    /cannot catch up with gw1: .*nowhere/.test(lab.log("gw2")),
  );
  await apply("gw1", (text) => text.replace("device: nowhere,", "device: lan,"));
  await lab.waitUntilWell();
  assert.equal((await state("gw2")).head?.id, (await state("gw1")).head?.id);
});

test("a repository elsewhere gets both sides of a partition, and what was chosen becomes its main", async () => {
  execFileSync("git", ["init", "--quiet", "--bare", remote]);
  const main = () =>
    spawnSync("git", ["--git-dir", remote, "rev-parse", "main"], { encoding: "utf8" }).stdout.trim();
  const holds = (id: string) =>
    git(remote, "for-each-ref", "--format=%(objectname)", "refs/tocha/revisions/").split("\n").includes(id);
  const common = await apply("gw1", (text) => `${text}history: { remote: ${remote} }\n`);
  await waitFor("the history to be sent", () => main() === common, { limitMs: 30_000 });
  await cut(lab.name, "gw2-sync");
  const left = await apply("gw1", (text) => `${text}# left\n`);
  const right = await apply("gw2", (text) => `${text}# right\n`);
  await waitFor("both sides to be there", () => holds(left) && holds(right), { limitMs: 90_000 });
  await mend(lab.name, "gw2-sync");
  await waitFor(
    "both to see it",
    async () => (await state("gw1")).diverged.length + (await state("gw2")).diverged.length === 2,
    { limitMs: 60_000 },
  );
  const before = main();
  assert.ok([left, right].includes(before));
  const chosen = before === left ? right : left;
  await client("gw1").ask("config.choose", { body: { node: chosen === left ? "gw1" : "gw2" } });
  await waitFor("main to be what was chosen", () => main() === chosen, {
    limitMs: 90_000,
    explain: () => `${lab.log("gw1")}\n${lab.log("gw2")}`,
  });
  assert.ok(holds(before), "what was not chosen has its name");
  await lab.waitUntilWell();
  const next = await apply("gw1", (text) => `${text}# and on\n`);
  await waitFor("the next revision to be sent", () => main() === next, { limitMs: 90_000 });
  assert.equal((await state("gw1")).remote?.problem, null);
});

for (const what of ["an old revision", "the one that applies"])
  test(`${what} is damaged on a disk: status and doctor say so, and the history is taken from the other node`, async () => {
    const { head } = await state("gw2");
    const victim =
      what === "an old revision" ? git(repository("gw2"), "rev-parse", "main~3") : (head?.id ?? "");
    await powerOff(lab.name, "gw2");
    const object = join(repository("gw2"), "objects", victim.slice(0, 2), victim.slice(2));
    assert.ok(existsSync(object));
    rmSync(object);
    writeFileSync(object, "nothing");
    await powerOn(lab.name, "gw2");
    const problem = await waitFor(
      "status to say it",
      async () => (await problemsOf("gw1")).find(({ code }) => code === "history-broken"),
      { limitMs: 60_000, explain: () => lab.log("gw2") },
    );
    assert.equal(problem.node, "gw2");
    assert.match(problem.hint, /systemctl stop tocha@gw2; mv \S+config\.git /);
    const { findings } = await client("gw1").ask("doctor");
    const found = findings.find(({ code }) => code === "history-broken");
    assert.equal(found?.node, "gw2");
    // It serves all the same.
    await lab.waitForNode(
      "gw2",
      "standby",
      ({ role, replication }) => role === "standby" && replication.complete,
    );
    await powerOff(lab.name, "gw2");
    renameSync(repository("gw2"), `${repository("gw2")}.${victim}`);
    await powerOn(lab.name, "gw2");
    await lab.waitUntilWell();
    assert.equal((await state("gw2")).head?.id, head?.id);
    git(repository("gw2"), "fsck", "--strict");
    await waitFor("the history to be read", async () => (await state("gw2")).history?.problem === null, {
      limitMs: 60_000,
    });
  });
