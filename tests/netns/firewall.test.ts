import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { powerOff, powerOn } from "../../src/lab/node-power.ts";
import { startNode } from "../../src/lab/node-process.ts";
import { outsiderMark } from "../../src/lab/process-table.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { STREAM_PORT } from "../../src/lab/traffic/stream-plan.ts";
import { StreamTraffic } from "../../src/lab/traffic/stream-traffic.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";
import { waitFor } from "./namespace-waiting.ts";

// A firewall whose defaults drop, under real traffic: what is accepted, dropped, rejected and bounded; and a cluster that works
// and fails over behind it.

const CONNECTIONS = 30;
/** Whether a port answers is said by the rule that has its name. */
const port = { open: 7_101, fromFile: 7_102, rejected: 7_103, dropped: 7_104, shared: 7_105 } as const;
const bounded = { connections: 7_106, sourceLimit: 7_107, limit: 7_108 } as const;
const UNNAMED = 7_109;
/** Outside, and at the host behind. */
const forwarded = { outside: 7_110, inside: 7_111 } as const;
const MANAGEMENT = 7_022;
const LOG_GROUP = 5;

const families = [
  { name: "IPv4", server: "192.0.2.9", own: "10.1.0.%", client: "10.1.0.10", other: "10.1.0.11" },
  { name: "IPv6", server: "2001:db8::9", own: "fd00:1::%", client: "fd00:1::10", other: "fd00:1::11" },
] as const;

/** No two of them touch: none can be joined with another. */
const manyNetworks = Array.from({ length: 10_000 }, (_, index) => `11.${index >> 8}.${index & 255}.0/25`);

const firewall = `sets:
  servers: { elements: [192.0.2.0/28, 192.0.2.16-192.0.2.31, "2001:db8::/64"] }
  many: { file: many.txt }
  ports: { kind: ports, elements: [${port.open}], file: open-ports.txt }
logging: { firewall: { prefix: "fw ", group: ${LOG_GROUP} } }
management: { interfaces: lan, from: [10.1.0.10, "fd00:1::10"], ports: [${MANAGEMENT}] }
firewall:
  forward:
    default: drop
    rules:
      - { id: many, to: "@many", action: drop }
      - { id: streams, protocol: tcp, ports: ${STREAM_PORT}, action: accept }
      - { id: rejected, protocol: [tcp, udp], ports: ${port.rejected}, action: reject, log: true }
      - { id: dropped, in: lan, protocol: [tcp, udp], ports: ${port.dropped}, action: drop }
      - { id: connections, protocol: tcp, ports: ${bounded.connections}, connections: 3, action: accept }
      - { id: source-limit, protocol: tcp, ports: ${bounded.sourceLimit}, sourceLimit: 3/h, action: accept }
      - { id: limit, protocol: udp, ports: ${bounded.limit}, limit: 2/h, action: accept }
      - { id: open, in: lan, out: wan, to: "@servers", protocol: [tcp, udp], ports: "@ports", action: accept }
  input:
    default: drop
    rules:
      - { id: ping, in: lan, protocol: [icmp, icmpv6], types: echo-request, action: accept }
      - { id: shared, in: lan, protocol: tcp, ports: ${port.shared}, action: accept }
`;

const portForward = `{ id: inward, protocol: tcp, address: 192.0.2.1, port: ${forwarded.outside}, target: 10.1.0.10, targetPort: ${forwarded.inside} }`;

let lab: TestLab;
let active: string;
let standby: string;
let client: NamespaceAgent;
let server: NamespaceAgent;
let gateways: readonly NamespaceAgent[] = [];

before(async () => {
  await requireNamespaces(["conntrack", "nft", "tcpdump"]);
  lab = await TestLab.up("fw", {}, { daemons: false });
  const path = documentPath(lab.name);
  const text = readFileSync(path, "utf8")
    .replace("replication:", () => `${firewall}replication:`)
    .replace("nat:\n", () => `nat:\n  forward: [${portForward}]\n`);
  writeFileSync(path, text);
  writeFileSync(join(dirname(path), "open-ports.txt"), `# further ports\n${port.fromFile} # the last one\n`);
  writeFileSync(join(dirname(path), "many.txt"), manyNetworks.map((network) => `${network}\n`).join(""));
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  for (const one of [...Object.values(port), ...Object.values(bounded), UNNAMED])
    await server.request({ do: "serve", port: one });
  await client.request({ do: "serve", port: forwarded.inside });
  await client.request({ do: "capture", device: "eth0" });
  for (const node of ["gw1", "gw2"]) await startNode(lab.name, node);
  ({ active, standby } = await lab.rolesWhenWell());
  gateways = [active, standby].map((node) => new NamespaceAgent(lab.namespace(node)));
  for (const gateway of gateways)
    for (const one of [port.shared, MANAGEMENT, UNNAMED]) await gateway.request({ do: "serve", port: one });
});

