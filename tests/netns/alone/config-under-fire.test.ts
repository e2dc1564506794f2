/**
 * Changes of the document under verified traffic: many in a row, and with the power of a node cut in the middle of one. Needs root.
 *
 * TOCHA_APPLIES and TOCHA_APPLY_CUTS say how many (CI: 30 and 6; by hand: 200 and 50), TOCHA_SEED which ones.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../../../src/base/prng.ts";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { ConfigState } from "../../../src/contract/config-operations.ts";
import { controlSocket, nodeFolder } from "../../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { ProbeTraffic } from "../../../src/lab/traffic/probe-traffic.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "../daemon-node.ts";
import { waitFor } from "../namespace-waiting.ts";
import { assertAllGoOn } from "../streams-go-on.ts";

const CONNECTIONS = 300;
const APPLIES = Number(process.env["TOCHA_APPLIES"] ?? 30);
const CUTS = Number(process.env["TOCHA_APPLY_CUTS"] ?? 6);
const SEED = Number(process.env["TOCHA_SEED"] ?? 1);
const CONFIRM_SECONDS = 5;
/** An apply takes less: the cut falls into every part of it, and behind it. */
const CUT_AFTER_MS_MAX = 1_500;
const nodes = ["gw1", "gw2"] as const;
const launcher = fileURLToPath(new URL("../../../bin/tocha", import.meta.url));
const changed = join(tmpdir(), `tocha-fire-${process.pid}.yaml`);

let lab: TestLab;
let streams: StreamTraffic;
let probe: ProbeTraffic;

before(async () => {
  lab = await TestLab.up("cf");
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  probe = await ProbeTraffic.start(lab.name);
});

after(async () => {
  await probe?.close();
  await streams?.close();
  await lab?.down();
  rmSync(changed, { force: true });
});

const client = (node: string) => new ControlClient(controlSocket(lab.name, node));

async function textOf(node: string): Promise<string> {
  return (await client(node).ask("config")).text;
}

async function stateOf(node: string): Promise<ConfigState | undefined> {
  try {
    return await client(node).ask("config.state");
  } catch {
    return undefined;
  }
}

function withRule(text: string, id: string): string {
  return text.replace(
    "  source:\n",
    `  source:\n    - { id: ${id}, from: 198.18.0.0/24, out: wan, to: masquerade }\n`,
  );
}

/** @returns the exit status */
async function config(asked: string, ...args: readonly string[]): Promise<number | null> {
  const socket = ["--socket", controlSocket(lab.name, asked)];
  const child = spawn(launcher, ["config", ...args, ...socket], { stdio: "ignore" });
  return await new Promise((resolve) => child.once("exit", (status) => resolve(status)));
}

/** Both nodes have settled on the same revision. @returns it */
async function untilSettled(): Promise<ConfigState> {
  let last: readonly (ConfigState | undefined)[] = [];
  return await waitFor(
    "both nodes to settle on one revision",
    async () => {
      last = await Promise.all(nodes.map(stateOf));
      const [one, two] = last;
      if (one?.change !== null || two?.change !== null) return undefined;
      return one.head !== null && one.head.id === two.head?.id && one.revision === two.revision
        ? one
        : undefined;
    },
    { limitMs: 60_000, explain: () => JSON.stringify(last) + lab.log("gw1") + lab.log("gw2") },
  );
}

function history(node: string): string[] {
  const repository = join(nodeFolder(lab.name, node), "state", "config.git");
  const git = (...args: string[]) =>
    execFileSync("git", ["--git-dir", repository, ...args], { encoding: "utf8" });
  git("fsck", "--strict");
  return git("log", "--format=%H").trim().split("\n");
}

test(`${APPLIES} applies and rollbacks in a row lose no connection`, async (context) => {
  const base = await textOf("gw1");
  for (let i = 1; i <= APPLIES; i++) {
    const asked = nodes[i % 2] ?? "gw1";
    writeFileSync(changed, withRule(base, `rule${i}`));
    const isBack = i % 2 === 0;
    const status = isBack ? await config(asked, "rollback", "1") : await config(asked, "apply", changed);
    assert.equal(status, 0, `change ${i}\n${lab.log("gw1")}${lab.log("gw2")}`);
  }
  const { head } = await untilSettled();
  assert.equal(head?.number, APPLIES + 1);
  assert.deepEqual(history("gw1"), history("gw2"));
  assert.equal((await lab.seenBy("gw1"))?.activeNode, "gw1");
  await assertAllGoOn(lab, streams, CONNECTIONS);
  context.diagnostic(JSON.stringify(await probe.report()));
});

test(`the power of a node is cut in ${CUTS} further applies: one revision, the old or the new, and no connection lost`, async (context) => {
  const random = seededRandom(SEED);
  const draw = (below: number) => Math.floor(random() * below);
  let made = 0;
  for (let i = 1; i <= CUTS; i++) {
    await lab.waitUntilWell();
    const before = await textOf("gw1");
    const after = withRule(before.replace(/ {4}- \{ id: cut\d+.*\n/, ""), `cut${i}`);
    writeFileSync(changed, after);
    const asked = nodes[draw(2)] ?? "gw1";
    const victim = nodes[draw(2)] ?? "gw1";
    const cutAfterMs = draw(CUT_AFTER_MS_MAX);
    const applying = config(asked, "apply", changed, "--confirm-within", String(CONFIRM_SECONDS));
    await sleep(cutAfterMs);
    await powerOff(lab.name, victim);
    const status = await applying;
    await powerOn(lab.name, victim);
    await untilSettled();
    const [one = "", two] = [await textOf("gw1"), await textOf("gw2")];
    const story = `cut ${i}: apply by ${asked}, ${victim} cut after ${cutAfterMs} ms, status ${status}`;
    assert.equal(one, two, story);
    assert.ok(one === before || one === after, story);
    // What the command has confirmed stays.
    if (status === 0) assert.equal(one, after, story);
    if (one === after) made++;
    assert.deepEqual(history("gw1"), history("gw2"), story);
    await assertAllGoOn(lab, streams, CONNECTIONS);
  }
  context.diagnostic(`${made} of ${CUTS} were made`);
});
