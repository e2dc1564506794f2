import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/client/control-client.ts";
import type { Connection, ConnectionCount, ConnectionTop } from "../../src/contract/connections.ts";
import { controlSocket, documentPath, labFolder } from "../../src/lab/lab-folder.ts";
import { nodeAddresses, nodeNames } from "../../src/lab/lab-plan.ts";
import { cut, mend } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { type CommandResult, runCommand, tryCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { letTimePass, waitFor } from "./namespace-waiting.ts";

// What a node says of its connections, and its metrics: over the real command line, daemon and kernel.

const SERVICE_PORT = 7_008;
const METRICS_PORT = 9_845;
/** More than all buffers between the kernel and a reader that stands still can hold. */
/** Connections that are made over ctnetlink report no event that replication asks for: the sweep finds them. */
const SWEEP_MS = 10_000;
const MANY = 40_000;
/** As in src/daemon/drivers/connection-answers.ts. */
const WALKS_MAX = 4;

const launcher = fileURLToPath(new URL("../../bin/tocha", import.meta.url));

let lab: TestLab;
let server: NamespaceAgent;
let client: NamespaceAgent;
let active = "";
let standby = "";

before(async () => {
  await requireNamespaces(["conntrack"]);
  lab = await TestLab.up("tc", { refreshMs: SWEEP_MS }, { daemons: false });
  appendFileSync(documentPath(lab.name), `metrics: { interface: lan, port: ${METRICS_PORT} }\n`);
  for (const node of nodeNames(lab.settings)) await startNode(lab.name, node);
  server = new NamespaceAgent(lab.namespace("wan"));
  client = new NamespaceAgent(lab.namespace("lan"));
  await server.request({ do: "serve", port: SERVICE_PORT });
  ({ active, standby } = await lab.rolesWhenWell());
  await openConnections();
  await addFlows(active, MANY);
});

after(async () => {
  await client?.close();
  await server?.close();
  await lab?.down();
});

/** Two connections that stay open, one of each family, and a question by UDP. */
async function openConnections(): Promise<void> {
  const ask = { do: "ask", port: SERVICE_PORT, keep: true } as const;
  for (const [localAddress, host] of [
    ["10.1.0.10", "192.0.2.9"],
    ["fd00:1::10", "2001:db8::9"],
  ] as const) {
    const answer = await client.request({ ...ask, protocol: "tcp", host, localAddress, localPort: 40_100 });
    assert.ok("seen" in answer, JSON.stringify(answer));
  }
  await client.request({ ...ask, protocol: "udp", host: "192.0.2.9", localPort: 40_200 });
}

/** Connections of subscribers that do not exist: 10.99.0.0/16 to one web server. */
async function addFlows(node: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => {
    const source = `10.99.${i >> 8}.${i & 0xff}`;
    return (
      `-A -t 3000 -u SEEN_REPLY,ASSURED -s ${source} -d 198.18.0.1 -r 198.18.0.1 -q ${source} ` +
      "-p tcp --sport 4000 --dport 443 --reply-port-src 443 --reply-port-dst 4000 --state ESTABLISHED\n"
    );
  });
  const file = join(labFolder(lab.name), "flows.txt");
  writeFileSync(file, lines.join(""));
  await runCommand("ip", ["netns", "exec", lab.namespace(node), "conntrack", "-R", file]);
}

/** Runs tocha to its end, asking the active node where nothing else is said. */
async function tocha(args: readonly string[], node = active): Promise<CommandResult> {
  return await tryCommand(launcher, [...args, "--socket", controlSocket(lab.name, node)]);
}

async function list(...args: string[]): Promise<Connection[]> {
  const { status, stdout, stderr } = await tocha(["connections", "list", "-o", "json", ...args]);
  assert.equal(status, 0, stderr);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Connection);
}

/** What the tests before this one had open is closed a moment later. */
async function settledSockets(): Promise<number> {
  let last = -1;
  return await waitFor("the number of open sockets to settle", async () => {
    await sleep(200);
    const now = await openSockets();
    const isSettled = now === last;
    last = now;
    return isSettled ? now : undefined;
  });
}

