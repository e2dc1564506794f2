import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../../src/client/control-client.ts";
import { readDocument } from "../../../src/contract/read-document.ts";
import type { ClusterStatus } from "../../../src/contract/status.ts";
import { runCommand } from "../../../src/lab/run-command.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { BareMachine, type MachineCommand } from "../bare-machine.ts";
import { TestLab } from "../daemon-node.ts";
import { NamespaceAgent } from "../namespace-agent.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";

// From two bare namespaces to a protected gateway, by the very commands of the guide.

const guide = fileURLToPath(new URL("../../../docs/guide/getting-started.md", import.meta.url));
const SERVICE_PORT = 7_007;
const CONNECTIONS = 20;

let lab: TestLab;
let machines: Record<string, BareMachine>;
let server: NamespaceAgent;
let client: NamespaceAgent;
const daemons: MachineCommand[] = [];

before(async () => {
  await requireNamespaces(["unshare"]);
  // Only the cables: links, own addresses, a host on either side.
  lab = await TestLab.up("bs", { nodes: 3 }, { daemons: false });
  machines = Object.fromEntries(
    ["gw1", "gw2", "gw3"].map((name) => [name, new BareMachine(name, lab.namespace(name))]),
  );
  server = new NamespaceAgent(lab.namespace("wan"));
  client = new NamespaceAgent(lab.namespace("lan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
});

after(async () => {
  await client?.close();
  await server?.close();
  await BareMachine.closeAll(Object.values(machines ?? {}));
  await lab?.down();
});

function machine(name: string): BareMachine {
  const found = machines[name];
  assert.ok(found, name);
  return found;
}

async function status(node: string) {
  try {
    return await new ControlClient(machine(node).path(`/run/tocha/${node}/control.sock`)).status();
  } catch {
    return undefined;
  }
}

/** Waits until these nodes are the cluster, and it is protected. */
async function waitUntilWell(nodes: readonly string[]): Promise<ClusterStatus> {
  let last: ClusterStatus | undefined;
  return await waitFor(
    `${nodes.join(" and ")} to be well`,
    async () => {
      last = await status("gw1");
      const names = last?.nodes.map(({ name }) => name).join();
      const isWell = last?.verdict === "ok" && last.nodes.every(({ replication }) => replication.complete);
      return isWell && names === nodes.join() && last?.activeNode !== null ? last : undefined;
    },
    { limitMs: 60_000, explain: () => `${JSON.stringify(last?.problems)}\n${said()}` },
  );
}

const said = () => daemons.map((daemon) => daemon.said).join("\n----\n");

test("five commands make a protected gateway of two bare machines: translated, and a takeover loses no connection", async () => {
  const story = [
    ...(readFileSync(guide, "utf8").split("\n## ")[0] ?? "").matchAll(/^ {4}(gw[12])# (tocha .*)$/gm),
  ].map(([, name = "", command = ""]) => ({ on: machine(name), command }));
  assert.deepEqual(
    story.map(({ on, command }) => `${on.name} ${command.split(" ")[1]}`),
    ["gw1 init", "gw1 token", "gw2 join", "gw1 run", "gw2 run"],
  );
  const [init, token, join, ...runs] = story;
  assert.ok(init && token && join);

  const initial = init.on.start(init.command);
  assert.equal(await initial.exitStatus(), 0, initial.said);
  assert.match(initial.said, /Next:\n {2}tocha token /);
  const waiting = token.on.start(token.command);
  const [printed = ""] = await waiting.says(/tocha join \S+ \S+/);
  // The guide shows another token.
  const typed = join.command.split(" ").slice(0, -1).join(" ");
  assert.equal(printed.split(" ").slice(0, -1).join(" "), typed);
  const joining = join.on.start(printed);
  assert.equal(await joining.exitStatus(), 0, joining.said);
  assert.equal(await waiting.exitStatus(), 0, waiting.said);
  assert.match(waiting.said, /gw2 has joined/);
  for (const { on, command } of runs) daemons.push(on.start(command));

  const well = await waitUntilWell(["gw1", "gw2"]);
  assert.deepEqual(well.problems, []);
  const { activeNode } = well;
  assert.ok(activeNode);
  for (const protocol of ["tcp", "udp"] as const) {
    const answer = await client.request({ do: "ask", protocol, host: "192.0.2.9", port: SERVICE_PORT });
    assert.deepEqual(answer, { seen: "192.0.2.1" }, "translated to the virtual address");
  }

  const streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  try {
    await streams.mark();
    await waitFor("bytes in every connection", async () => (await streams.report()).survived === CONNECTIONS);
    const other = activeNode === "gw1" ? "gw2" : "gw1";
    await waitFor("the connections to be mirrored", async () => {
      const seen = await status(other);
      return seen?.nodes.every(({ flows }) => flows >= CONNECTIONS);
    });
    for (const network of ["lan", "wan", "sync"])
      await runCommand("ip", [
        "-n",
        lab.namespace("net"),
        "link",
        "set",
        "dev",
        `${activeNode}-${network}`,
        "down",
      ]);
    await waitFor(`${other} to take over`, async () => (await status(other))?.activeNode === other, {
      explain: said,
    });
    await streams.mark();
    await waitFor(
      "bytes in every connection again",
      async () => (await streams.report()).survived === CONNECTIONS,
    );
    const { brokenEver, corrupted } = await streams.report();
    assert.deepEqual([brokenEver, corrupted], [0, 0]);
  } finally {
    await streams.close();
  }
});

test("a third machine joins the cluster while it runs, and no connection is lost", async () => {
  const cables = ["gw1", "gw2"].flatMap((name) =>
    ["lan", "wan", "sync"].map((network) => `${name}-${network}`),
  );
  for (const cable of cables)
    await runCommand("ip", ["-n", lab.namespace("net"), "link", "set", "dev", cable, "up"]);
  await waitUntilWell(["gw1", "gw2"]);
  const streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  try {
    const waiting = machine("gw1").start("tocha token");
    const [printed = ""] = await waiting.says(/tocha join \S+ \S+/);
    await machine("gw3").run(printed);
    assert.equal(await waiting.exitStatus(), 0, waiting.said);
    // As it is printed.
    const [apply = ""] = /tocha config apply.*$/m.exec(waiting.said) ?? [];
    await machine("gw1").run(apply);
    daemons.push(machine("gw3").start("tocha run"));
    await waitUntilWell(["gw1", "gw2", "gw3"]);
    await streams.mark();
    await waitFor("bytes in every connection", async () => (await streams.report()).survived === CONNECTIONS);
    const { brokenEver, corrupted } = await streams.report();
    assert.deepEqual([brokenEver, corrupted], [0, 0]);
  } finally {
    await streams.close();
  }
});

test("what was written is the same document on both, with comments, and secrets that only root can read", () => {
  const [first, second, third] = ["gw1", "gw2", "gw3"].map((name) =>
    readFileSync(machine(name).path("/etc/tocha/cluster.yaml"), "utf8"),
  );
  // The second one has it by the apply.
  assert.equal(first, second);
  assert.equal(first, third);
  const { document, problems } = readDocument(first ?? "", "cluster.yaml");
  assert.deepEqual(problems, []);
  assert.deepEqual(document?.groups["gateway"]?.priorities, { gw1: 110, gw2: 100, gw3: 90 });
  assert.match(first ?? "", /# the default gateway of the hosts/);
  const keysOf = (name: string) => readdirSync(machine(name).path("/etc/tocha/keys")).sort();
  assert.deepEqual(keysOf("gw1"), ["ca.crt", "ca.key", "cluster.key", "gw1.crt", "gw1.key", "issued.log"]);
  assert.deepEqual(keysOf("gw2"), ["ca.crt", "cluster.key", "gw2.crt", "gw2.key"]);
  for (const name of ["gw1", "gw2"])
    for (const file of keysOf(name))
      assert.equal(statSync(machine(name).path(`/etc/tocha/keys/${file}`)).mode & 0o077, 0, file);
});

test("none of it is done twice, and nothing waits where there is no terminal", async () => {
  const again = machine("gw1").start("tocha init --yes");
  assert.equal(await again.exitStatus(), 2);
  assert.match(again.said, /document-exists/);
  const joinAgain = machine("gw2").start(`tocha join 10.255.0.1 ${"A".repeat(48)}`);
  assert.equal(await joinAgain.exitStatus(), 2);
  assert.match(joinAgain.said, /bad-token/);
  const asking = machine("gw1").start("tocha init --config /etc/tocha/other/cluster.yaml");
  assert.equal(await asking.exitStatus(), 2);
  assert.match(asking.said, /needs-answers/);
});
