/** A document is changed on a running cluster: on all nodes or on none, with a way back and one history. Needs root. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ProblemError } from "../../src/base/problem.ts";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ConfigState } from "../../src/contract/config-operations.ts";
import type { ClusterStatus } from "../../src/contract/status.ts";
import { controlSocket, documentPath, nodeFolder } from "../../src/lab/lab-folder.ts";
import { cut, mend, powerOff, powerOn } from "../../src/lab/node-power.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";

const CONNECTIONS = 40;
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const changed = join(tmpdir(), `tocha-change-${process.pid}.yaml`);
/** A `wall` that writes down what it is to say, in place of that of the machine. */
const wallFolder = mkdtempSync(join(tmpdir(), "tocha-wall-"));

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  writeFileSync(join(wallFolder, "wall"), `#!/bin/sh\nexec cat >> ${wallFolder}/said\n`, { mode: 0o755 });
  process.env["PATH"] = `${wallFolder}:${process.env["PATH"] ?? ""}`;
  lab = await TestLab.up("nc");
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
  rmSync(changed, { force: true });
  rmSync(wallFolder, { recursive: true });
});

/** What people at the terminals of all nodes were told. */
function saidOnTerminals(): string {
  const said = join(wallFolder, "said");
  return existsSync(said) ? readFileSync(said, "utf8") : "";
}

/** What status says of a change that was taken back. */
function takenBack(seen: ClusterStatus | undefined): string[] {
  const { problems = [] } = seen ?? {};
  return problems.flatMap(({ code, message }) => (code === "change-taken-back" ? [message] : []));
}

/** `tocha config …`, asked of this node. */
function config(asked: string, ...args: readonly string[]) {
  const socket = ["--socket", controlSocket(lab.name, asked)];
  const { status, stdout, stderr } = spawnSync(launcher, ["config", ...args, ...socket], {
    encoding: "utf8",
  });
  return { status, out: stdout, err: stderr };
}

async function state(node: string): Promise<ConfigState> {
  return await new ControlClient(controlSocket(lab.name, node)).ask("config.state");
}

async function textOf(node: string): Promise<string> {
  return (await new ControlClient(controlSocket(lab.name, node)).ask("config")).text;
}

/** Writes the document that applies on a node, changed, to a file. */
async function write(node: string, change: (text: string) => string): Promise<string> {
  const before = await textOf(node);
  const text = change(before);
  assert.notEqual(text, before);
  writeFileSync(changed, text);
  return text;
}

let networks = 0;

/** One more source rule, before all others, for a network of its own. */
function withRule(id: string): (text: string) => string {
  const rule = `    - { id: ${id}, from: 198.18.${++networks}.0/24, out: wan, to: masquerade }\n`;
  return (text) => text.replace("  source:\n", `  source:\n${rule}`);
}

function rules(node: string): string {
  const words = [
    "netns",
    "exec",
    lab.namespace(node),
    "nft",
    "list",
    "chain",
    "inet",
    "tocha",
    "translate-source",
  ];
  return execFileSync("ip", words, { encoding: "utf8" });
}

function revisions(node: string): string[] {
  const repository = join(nodeFolder(lab.name, node), "state", "config.git");
  if (!existsSync(repository)) return [];
  const git = (...args: string[]) =>
    execFileSync("git", ["--git-dir", repository, ...args], { encoding: "utf8" }).trim();
  git("fsck", "--strict");
  return git("log", "--format=%H").split("\n");
}

async function numberOn(node: string): Promise<number | undefined> {
  try {
    return (await state(node)).head?.number;
  } catch {
    return undefined;
  }
}

async function pids(node: string): Promise<readonly (readonly [string, number])[]> {
  return (await lab.status(node)).processes.map(({ role, pid }) => [role, pid] as const);
}