/** The sockets that the control process has open: a walk has one of its own. */
async function openSockets(): Promise<number> {
  const { pid } = await lab.processOf(active, "control");
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(join(folder, fd)).startsWith("socket:");
    } catch {
      return false; // Closed meanwhile.
    }
  }).length;
}

/** A list whose reader stands still. */
function startStalledList() {
  const child = spawn(launcher, ["connections", "list", "--socket", controlSocket(lab.name, active)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    async hasBegun() {
      await once(child.stdout, "readable");
    },
    async end() {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      await closed;
    },
  };
}

describe("tocha connections list", () => {
  it("shows connections with their translation, found by any of their ends", async () => {
    const own = ["--destination", "192.0.2.9", "--protocol", "tcp"];
    for (const filter of [
      ["--source", "10.1.0.0/24", ...own],
      ["--from", "10.1.0.10/32", "--from", "10.200.0.0/16", ...own],
      ["--nat", "192.0.2.1", "--protocol", "tcp", "--state", "established"],
      ["--port", "40100", "--nat", "any", ...own],
    ]) {
      const [connection, ...others] = await list(...filter);
      assert.deepEqual(others, [], filter.join(" "));
      assert.partialDeepStrictEqual(connection, {
        ...{ protocol: "tcp", state: "ESTABLISHED", source: "10.1.0.10", sourcePort: 40_100 },
        ...{ destination: "192.0.2.9", destinationPort: SERVICE_PORT, translatedSource: "192.0.2.1" },
        ...{ assured: true, mirrored: true },
      });
    }
    const [six] = await list("--source", "fd00:1::/64", "--protocol", "tcp");
    assert.partialDeepStrictEqual(six, {
      source: "fd00:1::10",
      translatedSource: "2001:db8::1",
      mirrored: true,
    });
    const [udp] = await list("--protocol", "udp", "--destination", "192.0.2.9", "--mirrored", "no");
    assert.partialDeepStrictEqual(udp, { protocol: "udp", sourcePort: 40_200, assured: false });
    const text = (await tocha(["connections", "list", "--port", "40100", "--nat", "192.0.2.1"])).stdout;
    assert.match(
      text,
      /^PROTO .*\ntcp +ESTABLISHED +10\.1\.0\.10:40100 +-> 192\.0\.2\.9:7008 +192\.0\.2\.1:\d+ .* yes/,
    );
    assert.equal(text.split("\n").length, 3);
  });

  it("lists every one of many, and no more than were asked for", async () => {
    const all = await list("--source", "10.99.0.0/16");
    assert.equal(new Set(all.map(({ source }) => source)).size, MANY);
    assert.equal((await list("--source", "10.99.0.0/16", "--limit", "7")).length, 7);
    assert.deepEqual(await list("--source", "10.98.0.0/16"), []);
  });

  it("refuses what it does not understand, with status 2", async () => {
    const { status, stderr } = await tocha(["connections", "list", "--source", "10.1.0.0/40"]);
    assert.equal(status, 2);
    assert.match(stderr, /no network \(source\) \[bad-filter\]/);
  });

  it("ends quietly when its reader has enough, and so does the walk", async () => {
    const before = await openSockets();
    const command = `"${launcher}" connections list --socket "${controlSocket(lab.name, active)}" | head -n 3`;
    const { stdout, stderr } = await tryCommand("bash", [
      "-c",
      `set -o pipefail; ${command}; echo "status $?"`,
    ]);
    assert.equal(stderr, "");
    const lines = stdout.trim().split("\n");
    assert.equal(lines.length, 4);
    assert.equal(lines[3], "status 0");
    await waitFor("the walk to end", async () => (await openSockets()) <= before);
  });

  it("leaves the node able to answer while a reader stands still, and is limited in number", async () => {
    const before = await settledSockets();
    const lists = Array.from({ length: WALKS_MAX }, startStalledList);
    try {
      await Promise.all(lists.map((one) => one.hasBegun()));
      // Each has its own socket to the kernel, and its reader's.
      await waitFor("their sockets", async () => (await openSockets()) >= before + 2 * WALKS_MAX);
      const status = await new ControlClient(controlSocket(lab.name, active)).status();
      assert.equal(status.activeNode, active);
      const { status: exit, stderr } = await tocha(["connections", "count"]);
      assert.equal(exit, 1);
      assert.match(stderr, /4 walks .* under way already \[walks-busy\]/);
    } finally {
      await Promise.all(lists.map((one) => one.end()));
    }
    await waitFor("the walks to end", async () => (await openSockets()) <= before);
    assert.equal((await tocha(["connections", "count"])).status, 0);
  });
});

describe("tocha connections count and top", () => {
  it("count what is there", async () => {
    const { status, stdout } = await tocha(["connections", "count", "-o", "json", "--from", "10.99.0.0/16"]);
    assert.equal(status, 0);
    const { node, count } = JSON.parse(stdout) as { node: string; count: ConnectionCount };
    assert.equal(node, active);
    assert.deepEqual(count, {
      total: MANY,
      families: { ipv4: MANY, ipv6: 0 },
      protocols: { tcp: MANY },
      states: { "tcp ESTABLISHED": MANY },
      translated: { source: 0, destination: 0, both: 0, none: MANY },
      mirrored: { yes: MANY, no: 0 },
    });
    const text = (await tocha(["connections", "count"])).stdout;
    assert.match(text, /^\w+: 40,\d{3} connections, 40,\d{3} of a kind that is mirrored/);
  });

  it("count on the standby what was mirrored to it", async () => {
    await waitFor("the standby to hold what the active holds", async () => {
      const args = ["connections", "count", "-o", "json", "--from", "10.99.0.0/16"];
      return (
        (JSON.parse((await tocha(args, standby)).stdout) as { count: ConnectionCount }).count.total === MANY
      );
    });
  });

  it("find who has the most, and say when they cannot know for sure", async () => {
    const top = async (by: string) => {
      const { stdout } = await tocha(["connections", "top", "--by", by, "-o", "json", "--port", "443"]);
      return JSON.parse(stdout) as ConnectionTop & { connections: number };
    };
    const port = await top("port");
    assert.deepEqual(port.entries, [{ key: "tcp/443", connections: MANY }]);
    assert.deepEqual([port.distinct, port.uncertainty, port.connections], [1, 0, MANY]);
    // More sources than are followed exactly.
    const source = await top("source");
    assert.equal(source.distinct, null);
    assert.equal(source.uncertainty, 1);
    const text = (await tocha(["connections", "top", "--by", "destination"])).stdout;
    assert.match(text, /^198\.18\.0\.1 +40,000 +\d+\.\d%$/m);
  });
});

describe("tocha connections sync", () => {
  it("says that all is protected, and that it is not while the sync link is cut", async () => {
    await lab.waitUntilWell();
    const well = await tocha(["connections", "sync"]);
    assert.equal(well.status, 0, well.stdout);
    assert.match(
      well.stdout,
      / PROTECTED\n.* is active with 40,\d{3} connections in its table\.\n.* holds every connection/,
    );
    assert.match(well.stdout, new RegExp(`^${active} +to ${standby} +live`, "m"));
    await cut(lab.name, `${standby}-sync`);
    try {
      const cutOff = await waitFor("sync to say so", async () => {
        const result = await tocha(["connections", "sync"]);
        return result.status === 1 && result;
      });
      assert.match(cutOff.stdout, new RegExp(`NOT PROTECTED\\n[\\s\\S]*^! ${standby} does not answer`, "m"));
    } finally {
      await mend(lab.name, `${standby}-sync`);
    }
    await lab.waitUntilWell();
  });
});

describe("metrics", () => {
  interface Answer {
    readonly status?: number;
    readonly type?: string | null;
    readonly text?: string;
    readonly error?: string;
  }

  /** Asks over TCP from a namespace. */
  async function ask(
    part: string,
    host: string,
    { method = "GET", path = "/metrics" } = {},
  ): Promise<Answer> {
    const code = `
      const options = { method: ${JSON.stringify(method)}, signal: AbortSignal.timeout(2000) };
      try {
        const answer = await fetch("http://${host}:${METRICS_PORT}${path}", options);
        const type = answer.headers.get("content-type");
        console.log(JSON.stringify({ status: answer.status, type, text: await answer.text() }));
      } catch (error) {
        console.log(JSON.stringify({ error: error.cause?.code ?? error.name }));
      }`;
    const program = [process.execPath, "--input-type=module", "-e", code];
    return JSON.parse(await runCommand("ip", ["netns", "exec", lab.namespace(part), ...program])) as Answer;
  }

  const own = (node: string, network: "lan" | "wan") =>
    nodeAddresses(node, network, lab.settings).map((address) => address.split("/")[0] ?? "");

  it("come over the control socket", async () => {
    const { status, stdout } = await tocha(["metrics"]);
    assert.equal(status, 0);
    assert.match(stdout, /^tocha_connections 40\d{3}$/m);
    assert.match(stdout, /^tocha_role\{group="gateway",role="active"\} 1$/m);
    assert.match(
      stdout,
      new RegExp(`^tocha_replication_records_total\\{peer="${standby}",direction="to"\\} [1-9]`, "m"),
    );
    assert.match(stdout, /^tocha_replication_complete 1$/m);
    assert.match(stdout, /^tocha_process_cpu_seconds_total\{process="replicator"\} \d/m);
    assert.match(
      (await tocha(["metrics"], standby)).stdout,
      /^tocha_replication_applied_total\{result="created"\} [1-9]/m,
    );
  });

  it("come over TCP on the node's own addresses of the interface that the document names", async () => {
    const [v4 = "", v6 = ""] = own(active, "lan");
    for (const host of [v4, `[${v6}]`]) {
      const { status, type, text = "" } = await ask("lan", host);
      assert.equal(status, 200, host);
      assert.match(type ?? "", /^text\/plain; version=0\.0\.4/);
      assert.match(text, /^tocha_connections 40\d{3}$/m);
    }
    assert.equal((await ask("lan", v4, { path: "/v1/status" })).status, 404);
    assert.equal((await ask("lan", v4, { method: "POST" })).status, 405);
    assert.equal((await ask("lan", v4, { path: "/metrics?a=b" })).status, 200);
  });

  it("come nowhere else: not on another interface, not to its address by another way, not on virtual addresses", async () => {
    const [lan = ""] = own(active, "lan");
    const [wan = ""] = own(active, "wan");
    assert.equal((await ask("wan", wan)).error, "ECONNREFUSED");
    // A router takes packets for any of its addresses on any of its interfaces.
    await runCommand("ip", ["-n", lab.namespace("wan"), "route", "add", `${lan}/32`, "via", wan]);
    try {
      assert.equal((await ask("wan", lan)).error, "ECONNREFUSED");
    } finally {
      await runCommand("ip", ["-n", lab.namespace("wan"), "route", "del", `${lan}/32`]);
    }
    const virtual = await ask("lan", "10.1.0.1");
    assert.notEqual(virtual.error, undefined, JSON.stringify(virtual));
  });

  it("come while a role hangs, and then without what only that role knows", async () => {
    const { pid } = await lab.processOf(standby, "replicator");
    process.kill(pid, "SIGSTOP");
    try {
      // Longer than its last report counts for.
      await tocha(["metrics"], standby);
      await letTimePass(10_500);
      const { status, stdout } = await tocha(["metrics"], standby);
      assert.equal(status, 0);
      assert.match(stdout, /^tocha_process_answering\{process="replicator"\} 0$/m);
      assert.match(stdout, /^tocha_role\{group="gateway",role="standby"\} 1$/m);
      assert.doesNotMatch(stdout, /^tocha_replication/m);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});
