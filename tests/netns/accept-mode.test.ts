import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { documentPath } from "../../src/lab/lab-folder.ts";
import { runningNode, startNode, stopNode } from "../../src/lab/node-process.ts";
import { runCommand } from "../../src/lab/run-command.ts";
import { TestLab } from "./daemon-node.ts";
import { NamespaceAgent } from "./namespace-agent.ts";
import { requireNamespaces } from "./namespace-preconditions.ts";

// What the active answers to who asks its virtual addresses (docs/guide/failover.md, "What a virtual address answers"), with accept mode on
// and off. The rules with it off could do harm, too: hosts would find no gateway, or answers to what it has translated would be lost.

const SERVICE_PORT = 7_013;
/** A port that nothing listens on, anywhere. */
const CLOSED_PORT = 40_404;
const VIRTUAL = ["10.1.0.1", "fd00:1::1"];
const OWN = ["10.1.0.2", "fd00:1::2"];
/** The server, and the virtual address outside that what goes there is translated to. */
const TRANSLATED = [
  ["192.0.2.9", "192.0.2.1"],
  ["2001:db8::9", "2001:db8::1"],
] as const;
const NO_ANSWER = "no answer";

type Question = (asker: NamespaceAgent, host: string) => Promise<string>;

/** Each has a host of its own to ask it: silence is waited for, by all of them at once. */
const questions: Readonly<Record<string, Question>> = {
  ping: async (asker, host) => {
    const { answered } = await asker.request({ do: "ping", device: "eth0", host });
    return answered ? "answered" : NO_ANSWER;
  },
  "TCP to a service": (asker, host) => ask(asker, "tcp", host, SERVICE_PORT),
  "UDP to a service": (asker, host) => ask(asker, "udp", host, SERVICE_PORT),
  "UDP to nobody": (asker, host) => ask(asker, "udp", host, CLOSED_PORT),
};

let lab: TestLab;
let text: string;
let client: NamespaceAgent;
let server: NamespaceAgent;
let gateway: NamespaceAgent;
const askers = new Map<string, NamespaceAgent>();

before(async () => {
  await requireNamespaces(["conntrack"]);
  lab = await TestLab.up("ta", { nodes: 1 }, { daemons: false });
  text = readFileSync(documentPath(lab.name), "utf8");
  client = new NamespaceAgent(lab.namespace("lan"));
  server = new NamespaceAgent(lab.namespace("wan"));
  gateway = new NamespaceAgent(lab.namespace("gw1"));
  for (const what of Object.keys(questions)) askers.set(what, new NamespaceAgent(lab.namespace("lan")));
  await server.request({ do: "serve", port: SERVICE_PORT });
  await gateway.request({ do: "serve", port: SERVICE_PORT });
});

afterEach(async () => {
  if (runningNode(lab.name, "gw1") !== undefined) await stopNode(lab.name, "gw1");
});

after(async () => {
  for (const agent of [client, server, gateway, ...askers.values()]) await agent?.close();
  await lab?.down();
});

/** @returns "answered", or why not; of a datagram to nobody, what ICMP tells */
async function ask(
  asker: NamespaceAgent,
  protocol: "tcp" | "udp",
  host: string,
  port: number,
): Promise<string> {
  // A service on all addresses answers datagrams from the one that the kernel likes best, which a connected socket does not hear.
  const connected = port === CLOSED_PORT;
  const answer = await asker.request({ do: "ask", protocol, host, port, connected });
  return "seen" in answer ? "answered" : answer.failed;
}

/** What became of each question to each of the hosts. */
async function answersOf(hosts: readonly string[]): Promise<Record<string, readonly string[]>> {
  const all = Object.entries(questions).map(async ([what, question]) => {
    const asker = askers.get(what);
    assert.ok(asker !== undefined);
    const answers: string[] = [];
    for (const host of hosts) answers.push(await question(asker, host));
    return [what, answers] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

const both = (answer: string): readonly string[] => [answer, answer];

/** Through the virtual addresses of both sides, in both families: answers, and an ICMP error about what was translated. */
async function assertForwarded(): Promise<void> {
  for (const [host, seen] of TRANSLATED) {
    for (const protocol of ["tcp", "udp"] as const)
      assert.deepEqual(await client.request({ do: "ask", protocol, host, port: SERVICE_PORT }), { seen });
    assert.match(await ask(client, "udp", host, CLOSED_PORT), /ECONNREFUSED/);
  }
}

async function startWith(acceptMode: boolean): Promise<void> {
  const line = `    acceptMode: ${acceptMode}\n    preempt:`;
  writeFileSync(documentPath(lab.name), text.replace("    preempt:", line));
  await startNode(lab.name, "gw1");
  await lab.waitForNode("gw1", "active", ({ role }) => role === "active");
  // So that ARP and neighbour discovery have to be answered.
  await runCommand("ip", ["-n", lab.namespace("lan"), "neigh", "flush", "dev", "eth0"]);
}

test("with accept mode on the virtual addresses are asked as the node's own", async () => {
  await startWith(true);
  const [answers] = await Promise.all([answersOf(VIRTUAL), assertForwarded()]);
  assert.deepEqual(answers, {
    ping: both("answered"),
    "TCP to a service": both("answered"),
    "UDP to a service": both("answered"),
    "UDP to nobody": both(NO_ANSWER),
  });
});

test("with accept mode off nothing reaches the node by them, and it forwards as ever", async () => {
  await startWith(false);
  await assertForwarded();
  const [answers] = await Promise.all([answersOf(VIRTUAL), assertForwarded()]);
  assert.deepEqual(answers, {
    ping: both(NO_ANSWER),
    "TCP to a service": both(NO_ANSWER),
    "UDP to a service": both(NO_ANSWER),
    "UDP to nobody": both(NO_ANSWER),
  });
  await assertForwarded();
  assert.deepEqual(
    await answersOf(OWN),
    {
      ping: both("answered"),
      "TCP to a service": both("answered"),
      "UDP to a service": both("answered"),
      // An error of ICMP: silence is of the virtual addresses only.
      "UDP to nobody": both("recvmsg ECONNREFUSED"),
    },
    "its own addresses",
  );
});
