import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { appendFileSync, cpSync, readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { ControlClient } from "../../../src/client/control-client.ts";
import type { ClusterStatus, NodeStatus } from "../../../src/contract/status.ts";
import { splitCertificates } from "../../../src/keys/certificate-bundle.ts";
import { runCommand } from "../../../src/lab/run-command.ts";
import { StreamTraffic } from "../../../src/lab/traffic/stream-traffic.ts";
import { BareMachine, type MachineCommand } from "../bare-machine.ts";
import { countersThatBegin, saysAll, TestLab } from "../daemon-node.ts";
import { requireNamespaces } from "../namespace-preconditions.ts";
import { waitFor } from "../namespace-waiting.ts";

// Keys that are renewed, exchanged and refused while three nodes run, with connections through them.

const CONNECTIONS = 20;
const API_PORT = 7_847;
const nodes = ["gw1", "gw2", "gw3"];

let lab: TestLab;
const machines = new Map<string, BareMachine>();
const daemons = new Map<string, MachineCommand>();
let streams: StreamTraffic;
let active: string;

before(async () => {
  await requireNamespaces(["unshare", "openssl"]);
  lab = await TestLab.up("ky", { nodes: 3 }, { daemons: false });
  for (const name of nodes) machines.set(name, new BareMachine(name, lab.namespace(name)));
  await machine("gw1").run("tocha init --yes");
  for (const name of ["gw2", "gw3"]) {
    const waiting = machine("gw1").start("tocha token");
    const [join = ""] = await waiting.says(/tocha join \S+ \S+/);
    await machine(name).run(join);
    assert.equal(await waiting.exitStatus(), 0, waiting.said);
  }
  // The one that joined last has the whole document.
  const whole = machine("gw3").path("/etc/tocha/cluster.yaml");
  appendFileSync(whole, "api: { interface: lan }\n");
  for (const name of ["gw1", "gw2"]) cpSync(whole, machine(name).path("/etc/tocha/cluster.yaml"));
  for (const name of nodes) start(name);
  ({ active } = await waitUntilWell());
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

afterEach(async () => {
  await streams.mark();
  await waitFor("bytes in every connection", async () => (await streams.report()).survived === CONNECTIONS);
  const { brokenEver, corrupted } = await streams.report();
  assert.deepEqual([brokenEver, corrupted], [0, 0]);
});

after(async () => {
  await streams?.close();
  await BareMachine.closeAll([...machines.values()]);
  await lab?.down();
});

function machine(name: string): BareMachine {
  const found = machines.get(name);
  assert.ok(found, name);
  return found;
}

function start(name: string): void {
  daemons.set(name, machine(name).start("tocha run"));
}

const said = () => [...daemons.values()].map((daemon) => daemon.said).join("\n----\n");

async function seenBy(name: string): Promise<ClusterStatus | undefined> {
  try {
    return await new ControlClient(machine(name).path(`/run/tocha/${name}/control.sock`)).status();
  } catch {
    return undefined;
  }
}

async function waitUntilWell(): Promise<{ active: string; nodes: readonly NodeStatus[] }> {
  let last: ClusterStatus | undefined;
  return await waitFor(
    "all to be well",
    async () => {
      last = await seenBy("gw1");
      const isWell = last?.verdict === "ok" && last.nodes.every(({ replication }) => replication.complete);
      return isWell && last !== undefined && last.activeNode !== null
        ? { active: last.activeNode, nodes: last.nodes }
        : undefined;
    },
    { limitMs: 60_000, explain: () => `${JSON.stringify(last?.problems)}\n${said()}` },
  );
}

const keyFile = (name: string, file: string) =>
  readFileSync(machine(name).path(`/etc/tocha/keys/${file}`), "utf8");
const serialOnDisk = (name: string) => new X509Certificate(keyFile(name, `${name}.crt`)).serialNumber;

/** What a node's listener shows to one that connects from another node: nothing but its certificate is looked at. */
async function shownBy(name: string, from: string, port: number): Promise<string> {
  const number = Number(name.slice(2));
  const address = port === API_PORT ? `10.1.0.${1 + number}:${port}` : `10.255.0.${number}:${port}`;
  const command = `openssl s_client -connect ${address} -servername ${name}.tocha </dev/null 2>/dev/null | openssl x509 -noout -serial`;
  const text = await runCommand("ip", ["netns", "exec", lab.namespace(from), "sh", "-c", command]);
  return text.trim().replace("serial=", "");
}

/** Nothing has happened to the roles of nodes, and no pulse was taken for a forged one. */
function assertNothingWasLost(before: readonly NodeStatus[], after: readonly NodeStatus[]): void {
  for (const node of after) {
    const then = before.find(({ name }) => name === node.name);
    assert.ok(then);
    assert.equal(node.role, then.role, `${node.name}: ${node.cause}\n${said()}`);
    assert.ok(node.sinceSeconds >= then.sinceSeconds, `${node.name} has had its role all the time`);
    assert.equal(countersThatBegin(node, "pulse-forged"), 0, `${node.name} took every pulse`);
    assert.deepEqual(
      node.processes.map(({ pid }) => pid),
      then.processes.map(({ pid }) => pid),
      `the processes of ${node.name} are the same`,
    );
  }
}

test("a renewed certificate is shown to new connections at once, and the streams that there are go on", async () => {
  const { nodes: then } = await waitUntilWell();
  const before = serialOnDisk("gw2");
  const text = await machine("gw1").run("tocha keys renew gw2");
  assert.match(text, /gw2 has a new certificate, good until 20/);
  const now = serialOnDisk("gw2");
  assert.notEqual(now, before);
  for (const port of [7_844, 7_846, API_PORT])
    await waitFor(
      "the new certificate to be shown",
      async () => (await shownBy("gw2", "gw1", port)) === now,
      {
        explain: said,
      },
    );
  const { nodes: after } = await waitUntilWell();
  assertNothingWasLost(then, after);
  const streamsOf = (all: readonly NodeStatus[]) =>
    all.flatMap(({ replication }) =>
      replication.streams.map(({ peer, direction, resyncs }) => [peer, direction, resyncs]),
    );
  assert.deepEqual(streamsOf(after), streamsOf(then), "no stream began anew");
});

test("everything is exchanged while one node is away for a part of it: nothing is lost, and the old is refused", async () => {
  const { nodes: then } = await waitUntilWell();
  const away = nodes.find((name) => name !== active && name !== "gw1");
  assert.ok(away);
  const old = { ca: keyFile("gw1", "ca.crt"), cluster: keyFile("gw1", "cluster.key") };
  cpSync(machine("gw1").path("/etc/tocha/keys"), machine("gw1").path("/old-keys"), { recursive: true });
  await daemons.get(away)?.stop();
  const waits = await machine("gw1").run("tocha keys rotate", 1);
  assert.match(waits, new RegExp(`${away} does not answer: the exchange waits .*rotation-waits`, "s"));
  assert.equal(splitCertificates(keyFile("gw1", "ca.crt")).length, 2);
  assert.equal(keyFile(away, "ca.crt"), old.ca, "it knows nothing of it yet");
  const problems = (await seenBy("gw1"))?.problems.map(({ code }) => code);
  assert.ok(problems?.includes("rotation-unfinished"), `${problems}`);

  // It learns of the letter from the others by itself.
  start(away);
  await waitFor("it to accept both", () => splitCertificates(keyFile(away, "ca.crt")).length === 2, {
    explain: said,
  });
  const done = await waitFor("the exchange to go through", async () => {
    const command = machine("gw1").start("tocha keys rotate");
    return (await command.exitStatus()) === 0 ? command.said : undefined;
  });
  assert.match(done, /The exchange is complete/);
  for (const name of nodes) {
    assert.equal(splitCertificates(keyFile(name, "ca.crt")).length, 1, name);
    assert.equal(keyFile(name, "ca.crt"), keyFile("gw1", "ca.crt"));
    assert.equal(keyFile(name, "cluster.key"), keyFile("gw1", "cluster.key"));
  }
  assert.notEqual(keyFile("gw1", "ca.crt"), old.ca);
  assert.notEqual(keyFile("gw1", "cluster.key"), old.cluster);
  const { nodes: after } = await waitUntilWell();
  const stayed = (all: readonly NodeStatus[]) => all.filter(({ name }) => name !== away);
  assertNothingWasLost(stayed(then), stayed(after));
  assert.deepEqual(
    after.map(({ counters }) => counters["pulse-forged"] ?? 0),
    [0, 0, 0],
  );

  const other = nodes.find((name) => name !== "gw1") ?? "";
  assert.match(await greet(other, "/old-keys"), /alert|error/i, "the old certificate is refused");
  assert.doesNotMatch(await greet(other, "/etc/tocha/keys"), /alert|error/i, "the new one is not");
});

/** What TLS says when gw1 asks another node for its status, with the keys of a folder. */
async function greet(name: string, folder: string): Promise<string> {
  const file = (one: string) => machine("gw1").path(`${folder}/${one}`);
  const command = [
    `printf 'GET /v1/node HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n' |`,
    `timeout 5 openssl s_client -quiet -connect 10.255.0.${name.slice(2)}:7846 -servername ${name}.tocha`,
    `-cert ${file("gw1.crt")} -key ${file("gw1.key")} -CAfile ${file("ca.crt")} 2>&1 || true`,
  ];
  return await runCommand("ip", ["netns", "exec", lab.namespace("gw1"), "sh", "-c", command.join(" ")]);
}

test("a node that is removed is refused by all at once, and the cluster key is exchanged without it", async () => {
  const { nodes: then } = await waitUntilWell();
  const removed = nodes.find((name) => name !== active && name !== "gw1") ?? "";
  const others = nodes.filter((name) => name !== removed);
  const text = await machine("gw1").run(`tocha keys revoke ${removed}`);
  assert.match(text, new RegExp(`gw1 and gw\\d refuse .* of ${removed} from now on`));
  for (const name of others) {
    await waitFor(
      `${name} to have no stream with ${removed}`,
      async () => {
        const status = (await seenBy(name))?.nodes.find((one) => one.name === name);
        const streamsOf = status?.replication.streams.filter(({ peer }) => peer === removed);
        return streamsOf?.every(({ connected }) => !connected);
      },
      { explain: said },
    );
    await waitFor(`${name} to say why`, () => /certificate is revoked/.test(daemons.get(name)?.said ?? ""), {
      explain: said,
    });
  }
  // It still runs and speaks, but nobody answers it: neither its questions, nor its streams.
  const alone = await waitFor("it to be alone", async () => {
    const status = await seenBy(removed);
    return status?.nodes.every(({ name, reachable }) => reachable === (name === removed))
      ? status
      : undefined;
  });
  assert.ok(alone);
  await daemons.get(removed)?.stop();
  const rotated = await machine("gw1").run("tocha keys rotate --cluster-key");
  assert.match(rotated, /The exchange is complete/);
  assert.equal(keyFile(others[1] ?? "", "cluster.key"), keyFile("gw1", "cluster.key"));
  assert.notEqual(keyFile(removed, "cluster.key"), keyFile("gw1", "cluster.key"));
  // Of a node that is busy an answer may come too late to be seen.
  const after = await waitFor("all others to answer", async () => {
    const seen = (await seenBy("gw1"))?.nodes.filter(({ name }) => name !== removed);
    return seen?.every(saysAll) ? seen : undefined;
  });
  assertNothingWasLost(
    then.filter(({ name }) => name !== removed),
    after,
  );

  // With the key of before it is a stranger on the network.
  start(removed);
  await waitFor("its pulses to be refused", async () => {
    const status = (await seenBy("gw1"))?.nodes.find(({ name }) => name === "gw1");
    return status !== undefined && countersThatBegin(status, "pulse-forged") > 0;
  });
  await daemons.get(removed)?.stop();
});
