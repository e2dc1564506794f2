/** Firewall, sets with files, and routes are changed on a running cluster. Needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import { controlSocket } from "../../src/lab/lab-folder.ts";
import { startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { STREAM_PORT } from "../../src/lab/traffic/stream-plan.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";

const CONNECTIONS = 20;
const SERVICE_PORT = 7_201;
const SERVER = "192.0.2.9";
const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

let lab: TestLab;
let streams: StreamTraffic;
let client: NamespaceAgent;
let server: NamespaceAgent;
let folder: string;
let plain: string;

before(async () => {
  lab = await TestLab.up("cf");
  await lab.waitUntilWellOn("gw1");
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
  folder = mkdtempSync(join(tmpdir(), "tocha-firewall-"));
  plain = (await new ControlClient(controlSocket(lab.name, "gw1")).ask("config")).text;
});

after(async () => {
  await streams?.close();
  await client?.close();
  await server?.close();
  await lab?.down();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** The document with these keys more, applied by the command of users. */
function apply(more: string): void {
  const file = join(folder, "cluster.yaml");
  writeFileSync(
    file,
    plain.replace("replication:", () => `${more}replication:`),
  );
  const socket = ["--socket", controlSocket(lab.name, "gw1")];
  const { status, stdout, stderr } = spawnSync(launcher, ["config", "apply", file, "-y", ...socket], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
}

async function nft(node: string, ...words: readonly string[]): Promise<string> {
  return await runCommand("ip", ["netns", "exec", lab.namespace(node), "nft", "-a", "list", ...words]);
}

async function elements(node: string, set: string): Promise<string> {
  const text = await nft(node, "set", "inet", "tocha", set);
  return (/elements = \{([^}]*)\}/.exec(text)?.[1] ?? "").replace(/\s+/g, " ").trim();
}

async function asks(): Promise<boolean> {
  const answer = await client.request({ do: "ask", protocol: "tcp", host: SERVER, port: SERVICE_PORT });
  return "seen" in answer;
}

async function assertAllGoOn(): Promise<void> {
  await streams.mark();
  const report = await waitFor("every connection to go on", async () => {
    const now = await streams.report();
    return now.survived === CONNECTIONS ? now : undefined;
  });
  assert.deepEqual([report.lost, report.corrupted, report.brokenEver], [0, 0, 0]);
}

const firewall = `sets: { listed: { file: list.txt } }
firewall:
  forward:
    default: drop
    rules:
      - { id: listed, to: "@listed", protocol: tcp, ports: ${SERVICE_PORT}, action: accept }
      - { id: other, protocol: udp, ports: 9, action: accept }
  input: { default: drop, rules: [{ id: ping, protocol: icmp, action: accept }] }
management: { interfaces: lan }
`;

test("a firewall that drops comes to all nodes with the files of its sets, and no connection is lost", async () => {
  assert.ok(await asks());
  writeFileSync(join(folder, "list.txt"), "198.51.100.0/24\n");
  apply(firewall);
  for (const node of ["gw1", "gw2"]) assert.equal(await elements(node, "listed-v4"), "198.51.100.0/24");
  // What was accepted before goes on, although nothing would accept it now.
  await assertAllGoOn();
  assert.ok(!(await asks()), "the server is not in the list");
  await lab.waitUntilWell();
});

test("another content of the file is another revision, and changes the set alone", async () => {
  const handles = async (node: string) =>
    (await nft(node, "table", "inet", "tocha")).match(/# handle \d+$/gm);
  const before = [await handles("gw1"), await handles("gw2")];
  writeFileSync(join(folder, "list.txt"), `198.51.100.0/24\n${SERVER}\n`);
  apply(firewall);
  for (const node of ["gw1", "gw2"])
    assert.equal(await elements(node, "listed-v4"), `${SERVER}, 198.51.100.0/24`);
  assert.deepEqual([await handles("gw1"), await handles("gw2")], before, "no rule was made anew");
  assert.ok(await asks());
  await assertAllGoOn();
});

test("routes come and go with the document", async () => {
  const routes = async (node: string) =>
    (await runCommand("ip", ["-n", lab.namespace(node), "route", "show", "proto", "116"])).trim();
  apply(`${firewall}routes: [{ id: branch, to: 10.30.0.0/16, via: 10.1.0.10, nodes: [gw2] }]\n`);
  assert.deepEqual([await routes("gw1"), await routes("gw2")], ["", "10.30.0.0/16 via 10.1.0.10 dev lan"]);
  apply(firewall);
  assert.deepEqual([await routes("gw1"), await routes("gw2")], ["", ""]);
});

test("a bound that is changed counts at once, also for sources that were counted before", async () => {
  const bounded = (bound: number) =>
    firewall.replace("action: accept }", `connections: ${bound}, action: accept }`);
  apply(bounded(1));
  const held = await client.request({
    ...{ do: "ask", protocol: "tcp", host: SERVER, port: SERVICE_PORT, keep: true },
  });
  assert.ok("seen" in held);
  assert.ok(!(await asks()));
  apply(bounded(5));
  assert.ok(await asks());
});

test("a node that starts again runs what was applied, files included", async () => {
  await stopNode(lab.name, "gw2");
  rmSync(join(folder, "list.txt"));
  await startNode(lab.name, "gw2");
  await lab.waitUntilWell();
  assert.equal(await elements("gw2", "listed-v4"), `${SERVER}, 198.51.100.0/24`);
  await assertAllGoOn();
  assert.ok((await lab.flows("gw2")).filter((line) => line.includes(`dport=${STREAM_PORT} `)).length > 0);
});
