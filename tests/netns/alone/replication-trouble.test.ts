/**
 * Trouble on the way to the standby, in the real kernel under real connections: slow, lossy and half-open links, a flood that
 * overruns the events, a full table, peers that restart. Connections go on, memory is bounded, and afterwards the tables are
 * equal. Needs root.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeEach, test } from "node:test";
import { processUsage } from "../../../src/daemon/process-usage.ts";
import { crash, cut, mend, powerOff, powerOn } from "../../../src/lab/node-power.ts";
import { startNode, stopNode } from "../../../src/lab/node-process.ts";
import { sendSignal } from "../../../src/lab/process-table.ts";
import { runCommand, tryCommand } from "../../../src/lab/run-command.ts";
import type { TestLab } from "../daemon-node.ts";
import { FlowMaker, makeFlows } from "../flow-maker.ts";
import { LabUnderTraffic } from "../lab-under-traffic.ts";
import { letTimePass, waitFor } from "../namespace-waiting.ts";
import { assertTablesEqual } from "../table-equality.ts";

/** The shortest that a document may ask for. */
const SWEEP_MS = 10_000;
/** Of the replicator role: its log (16 MiB), what waits in sockets, and the runtime. It must not grow with the trouble. */
const REPLICATOR_BYTES_MAX = 200 << 20;
/**
 * Flows come and go in rounds that every host's table has room for (262,144 by itself). Each makes 98 bytes of records: the
 * rounds make twice what the log holds, and the line carries a tenth of that meanwhile.
 */
const ROUNDS = 4;
const ROUND_FLOWS = 100_000;
/** … and some stay, for the comparison to find. */
const LEFT_FLOWS = 10_000;
/** The kernel's queue of events holds about 30,000. */
const EVENT_OVERRUN_FLOWS = 100_000;
/** Room that tests beside this one may need in their tables. */
const HEADROOM = 120_000;
const ROOM_AGAIN_LIMIT_MS = 180_000;
const MAX_FILE = "/proc/sys/net/netfilter/nf_conntrack_max";

// With a helper the births of flows are reported, too, and so what is made over ctnetlink.
const traffic = new LabUnderTraffic("trouble", {
  connections: 40,
  settings: { refreshMs: SWEEP_MS, helpers: ["ftp"] },
  programs: ["conntrack", "tc"],
});
let lab: TestLab;
let active: string;
let standby: string;

beforeEach(() => {
  ({ lab, active, standby } = traffic);
});

const inNode = (node: string, ...command: string[]) =>
  runCommand("ip", ["netns", "exec", lab.namespace(node), ...command]);

const resyncs = async (cause: string) => (await lab.streamTo(active, standby)).resyncs[cause] ?? 0;

async function assertMemoryIsBounded(): Promise<void> {
  for (const node of [active, standby]) {
    const { pid } = await lab.processOf(node, "replicator");
    const resident = processUsage(pid)?.residentBytes ?? 0;
    assert.ok(
      resident > 0 && resident < REPLICATOR_BYTES_MAX,
      `${node}'s replicator has ${resident >> 20} MiB`,
    );
  }
}

/** The active node's way to the others is as slow as an old line. */
async function throttle(rate: string): Promise<void> {
  await inNode(
    active,
    "tc",
    "qdisc",
    "add",
    "dev",
    "sync",
    "root",
    "tbf",
    "rate",
    rate,
    "burst",
    "16k",
    "latency",
    "400ms",
  );
}

async function unthrottle(): Promise<void> {
  await inNode(active, "tc", "qdisc", "del", "dev", "sync", "root");
}

test("a slow link: the lag is shown; nothing is lost, and nothing is compared, for the log has it", async () => {
  const before = await resyncs("backpressure");
  await throttle("1mbit");
  try {
    await makeFlows(lab.namespace(active), "add", 0, 20_000);
    await waitFor("status to tell of the lag", async () => {
      const seen = await lab.seenBy(active);
      return seen?.problems.some(({ code, node }) => code === "replication-lags" && node === active);
    });
    const stream = await lab.streamTo(active, standby);
    assert.ok(stream.lagRecords > 0 && stream.connected, JSON.stringify(stream));
    await assertMemoryIsBounded();
  } finally {
    await unthrottle();
  }
  await assertTablesEqual(lab, active, standby);
  assert.equal(await resyncs("backpressure"), before);
  await makeFlows(lab.namespace(active), "remove", 0, 20_000);
  await assertTablesEqual(lab, active, standby);
});

test("a link too slow for more than the log holds: counted as backpressure, and a comparison makes up for it", async () => {
  const before = await resyncs("backpressure");
  await throttle("1mbit");
  try {
    await makeFlows(lab.namespace(active), "add", 0, LEFT_FLOWS);
    for (let round = 0; round < ROUNDS; round++) {
      await makeFlows(lab.namespace(active), "add", LEFT_FLOWS, ROUND_FLOWS);
      await makeFlows(lab.namespace(active), "remove", LEFT_FLOWS, ROUND_FLOWS);
    }
    await assertMemoryIsBounded();
  } finally {
    await unthrottle();
  }
  await waitFor("backpressure to be counted", async () => (await resyncs("backpressure")) > before);
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
  await assertMemoryIsBounded();
  await makeFlows(lab.namespace(active), "remove", 0, LEFT_FLOWS);
  await assertTablesEqual(lab, active, standby);
});