after(async () => {
  for (const agent of [client, server, ...gateways]) await agent?.close();
  await lab?.down();
});

type Protocol = "tcp" | "udp";

/** What a question through the gateway, or to it, ends with: the answer came, or why not. */
async function ask(protocol: Protocol, host: string, to: number, localAddress?: string): Promise<string> {
  const from = localAddress === undefined ? {} : { localAddress };
  const answer = await client.request({ do: "ask", protocol, host, port: to, ...from });
  return "seen" in answer ? "answered" : answer.failed;
}

/** Packets that the rules of a document's id have counted on a node. */
async function counted(node: string, comment: string): Promise<number> {
  const text = await runCommand("ip", [
    ...["netns", "exec", lab.namespace(node), "nft", "list", "table", "inet", "tocha"],
  ]);
  const lines = text.split("\n").filter((line) => line.endsWith(`comment "${comment}"`));
  assert.ok(lines.length > 0, `a rule ${comment}`);
  return lines.reduce((sum, line) => sum + Number(/packets (\d+)/.exec(line)?.[1] ?? 0), 0);
}

/** A node's own address in the LAN: gw1 has .2, gw2 has .3. */
function ownAddress(pattern: string, node: string): string {
  return pattern.replace("%", String(Number(node.slice(2)) + 1));
}

/** Answers that a node forbids something: ICMP type 3 code 13, ICMPv6 type 1 code 1 (RFC 1812 5.2.7.1, RFC 4443 3.1). */
async function prohibitions(): Promise<number> {
  const { frames } = await client.request({ do: "captured", device: "eth0" });
  return frames.filter((frame) => {
    const bytes = Buffer.from(frame, "hex");
    const type = bytes.readUInt16BE(12);
    if (type === 0x0800) return bytes[23] === 1 && bytes[34] === 3 && bytes[35] === 13;
    return type === 0x86dd && bytes[20] === 58 && bytes[54] === 1 && bytes[55] === 1;
  }).length;
}

for (const { name, server: host, own, client: self, other } of families) {
  test(`${name}: what a rule accepts comes through, by the set of the document and by that of its file`, async () => {
    const before = await counted(active, "open");
    for (const protocol of ["tcp", "udp"] as const)
      for (const to of [port.open, port.fromFile])
        assert.equal(await ask(protocol, host, to), "answered", `${protocol} ${to}`);
    // Only what begins a connection meets the rules.
    assert.equal((await counted(active, "open")) - before, 4);
  });

  test(`${name}: what is rejected gets an answer at once`, async () => {
    assert.match(await ask("tcp", host, port.rejected), /ECONNREFUSED/);
    await prohibitions();
    assert.notEqual(await ask("udp", host, port.rejected), "answered");
    await waitFor("the answer that it is forbidden", async () => (await prohibitions()) > 0);
  });

  test(`${name}: what is dropped gets none, by a rule or by default`, async () => {
    const before = [await counted(active, "dropped"), await counted(active, "default of firewall.forward")];
    for (const protocol of ["tcp", "udp"] as const)
      for (const to of [port.dropped, UNNAMED]) assert.equal(await ask(protocol, host, to), "no answer");
    assert.ok((await counted(active, "dropped")) >= (before[0] ?? 0) + 2);
    assert.ok((await counted(active, "default of firewall.forward")) >= (before[1] ?? 0) + 2);
  });

  test(`${name}: the gateway itself answers what its rules accept, and administrators`, async () => {
    for (const node of [active, standby]) {
      const gateway = ownAddress(own, node);
      const echo = await client.request({ do: "ping", device: "eth0", host: gateway });
      assert.ok(echo.answered, `${gateway} answers to a ping`);
      assert.equal(await ask("tcp", gateway, port.shared), "answered");
      assert.equal(await ask("tcp", gateway, UNNAMED), "no answer");
      assert.equal(await ask("tcp", gateway, MANAGEMENT, self), "answered");
      assert.equal(await ask("tcp", gateway, MANAGEMENT, other), "no answer");
    }
  });
}

test("a port forward needs no rule, and opens nothing else of its host", async () => {
  const answer = await server.request({
    ...{ do: "ask", protocol: "tcp", host: "192.0.2.1", port: forwarded.outside },
  });
  assert.ok("seen" in answer, JSON.stringify(answer));
  assert.equal(await counted(active, "port forward inward"), 1);
  // The same host and port, not by way of the forward: routed through the gateway.
  await runCommand("ip", ["-n", lab.namespace("wan"), "route", "add", "10.1.0.10", "via", "192.0.2.1"]);
  const direct = await server.request({
    ...{ do: "ask", protocol: "tcp", host: "10.1.0.10", port: forwarded.inside },
  });
  assert.deepEqual(direct, { failed: "no answer" });
  await runCommand("ip", ["-n", lab.namespace("wan"), "route", "del", "10.1.0.10"]);
});

