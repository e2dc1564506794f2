/** The control process is killed when it has done what was asked for and before anybody has its answer. Needs root. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ConfigState } from "../../src/contract/config-operations.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tocha-unanswered-"));
const changed = join(folder, "changed.yaml");
const asked = join(folder, "asked.sock");

let lab: TestLab;
let proxy: Server;
/** The request whose answer nobody gets, by its first line; and when the process is killed. */
let fatal: { readonly begins: string; readonly when: "answered" | "made" } | undefined;
let kills = 0;

before(async () => {
  lab = await TestLab.up("nu");
  await lab.waitUntilWellOn("gw1");
  proxy = createServer({ allowHalfOpen: true }, (client) => {
    const node = connect({ path: controlSocket(lab.name, "gw1"), allowHalfOpen: true });
    const end = () => {
      client.destroy();
      node.destroy();
    };
    let isFatal = false;
    client.once("data", (bytes: Buffer) => {
      isFatal = fatal !== undefined && bytes.toString("latin1").startsWith(fatal.begins);
      if (isFatal && fatal?.when === "made") void whenMade().then(killControl).then(end);
    });
    client.on("data", (bytes: Buffer) => node.write(bytes));
    node.on("data", (bytes: Buffer) => {
      if (isFatal) void killControl().then(end);
      else client.write(bytes);
    });
    client.on("end", () => node.end());
    node.on("end", () => client.end());
    for (const socket of [client, node]) socket.on("error", end).on("close", end);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  proxy.listen(asked, resolve);
  await promise;
});

after(async () => {
  proxy?.close();
  await lab?.down();
  rmSync(folder, { recursive: true });
});

/** Once for each fatal request. */
async function killControl(): Promise<void> {
  if (fatal === undefined) return;
  fatal = undefined;
  // Asked of the other node's view would be too late: the process is known by its title.
  const pid = controlPid;
  assert.ok(pid > 0);
  process.kill(pid, "SIGKILL");
  kills++;
}

let controlPid = 0;

async function arm(begins: string, when: "answered" | "made" = "answered"): Promise<void> {
  const { processes } = await lab.status("gw1");
  controlPid = processes.find(({ role }) => role === "control")?.pid ?? 0;
  fatal = { begins, when };
}

/** Until the other node has made the change, which happens before this one does. */
async function whenMade(): Promise<void> {
  await waitFor("the change on gw2", async () => (await state("gw2"))?.change?.phase === "made");
}

async function state(node: string): Promise<ConfigState | undefined> {
  try {
    return await new ControlClient(controlSocket(lab.name, node)).ask("config.state");
  } catch {
    return undefined;
  }
}

function tocha(...words: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; out: string; err: string }>();
  execFile(launcher, [...words, "--socket", asked], { encoding: "utf8" }, (error, out, err) => {
    resolve({ status: error === null ? 0 : Number(error.code), out, err });
  });
  return promise;
}

function hasRule(node: string, id: string): boolean {
  const words = ["netns", "exec", lab.namespace(node), "nft", "list", "table", "inet", "tocha"];
  return execFileSync("ip", words, { encoding: "utf8" }).includes(`"${id}"`);
}

let networks = 0;

async function writeRule(id: string): Promise<void> {
  const { text } = await new ControlClient(controlSocket(lab.name, "gw2")).ask("config");
  const rule = `    - { id: ${id}, from: 198.19.${++networks}.0/24, out: wan, to: masquerade }\n`;
  writeFileSync(changed, text.replace("  source:\n", `  source:\n${rule}`));
}

/** Both nodes have settled on one revision. */
async function settledNumber(): Promise<number> {
  let numbers: (number | undefined)[] = [];
  await waitFor(
    "both nodes to be settled",
    async () => {
      const states = [await state("gw1"), await state("gw2")];
      numbers = states.map((one) => one?.head?.number ?? 0);
      return states.every((one) => one !== undefined && one.change === null) && numbers[0] === numbers[1];
    },
    { limitMs: 90_000, explain: () => lab.log("gw1") },
  );
  return numbers[0] ?? 0;
}

test("a change that was made, and whose answer nobody got, is asked about, confirmed, and applies", async () => {
  await writeRule("first");
  await arm("POST /v1/config/apply");
  const { status, out, err } = await tocha("config", "apply", changed, "-m", "killed after it");
  assert.equal(kills, 1);
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /^revision 2 is made on gw1, gw2;[\s\S]*^ok {2}revision 2 applies\.$/m);
  assert.equal(await settledNumber(), 2);
  for (const node of ["gw1", "gw2"]) assert.ok(hasRule(node, "first"));
});

test("a confirmation whose answer nobody got is no failure", async () => {
  await writeRule("second");
  await arm("POST /v1/config/confirm");
  const { status, err } = await tocha("config", "apply", changed);
  assert.equal(kills, 2);
  assert.deepEqual([status, err], [0, ""]);
  assert.equal(await settledNumber(), 3);
  for (const node of ["gw1", "gw2"]) assert.ok(hasRule(node, "second"));
});

test("a change that was interrupted in the middle ends as the exit status says", async () => {
  await writeRule("third");
  await arm("POST /v1/config/apply", "made");
  const { status, out, err } = await tocha("config", "apply", changed);
  assert.equal(kills, 3);
  const number = await settledNumber();
  assert.ok(status === 0 || status === 1, out + err);
  // It may have been faster than its end.
  assert.equal(number, status === 0 ? 4 : 3, out + err);
  if (status === 1) assert.match(err, /\[change-interrupted\]/);
  for (const node of ["gw1", "gw2"]) assert.equal(hasRule(node, "third"), status === 0);
});

test("a rollback does the same", async () => {
  await arm("POST /v1/config/apply");
  const number = await settledNumber();
  const { status, err } = await tocha("config", "rollback", "2");
  assert.equal(kills, 4);
  assert.deepEqual([status, err], [0, ""]);
  assert.equal(await settledNumber(), number + 1);
  for (const node of ["gw1", "gw2"]) assert.ok(!hasRule(node, "second"));
});

test("a switchover whose answer nobody got is done, and said to be", async () => {
  await lab.waitUntilWellOn("gw1");
  await arm("POST /v1/switchover");
  const { status, out, err } = await tocha("switchover", "--to", "gw2");
  assert.equal(kills, 5);
  assert.deepEqual([status, err], [0, ""]);
  assert.match(out, /gw2 takes over from gw1/);
  assert.equal((await lab.waitUntilWell()).activeNode, "gw2");
});
