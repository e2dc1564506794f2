/** A change that cuts off whoever asks for it, over the network, is refused; when it is forced, it is back in time. Needs root. */
import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { ConfigState } from "../../src/contract/config-operations.ts";
import { controlSocket, documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { nodeNames } from "../../src/lab/lab-plan.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { type CommandResult, runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertAllGoOn } from "./streams-go-on.ts";

const CONNECTIONS = 20;
const PORT = 7_847;
/** The lab's host in the LAN, and where it asks. */
const CALLER = "10.1.0.10";
const API = `https://10.1.0.2:${PORT}`;
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

let lab: TestLab;
let streams: StreamTraffic;
let tokenFile: string;
let plain: string;

before(async () => {
  lab = await TestLab.up("cl", {}, { daemons: false });
  appendFileSync(documentPath(lab.name), "api: { interface: lan }\n");
  for (const node of nodeNames(lab.settings)) await startNode(lab.name, node);
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  tokenFile = join(labFolder(lab.name), "token-admin");
  const onGw1 = ["--socket", controlSocket(lab.name, "gw1")];
  await runCommand(launcher, ["user", "add", "admin", "--role", "admin", "--no-password", ...onGw1]);
  const token = await runCommand(launcher, ["user", "token", "add", "admin", "--days", "1", ...onGw1]);
  writeFileSync(tokenFile, token, { mode: 0o600 });
  plain = await textOn("gw1");
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

/** The command line on the host in the LAN, over the API of gw1. */
async function tocha(...args: readonly string[]): Promise<CommandResult> {
  return await tryCommand("ip", [
    ...["netns", "exec", lab.namespace("lan"), launcher, ...args, "--url", API],
    ...["--token-file", tokenFile, "--ca", join(labFolder(lab.name), "keys", "ca.crt")],
  ]);
}

async function textOn(node: string): Promise<string> {
  return (await new ControlClient(controlSocket(lab.name, node)).ask("config")).text;
}

async function state(node: string): Promise<ConfigState> {
  return await new ControlClient(controlSocket(lab.name, node)).ask("config.state");
}

async function firewallOn(node: string): Promise<string> {
  const words = ["netns", "exec", lab.namespace(node), "nft", "list", "table", "inet", "tocha"];
  return await runCommand("ip", words);
}

/** The document with a rule more that takes the caller the way to the gateways. */
function writeChange(): string {
  const file = join(labFolder(lab.name), "change.yaml");
  const rule = `{ id: no-caller, from: ${CALLER}, protocol: tcp, action: drop }`;
  writeFileSync(file, `${plain}firewall: { input: { rules: [${rule}] } }\n`);
  return file;
}

test("the plan says over the API that the caller would be cut off, and the nodes refuse it", async () => {
  const file = writeChange();
  const plan = await tocha("config", "plan", file, "-o", "json");
  assert.equal(plan.status, 2, plan.stderr);
  const { refusals } = JSON.parse(plan.stdout) as { refusals: { code: string; message: string }[] };
  assert.deepEqual(refusals, [
    {
      code: "plan-cuts-caller",
      message: `the rule no-caller of firewall.input would let in no further connection from ${CALLER}, which asks this over the API: whoever asks would be cut off`,
      path: "firewall.input.rules.no-caller",
      hint: `Let ${CALLER} in: by management, or by a rule that accepts it. A change that is not confirmed is taken back.`,
    },
  ]);
  const { status, stderr } = await tocha("config", "apply", file, "--yes");
  assert.equal(status, 1);
  assert.match(stderr, /no-caller[\s\S]*plan-cuts-caller/);
  for (const node of ["gw1", "gw2"]) {
    assert.equal((await state(node)).change, null);
    assert.doesNotMatch(await firewallOn(node), /no-caller/);
  }
});

test("the same change is accepted from where it cuts nobody off", async () => {
  const file = writeChange();
  const words = ["config", "plan", file, "-o", "json", "--socket", controlSocket(lab.name, "gw1")];
  // An SSH connection to this machine itself is none to the node, which has a network of its own.
  const env = ["env", `SSH_CONNECTION=${CALLER} 50000 10.1.0.2 22`];
  const { status, stdout } = await tryCommand("env", [...env.slice(1), launcher, ...words]);
  assert.equal(status, 1, stdout);
  const within = ["netns", "exec", lab.namespace("gw1"), ...env, launcher, ...words];
  assert.equal((await tryCommand("ip", within)).status, 2);
});

test("forced, it cuts the caller off, who cannot confirm it: both nodes go back by themselves", async () => {
  const file = writeChange();
  const applied = tocha("config", "apply", file, "--force", "--yes", "--confirm-within", "15");
  let ended: CommandResult | undefined;
  void applied.then((result) => {
    ended = result;
  });
  for (const node of ["gw1", "gw2"])
    await waitFor(`${node} to have the rule`, async () => /no-caller/.test(await firewallOn(node)), {
      explain: () => JSON.stringify(ended),
    });
  // The caller is really outside now; others are not.
  const cutOff = await tocha("status", "-o", "json");
  assert.equal(cutOff.status, 69, cutOff.stderr);
  assert.equal((await lab.seenBy("gw1"))?.activeNode, "gw1");
  for (const node of ["gw1", "gw2"]) {
    await waitFor(
      `${node} to go back`,
      async () => !/no-caller/.test(await firewallOn(node)) && (await state(node)).change === null,
      { limitMs: 60_000 },
    );
    assert.equal(await textOn(node), plain);
    assert.match(lab.log(node), /was taken back: nobody confirmed it in time/);
  }
  // Whoever was cut off is told, and gets in again.
  assert.notEqual((await applied).status, 0);
  const back = await tocha("status", "-o", "json");
  assert.equal((JSON.parse(back.stdout) as { activeNode: string }).activeNode, "gw1");
  await assertAllGoOn(lab, streams, CONNECTIONS);
});