test("a set of ten thousand networks is in the kernel of both nodes", async () => {
  for (const node of [active, standby]) {
    const text = await runCommand("ip", [
      ...["netns", "exec", lab.namespace(node), "nft", "-j", "list", "set", "inet", "tocha", "many-v4"],
    ]);
    assert.equal(text.match(/"prefix"/g)?.length, manyNetworks.length, node);
  }
});

test("what a rule logs comes with its id", async () => {
  // The file's packets (DLT_NFLOG) have the prefix in them.
  const dump = spawn(
    "ip",
    [
      ...["netns", "exec", lab.namespace(active)],
      ...["tcpdump", "--immediate-mode", "-U", "-i", `nflog:${LOG_GROUP}`, "-w", "-"],
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, [outsiderMark]: "1" } },
  );
  let said = "";
  let captured = "";
  dump.stderr.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  dump.stdout.on("data", (bytes: Buffer) => {
    captured += bytes.toString("latin1");
  });
  try {
    await waitFor("tcpdump to listen", () => said.includes("listening on"), { explain: () => said });
    const [{ server: host }] = families;
    assert.equal(await ask("tcp", host, port.open), "answered");
    assert.match(await ask("tcp", host, port.rejected), /ECONNREFUSED/);
    await waitFor("the line", () => captured.includes("fw rejected: "), { explain: () => said });
    assert.equal(captured.match(/fw [a-z-]+: /g)?.length, 1, "nothing else is logged");
  } finally {
    dump.kill("SIGKILL");
  }
});

test("a source may have so many connections at once, and again when one of them has ended", async () => {
  const [{ server: host, client: self, other }] = families;
  const holder = new NamespaceAgent(lab.namespace("lan"));
  const open = { do: "ask", protocol: "tcp", host, port: bounded.connections, keep: true } as const;
  for (let count = 0; count < 3; count++)
    assert.ok("seen" in (await holder.request({ ...open, localAddress: self })));
  assert.equal(await ask("tcp", host, bounded.connections, self), "no answer");
  assert.equal(await ask("tcp", host, bounded.connections, other), "answered");
  assert.ok((await counted(active, "connections: too many connections of one source")) > 0);
  await holder.close();
  await waitFor(
    "a further connection",
    async () => (await ask("tcp", host, bounded.connections, self)) === "answered",
  );
});

test("a source may begin so many connections in a time, and others as many of their own", async () => {
  for (const { server: host, client: self } of families)
    for (let count = 0; count < 3; count++)
      assert.equal(await ask("tcp", host, bounded.sourceLimit, self), "answered");
  const [v4, v6] = families;
  assert.equal(await ask("tcp", v4.server, bounded.sourceLimit, v4.client), "no answer");
  assert.equal(await ask("tcp", v4.server, bounded.sourceLimit, v4.other), "answered");
  // Of IPv6 the whole /64 is one source.
  assert.equal(await ask("tcp", v6.server, bounded.sourceLimit, v6.other), "no answer");
});

test("a rule may accept so much in a time, from all together", async () => {
  const [v4, v6] = families;
  assert.equal(await ask("udp", v4.server, bounded.limit, v4.client), "answered");
  assert.equal(await ask("udp", v6.server, bounded.limit, v6.client), "answered");
  assert.equal(await ask("udp", v4.server, bounded.limit, v4.other), "no answer");
});

test("the cluster works behind it, and no connection is lost when the active dies", async () => {
  const streams = await StreamTraffic.start(lab.settings, { connections: CONNECTIONS });
  try {
    await waitFor("every connection on the standby", async () => {
      const flows = [...(await lab.flows(standby, "ipv4")), ...(await lab.flows(standby, "ipv6"))];
      return flows.filter((line) => line.includes(`dport=${STREAM_PORT} `)).length >= CONNECTIONS;
    });
    await powerOff(lab.name, active);
    await streams.mark();
    const report = await waitFor("every connection to go on", async () => {
      const now = await streams.report();
      return now.survived === CONNECTIONS ? now : undefined;
    });
    assert.deepEqual([report.lost, report.corrupted, report.brokenEver], [0, 0, 0]);
    // The same rules hold there.
    const [{ server: host }] = families;
    assert.equal(await ask("tcp", host, port.open), "answered");
    assert.equal(await ask("tcp", host, UNNAMED), "no answer");
    assert.match(await ask("tcp", host, port.rejected), /ECONNREFUSED/);
    await powerOn(lab.name, active);
    await startNode(lab.name, active);
    await lab.waitUntilWell();
  } finally {
    await streams.close();
  }
});