test("a rule is changed on both nodes, by one command, and nothing else is touched", async () => {
  const before = [await pids("gw1"), await pids("gw2")];
  const text = await write("gw1", withRule("first"));
  const { status, out, err } = config("gw1", "apply", changed, "-m", "the first change");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^revision 2 is made on gw1, gw2; without a confirmation it is taken back in 60 s\.$/m);
  assert.match(out, /^ok {2}revision 2 applies\.$/m);
  for (const node of ["gw1", "gw2"]) {
    assert.match(rules(node), /198\.18\.1\.0\/24 .*masquerade.*comment "first"/);
    assert.equal(await textOf(node), text);
  }
  assert.equal(readFileSync(documentPath(lab.name), "utf8"), text);
  assert.deepEqual([await pids("gw1"), await pids("gw2")], before);
  for (const node of ["gw1", "gw2"]) {
    const seen = await lab.waitUntilSeen(node, "all well", ({ verdict }) => verdict === "ok");
    assert.equal(seen.activeNode, "gw1");
  }
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("both nodes have the same history, with who and why", async () => {
  assert.equal(revisions("gw1").length, 2);
  assert.deepEqual(revisions("gw1"), revisions("gw2"));
  const { status, out } = config("gw2", "history");
  assert.equal(status, 0);
  assert.match(out, /^ +2 {2}\S+Z {2}\S+@\S+ {2}the first change$/m);
  assert.match(out, /^ +1 {2}.* {2}The document before the first change$/m);
  assert.doesNotMatch(config("gw2", "show", "1").out, /id: first/);
});

test("a change that a node cannot take is made on none", async () => {
  await write("gw1", (text) =>
    text.replace("wan: { device: wan, addresses", "wan: { device: nowhere, addresses"),
  );
  const before = rules("gw1");
  const { status, err } = config("gw2", "apply", changed);
  assert.equal(status, 1);
  assert.match(err, /gw1.*has no device nowhere; nothing has changed/);
  for (const node of ["gw1", "gw2"]) {
    assert.equal(await numberOn(node), 2);
    assert.equal((await state(node)).change, null);
  }
  assert.equal(rules("gw1"), before);
});

test("a document that is wrong in several ways is told of in all of them, by the node too", async () => {
  const wrong = (await textOf("gw1"))
    .replace("virtualRouterId: ", "virtualRouterId: 999 # ")
    .replace("nat:\n", "natt: {}\nnat:\n");
  for (const [operation, body] of [
    ["config.plan", { text: wrong }],
    ["config.apply", { text: wrong, message: "" }],
  ] as const) {
    const asked = new ControlClient(controlSocket(lab.name, "gw1")).ask(operation, { body });
    const refusal = await asked.then(
      () => assert.fail("it was taken"),
      (error: unknown) => error,
    );
    assert.ok(refusal instanceof ProblemError);
    const { problems = [], code } = refusal.problem;
    assert.deepEqual(problems.map((one) => one.code).sort(), ["out-of-range", "unknown-key"]);
    assert.equal(problems[0]?.code, code);
    for (const { line = 0, column = 0, path, file } of problems)
      assert.ok(line > 1 && column > 0 && path !== undefined && file === undefined, operation);
  }
});

test("what nobody confirms is taken back, and everybody is told", async () => {
  await write("gw1", withRule("hasty"));
  const { status, out } = config("gw2", "apply", changed, "--no-confirm", "--confirm-within", "5");
  assert.equal(status, 0);
  assert.match(out, /Keep it: tocha config confirm/);
  assert.match(rules("gw1"), /hasty/);
  const seen = await lab.seenBy("gw1");
  assert.match(
    seen?.problems.find(({ code }) => code === "change-unconfirmed")?.message ?? "",
    /^revision 3 of /,
  );
  await waitFor("the rule to go", () => !/hasty/.test(rules("gw1")) && !/hasty/.test(rules("gw2")), {
    limitMs: 30_000,
  });
  // Each takes it back by itself, and each tells of both.
  for (const node of ["gw1", "gw2"])
    await waitFor(`${node} to be settled`, async () => (await state(node)).change === null);
  for (const node of ["gw1", "gw2"]) {
    assert.equal(await numberOn(node), 2);
    await waitFor(`the log of ${node}`, () =>
      /revision 3 of .* was taken back: nobody confirmed it in time/.test(lab.log(node)),
    );
    await waitFor(`the terminals of ${node}`, () =>
      new RegExp(`node ${node}: revision 3 of \\S+ was taken back: nobody confirmed it in time\n`).test(
        saidOnTerminals(),
      ),
    );
    const audit = await new ControlClient(controlSocket(lab.name, node)).ask("audit.list");
    assert.deepEqual(
      audit.entries.flatMap(({ operation, who, what }) =>
        operation === "config.taken-back" ? [[who, what["number"], what["why"]]] : [],
      ),
      [[node, 3, "nobody confirmed it in time"]],
    );
    const [message = "", ...others] = takenBack(await lab.wholeViewOf(node));
    assert.match(message, /^revision 3 of \S+ was taken back on gw1 and gw2 at \S+Z: nobody confirmed it/);
    assert.deepEqual(others, []);
    assert.match(config(node, "state").out, /Revision 3 of .* was taken back at /);
  }
  // It asks for no repair.
  assert.equal((await lab.waitUntilWell()).verdict, "ok");
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("it can be taken back at once, and kept by hand, on any node", async () => {
  await write("gw1", withRule("second"));
  assert.equal(config("gw1", "apply", changed, "--no-confirm").status, 0);
  assert.match(config("gw2", "apply", changed).err, /not confirmed yet/);
  assert.deepEqual(config("gw2", "revert"), { status: 0, out: "ok  revision 3 was taken back.\n", err: "" });
  assert.doesNotMatch(rules("gw1") + rules("gw2"), /second/);
  assert.equal(config("gw1", "apply", changed, "--no-confirm").status, 0);
  assert.equal(config("gw2", "confirm").status, 0);
  for (const node of ["gw1", "gw2"]) {
    assert.match(rules(node), /second/);
    assert.equal(await numberOn(node), 3);
    // Another change applies: what was taken back before is no news any more.
    assert.deepEqual(takenBack(await lab.wholeViewOf(node)), []);
  }
  assert.deepEqual(revisions("gw1"), revisions("gw2"));
});

test("a rollback is a new revision with the old document", async () => {
  const { status, out } = config("gw2", "rollback", "2");
  assert.equal(status, 0, out);
  assert.doesNotMatch(rules("gw1") + rules("gw2"), /second/);
  assert.match(config("gw1", "history").out, /^ +4 .* {2}Back to revision 2$/m);
});

test("a node that loses power with a change unconfirmed starts with what was before, and catches up", async () => {
  await write("gw1", withRule("third"));
  assert.equal(config("gw1", "apply", changed, "--no-confirm", "--confirm-within", "60").status, 0);
  await powerOff(lab.name, "gw2");
  assert.equal(config("gw1", "confirm").status, 0);
  await powerOn(lab.name, "gw2");
  await waitFor("gw2 to catch up", async () => (await numberOn("gw2")) === 5, { limitMs: 60_000 });
  assert.match(lab.log("gw2"), /was not confirmed before this node ended: it is taken back/);
  await waitFor("gw2 to have the rule", () => /third/.test(rules("gw2")), { limitMs: 30_000 });
  assert.deepEqual(revisions("gw1"), revisions("gw2"));
  await lab.waitUntilWell();
});

test("a node that finds at its start that it must go back says so on terminals and in its status", async () => {
  await write("gw1", withRule("lost"));
  assert.equal(config("gw1", "apply", changed, "--no-confirm", "--confirm-within", "600").status, 0);
  await powerOff(lab.name, "gw2");
  await powerOn(lab.name, "gw2");
  const why = "it was not confirmed before this node ended";
  const told = await waitFor("gw2 to tell", async () => takenBack(await lab.seenBy("gw2"))[0], {
    limitMs: 60_000,
  });
  assert.match(told, new RegExp(`^revision 6 of .* on gw2 at .*: ${why}$`));
  await waitFor("the terminals of gw2", () =>
    new RegExp(`node gw2: revision 6 of \\S+ was taken back: ${why}\n`).test(saidOnTerminals()),
  );
  assert.equal(config("gw1", "revert").status, 0);
  await lab.waitUntilWell();
});

test("a node that was away catches up before it takes part", async () => {
  await powerOff(lab.name, "gw2");
  await write("gw1", withRule("fourth"));
  const { status, out } = config("gw1", "apply", changed);
  assert.equal(status, 0);
  assert.match(out, /gw2 did not answer, and follows when it is back/);
  await powerOn(lab.name, "gw2");
  await lab.waitUntilWell();
  assert.equal(await numberOn("gw2"), 6);
  assert.match(rules("gw2"), /fourth/);
  // Of this start; the lines are in the order in which these things happened.
  const all = lab.log("gw2");
  const log = all.slice(all.lastIndexOf("supervisor info: tocha "));
  const [caughtUp, tookPart] = ["caught up with gw1: revision 6 of ", "init -> standby"].map((text) =>
    log.indexOf(text),
  );
  assert.ok(caughtUp !== undefined && tookPart !== undefined && caughtUp !== -1 && caughtUp < tookPart, log);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a virtual address more: roles start again one after the other, and no connection is lost", async () => {
  const addressOn = (node: string) =>
    execFileSync("ip", ["-n", lab.namespace(node), "-brief", "address"], { encoding: "utf8" });
  await write("gw1", (text) => text.replace('"192.0.2.1/24"', '"192.0.2.1/24", "192.0.2.77/24"'));
  const { status, err } = config("gw1", "apply", changed, "-m", "one more address");
  assert.deepEqual([status, err], [0, ""]);
  const { activeNode } = await lab.waitUntilWell();
  assert.match(addressOn(activeNode ?? ""), /192\.0\.2\.77/);
  for (const node of ["gw1", "gw2"]) assert.equal(await numberOn(node), 7);
  await assertAllGoOn(lab, streams, CONNECTIONS);
});

test("a remote repository gets every revision; one that cannot be reached is told of", async () => {
  const remote = mkdtempSync(join(tmpdir(), "tocha-remote-"));
  try {
    execFileSync("git", ["init", "--quiet", "--bare", remote]);
    const sent = () =>
      spawnSync("git", ["--git-dir", remote, "rev-parse", "main"], { encoding: "utf8" }).stdout.trim();
    await write("gw1", (text) => `${text}history: { remote: ${remote} }\n`);
    assert.equal(config("gw1", "apply", changed).status, 0);
    await waitFor("the history to be sent", () => sent() === revisions("gw1")[0], { limitMs: 30_000 });
    await write("gw1", (text) => text.replace(remote, `${remote}-not-there`));
    assert.equal(config("gw1", "apply", changed).status, 0);
    await waitFor(
      "the failure to be told",
      async () => (await lab.seenBy("gw2"))?.problems.some(({ code }) => code === "history-remote") === true,
      { limitMs: 30_000 },
    );
    await write("gw1", (text) => text.replace(/history: .*\n/, ""));
    assert.equal(config("gw1", "apply", changed).status, 0);
    await waitFor("it to be over", async () => (await lab.seenBy("gw1"))?.verdict === "ok", {
      limitMs: 30_000,
    });
  } finally {
    rmSync(remote, { recursive: true, force: true });
  }
});

test("both sides of a partition are changed: nothing is merged, and one is chosen", async () => {
  await cut(lab.name, "gw2-sync");
  await write("gw1", withRule("left"));
  assert.equal(config("gw1", "apply", changed).status, 0);
  await write("gw2", withRule("right"));
  assert.equal(config("gw2", "apply", changed).status, 0);
  await mend(lab.name, "gw2-sync");
  await waitFor(
    "both to see it",
    async () => (await state("gw1")).diverged.length + (await state("gw2")).diverged.length === 2,
    { limitMs: 60_000 },
  );
  const seen = await lab.seenBy("gw1");
  assert.ok(seen?.problems.some(({ code }) => code === "config-went-apart"));
  assert.match(rules("gw1"), /left/);
  assert.match(rules("gw2"), /right/);
  const [mine = "", theirs = ""] = [revisions("gw1")[0], revisions("gw2")[0]];
  assert.match(config("gw1", "apply", changed).err, /went apart[\s\S]*tocha config diff --other gw/);
  // The user sees both, on either side, before anything is chosen.
  for (const [asked, other, lost, won] of [
    ["gw1", "gw2", "left", "right"],
    ["gw2", "gw1", "right", "left"],
  ] as const) {
    const { status, out } = config(asked, "diff", "--other", other);
    assert.equal(status, 1);
    assert.match(out, new RegExp(`^-.*id: ${lost}[\\s\\S]*^\\+.*id: ${won}`, "m"));
    const told = config(asked, "state").out;
    assert.match(told, new RegExp(`${other} went apart.*${other === "gw2" ? theirs : mine}`));
  }
  const { status, out, err } = config("gw1", "choose", "gw2");
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^gw1 has revision \d+ of /);
  assert.match(
    out,
    /rule left is removed[\s\S]*^-.*id: left[\s\S]*^\+.*id: right[\s\S]*^ok {2}revision \d+ of gw2/m,
  );
  assert.doesNotMatch(out, /^gw2 has /m);
  for (const node of ["gw1", "gw2"]) {
    await waitFor(
      `${node} to have what was chosen`,
      () => /right/.test(rules(node)) && !/left/.test(rules(node)),
    );
    assert.deepEqual(revisions(node)[0], theirs);
  }
  // What was not chosen is not gone.
  assert.match(config("gw1", "show", mine).out, /id: left/);
  await waitFor("all to be well", async () => (await lab.seenBy("gw1"))?.verdict === "ok", {
    limitMs: 30_000,
  });
});
