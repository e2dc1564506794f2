/** Replication in the real kernel: tables that differ are mended, timers outlive the sweeps, streams go on. Needs root. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cut, mend, powerOff } from "../../src/lab/node-power.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";

const CONNECTIONS = 60;
/** The shortest that a document may ask for. */
const SWEEP_MS = 10_000;
const SERVER = "192.0.2.9";
const SERVICE_PORT = 7_100;
const UDP_PORT = 40_000;
/** Longer than the life of a UDP stream on the gateways of this test, and than the time that a standby gives a flow. */
const UDP_SECONDS = 45;
const UDP_STREAM_TIMEOUT_SECONDS = 12;

let lab: TestLab;
let streams: StreamTraffic;

before(async () => {
  lab = await TestLab.up("repl", { refreshMs: SWEEP_MS });
  await lab.waitUntilWell();
  streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
});

after(async () => {
  await streams?.close();
  await lab?.down();
});

const conntrack = (node: string, ...args: string[]) =>
  runCommand("ip", ["netns", "exec", lab.namespace(node), "conntrack", ...args]);

async function streamTo(node: string, peer: string) {
  const status = await lab.status(node);
  const stream = status.replication.streams.find((one) => one.peer === peer && one.direction === "to");
  assert.ok(stream, `${node} has a stream to ${peer}`);
  return stream;
}

test("a standby's table that somebody altered is mended by the sweep: deleted, added and altered entries", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  await assertTablesEqual(lab, active, standby);
  const lines = (await lab.flows(standby)).filter((line) => line.includes("dport=7"));
  const field = (line: string, name: string) => line.match(new RegExp(`${name}=(\\S+)`))?.[1] ?? "";
  for (const [index, line] of lines.slice(0, 20).entries()) {
    const tuple = ["-p", "tcp", "-s", field(line, "src"), "-d", field(line, "dst")];
    tuple.push("--sport", field(line, "sport"), "--dport", field(line, "dport"));
    if (index % 2 === 0) await conntrack(standby, "-D", ...tuple);
    else await conntrack(standby, "-U", ...tuple, "-m", "77");
  }
  for (const port of ["50001", "50002", "50003"]) {
    const tuple = ["-p", "tcp", "-s", "10.1.0.99", "-d", "198.51.100.7", "--sport", port, "--dport", "443"];
    const state = ["--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED", "-t", "4000"];
    await conntrack(standby, "-I", ...tuple, ...state);
  }
  assert.notDeepEqual(await mirrored(lab, standby), await mirrored(lab, active), "the tables differ now");
  await assertTablesEqual(lab, active, standby);
  const { resyncs } = await streamTo(active, standby);
  assert.deepEqual([resyncs["overrun"], resyncs["backpressure"]], [0, 0], "the sweep did it, not a loss");
  assert.equal(
    (await lab.status(standby)).replication.complete,
    true,
    "the standby was a worthy one all the time",
  );
});

test("a cut of the sync link: the stream goes on where it was, and the tables are equal", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const before = await lab.status(active);
  await cut(lab.name, `${standby}-sync`);
  await waitFor("the stream to be lost", async () => !(await streamTo(active, standby)).connected);
  // Flows come and go meanwhile.
  const client = new NamespaceAgent(lab.namespace("lan"));
  const server = new NamespaceAgent(lab.namespace("wan"));
  try {
    await server.request({ do: "serve", port: SERVICE_PORT });
    for (let i = 0; i < 20; i++) {
      await client.request({
        ...({ do: "ask", protocol: "tcp", host: SERVER, port: SERVICE_PORT } as const),
        keep: i % 2 === 0,
      });
    }
    await mend(lab.name, `${standby}-sync`);
    await lab.waitUntilWell();
    await assertTablesEqual(lab, active, standby);
    const now = await lab.status(active);
    assert.ok(
      (now.counters["streamsResumed"] ?? 0) > (before.counters["streamsResumed"] ?? 0),
      "it got what it missed, not a copy",
    );
  } finally {
    await client.close();
    await server.close();
  }
});

test("the standby's replicator is killed: it goes on where its kernel is", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  const resumed = async () => (await lab.status(active)).counters["streamsResumed"] ?? 0;
  const before = await resumed();
  sendSignal((await lab.processOf(standby, "replicator")).pid, "SIGKILL");
  await waitFor("the stream to go on", async () => (await resumed()) > before);
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
});

test("a UDP stream that outlives all timers has the same translation after a failover", async () => {
  const { active, standby } = await lab.rolesWhenWell();
  for (const node of [active, standby]) {
    const setting = `net.netfilter.nf_conntrack_udp_timeout_stream=${UDP_STREAM_TIMEOUT_SECONDS}`;
    await runCommand("ip", ["netns", "exec", lab.namespace(node), "sysctl", "-qw", setting]);
  }
  const client = new NamespaceAgent(lab.namespace("lan"));
  const server = new NamespaceAgent(lab.namespace("wan"));
  const port = SERVICE_PORT + 1;
  try {
    await server.request({ do: "serve", port });
    // Both from one port: the translation must choose another one for the second.
    const ask = async () => {
      for (const localAddress of ["10.1.0.10", "10.1.0.11"]) {
        const answer = await client.request({
          ...({ do: "ask", protocol: "udp", host: SERVER, port, localAddress, localPort: UDP_PORT } as const),
        });
        assert.ok("seen" in answer, "failed" in answer ? answer.failed : "");
      }
    };
    const translations = async (node: string) =>
      (await mirrored(lab, node)).filter((line) => line.includes(`dport=${port}`)).sort();
    for (let second = 0; second < UDP_SECONDS; second++) {
      await ask();
      await sleep(1_000);
    }
    const known = await translations(active);
    assert.equal(known.length, 2);
    assert.deepEqual(await translations(standby), known, "the standby still has both");
    await powerOff(lab.name, active);
    await lab.waitForNode(standby, "active", ({ role }) => role === "active");
    assert.deepEqual(await translations(standby), known);
    await ask();
    assert.deepEqual(await translations(standby), known, "no packet has made another translation");
  } finally {
    await client.close();
    await server.close();
  }
});