test("a lossy link: a fifth of all packets is lost both ways while connections come and go", async () => {
  const net = ["netns", "exec", lab.namespace("net"), "nft"];
  const hook = (device: string) => `type filter hook ingress device "${device}" priority 0`;
  const drop = (device: string) => `${hook(device)}\nnumgen random mod 100 < 20 drop\n`;
  const rules = `table netdev loss {\nchain a {\n${drop("gw1-sync")}}\nchain b {\n${drop("gw2-sync")}}\n}`;
  const churn = new FlowMaker(lab.namespace(active), "churn", 0, 2_000);
  try {
    await runCommand("ip", [...net, rules]);
    await letTimePass(10_000);
    await assertMemoryIsBounded();
  } finally {
    await churn.end();
    await runCommand("ip", [...net, "delete table netdev loss"]);
  }
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
});

test("a half-open link: both ends notice that nothing comes any more, and go on afterwards", async () => {
  const bothGone = async () => {
    const sink = await lab.status(standby);
    const from = sink.replication.streams.filter((one) => one.direction === "from" && one.connected);
    return !(await lab.streamTo(active, standby)).connected && from.length === 0;
  };
  await cut(lab.name, `${standby}-sync`, { silent: true });
  try {
    await waitFor("both ends to notice", bothGone, { limitMs: 10_000 });
    const status = await lab.seenBy(active);
    assert.equal(status?.verdict, "degraded");
    assert.match((await lab.streamTo(active, standby)).state, /said nothing for 3 s|no answer in time/);
    await makeFlows(lab.namespace(active), "add", 0, 2_000);
  } finally {
    await mend(lab.name, `${standby}-sync`);
  }
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
});

test("a flood while the replicator stands still: the overrun is counted, a comparison follows", async () => {
  const { overruns } = (await lab.status(active)).replication;
  // A stream that has waited for longer than 3 s begins anew.
  const compared = async () => (await resyncs("overrun")) + (await resyncs("joined"));
  const before = await compared();
  const { pid } = await lab.processOf(active, "replicator");
  sendSignal(pid, "SIGSTOP");
  try {
    await makeFlows(lab.namespace(active), "add", 0, EVENT_OVERRUN_FLOWS);
  } finally {
    sendSignal(pid, "SIGCONT");
  }
  await lab.waitForNode(active, "counting the overrun", ({ replication }) => replication.overruns > overruns);
  await waitFor("the comparison", async () => (await compared()) > before);
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
  await assertMemoryIsBounded();
  assert.equal((await lab.processOf(active, "replicator")).pid, pid, "it was not started again");
  await makeFlows(lab.namespace(active), "remove", 0, EVENT_OVERRUN_FLOWS);
  await assertTablesEqual(lab, active, standby);
});

/** Entries in the fullest table of this machine: the limit is one for all namespaces, and each counts for itself. */
async function fullestTable(): Promise<number> {
  const counts = readdirSync("/run/netns").map(async (name) => {
    const file = "/proc/sys/net/netfilter/nf_conntrack_count";
    const { status, stdout } = await tryCommand("ip", ["netns", "exec", name, "cat", file]);
    return status === 0 ? Number(stdout) : 0;
  });
  return Math.max(...(await Promise.all(counts)));
}

test("the standby's table is full: named, counted, shown; when there is room again everything is there", async () => {
  const before = Number(readFileSync(MAX_FILE, "utf8"));
  const limit = (await fullestTable()) + HEADROOM;
  const { pid } = await lab.processOf(standby, "replicator");
  const own = `10.255.0.${standby.slice(2)}`;
  try {
    await makeFlows(lab.namespace(standby), "fill", own, limit);
    writeFileSync(MAX_FILE, String(limit));
    await makeFlows(lab.namespace(active), "add", LEFT_FLOWS, 2_000);
    const problems = await waitFor("status to say that connections are not protected", async () => {
      const seen = await lab.seenBy(active);
      const codes = seen?.problems.filter(({ node }) => node === standby).map(({ code }) => code) ?? [];
      return codes.includes("not-protected") && codes.includes("table-full") ? seen?.problems : undefined;
    });
    assert.match(
      problems.find(({ code }) => code === "not-protected")?.message ?? "",
      /refused [0-9]+ connections/,
    );
    // Status tells of the first of them already.
    await lab.waitForNode(standby, "counting what its kernel refused", ({ replication: { streams } }) => {
      const refused = streams.find(({ direction }) => direction === "from")?.refused ?? {};
      return (refused["create ENOMEM"] ?? 0) >= 1_900;
    });
    await assertMemoryIsBounded();
  } finally {
    writeFileSync(MAX_FILE, String(before));
  }
  await inNode(standby, "conntrack", "-D", "-d", own);
  // Of a table that large the nodes read their copies seldom: a fiftieth of the time.
  await waitFor(
    "a comparison to make up for what was refused",
    async () => (await lab.status(standby)).replication.notProtected === 0,
    { limitMs: ROOM_AGAIN_LIMIT_MS, explain: () => lab.log(active).slice(-2_000) },
  );
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
  assert.equal((await lab.processOf(standby, "replicator")).pid, pid, "it was not started again");
});

test("the standby stops and starts, is killed, loses its power, while connections come and go", async () => {
  const churn = new FlowMaker(lab.namespace(active), "churn", 0, 4_000);
  const isWell = async () => (await lab.waitUntilWell()).activeNode === active;
  try {
    await stopNode(lab.name, standby);
    await startNode(lab.name, standby);
    assert.ok(await isWell());
    await crash(lab.name, standby);
    await startNode(lab.name, standby);
    assert.ok(await isWell());
    await powerOff(lab.name, standby);
    await letTimePass(1_000);
    await powerOn(lab.name, standby);
    assert.ok(await isWell());
  } finally {
    await churn.end();
  }
  await lab.waitUntilWell();
  await assertTablesEqual(lab, active, standby);
});
