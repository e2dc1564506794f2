/** Replication in the real kernel: tables that differ are mended, streams go on. Needs root. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cut, mend } from "../../src/lab/node-power.ts";
import { sendSignal } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { STREAM_PORT } from "../../src/lab/traffic/stream-plan.ts";
import type { TestLab } from "./daemon-node.ts";
import { LabUnderTraffic } from "./lab-under-traffic.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { waitFor } from "./namespace-waiting.ts";
import { assertTablesEqual, mirrored } from "./table-equality.ts";

/** The shortest that a document may ask for. */
const SWEEP_MS = 10_000;
const SERVER = "192.0.2.9";
const SERVICE_PORT = 7_100;

const traffic = new LabUnderTraffic("repl", { connections: 60, settings: { refreshMs: SWEEP_MS } });
let lab: TestLab;
let active: string;
let standby: string;

beforeEach(() => {
  ({ lab, active, standby } = traffic);
});

const conntrack = (node: string, ...args: string[]) =>
  runCommand("ip", ["netns", "exec", lab.namespace(node), "conntrack", ...args]);

test("a standby's table that somebody altered is mended by the sweep: deleted, added and altered entries", async () => {
  await assertTablesEqual(lab, active, standby);
  const lines = (await lab.flows(standby)).filter((line) => line.includes(`dport=${STREAM_PORT} `));
  assert.ok(lines.length >= 20);
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
  const { resyncs } = await lab.streamTo(active, standby);
  assert.deepEqual([resyncs["overrun"], resyncs["backpressure"]], [0, 0], "the sweep did it, not a loss");
  assert.equal(
    (await lab.status(standby)).replication.complete,
    true,
    "the standby was a worthy one all the time",
  );
});

test("a cut of the sync link: the stream goes on where it was, and the tables are equal", async () => {
  const before = await lab.status(active);
  await cut(lab.name, `${standby}-sync`);
  await waitFor("the stream to be lost", async () => !(await lab.streamTo(active, standby)).connected);
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
  const resumed = async () => (await lab.status(active)).counters["streamsResumed"] ?? 0;
  const before = await resumed();
  sendSignal((await lab.processOf(standby, "replicator")).pid, "SIGKILL");
  await waitFor("the stream to go on", async () => (await resumed()) > before);
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
});
