import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { goodNatDocument } from "../../contract/nat-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { gatewaySysctls, sysctlPath } from "../gateway-sysctls.ts";
import { liveness } from "../liveness.ts";
import { bareNft } from "./bare-nft.test-data.ts";
import { renderGatewayRules, renderGatewayRulesRemoval } from "./gateway-rules.ts";

/** Needs root: the rules and settings go into namespaces of their own, which are removed afterwards. */
const gateway = `tocha-rules-${process.pid}`;
const client = `tocha-rules-${process.pid}c`;

function inside(namespace: string, command: string, args: readonly string[], input = ""): string {
  return execFileSync("ip", ["netns", "exec", namespace, command, ...args], {
    input,
    encoding: "utf8",
    timeout: 20_000,
    // A provider's maps are several megabytes of text.
    maxBuffer: 64 << 20,
  });
}

function documentOf(text: string): ClusterDocument {
  const { document } = readDocument(text, "cluster.yaml", documentFiles(fileURLToPath(examples)));
  assert.ok(document);
  return document;
}

const examples = new URL("../../../examples/", import.meta.url);

function checkBare(rules: string): void {
  const [command = "", ...args] = bareNft;
  inside(gateway, command, [...args, "-c", "-f", "-"], rules);
}

before(() => {
  assert.equal(process.geteuid?.(), 0, "this test needs root: run it with sudo");
  for (const name of [gateway, client]) execFileSync("ip", ["netns", "add", name]);
});

/** Programs of a test that failed half-way must not outlive it. */
const programs = new Set<ChildProcess>();

after(() => {
  for (const child of programs) child.kill("SIGKILL");
  for (const name of [gateway, client]) execFileSync("ip", ["netns", "del", name]);
});

describe("gateway rules in the kernel", () => {
  for (const file of readdirSync(examples).filter((name) => name.endsWith(".yaml"))) {
    it(`are accepted for every node of examples/${file}, again and again, and can be removed`, () => {
      const document = documentOf(readFileSync(new URL(file, examples), "utf8"));
      for (const node of Object.keys(document.nodes)) {
        const rules = renderGatewayRules(document, node);
        checkBare(rules);
        inside(gateway, "nft", ["-f", "-"], rules);
        inside(gateway, "nft", ["-f", "-"], rules);
        const loaded = inside(gateway, "nft", ["list", "ruleset"]);
        const count = (text: string) => text.match(/\S comment "/g)?.length;
        assert.equal(count(loaded), count(rules), "every rule is there, once");
      }
      inside(gateway, "nft", ["-f", "-"], renderGatewayRulesRemoval());
      assert.equal(inside(gateway, "nft", ["list", "ruleset"]), "");
    });
  }
});

const second =
  "\n  second:\n    virtualRouterId: 52\n    priorities: { gw1: 100, gw2: 110 }\n    addresses: { lan: [10.1.0.77/24] }";
const moved6 =
  '    - { id: moved6, protocol: both, address: "2001:db8::1", port: 8000-8003, target: "fd00:1::9", targetPort: 9000 }\n';
const network6 = '    - { id: net6, inside: "fd00:7::/64", outside: "2001:db8:7::/64", out: wan }\n';

describe("rules of translation in the kernel", () => {
  const kinds: readonly [string, string][] = [
    ["every kind", goodNatDocument],
    [
      "ports of IPv6 and of masquerade, moved ranges, pools of several parts",
      goodNatDocument
        .replace('out: wan, to: "2001:db8::1" }', 'out: wan, to: ["2001:db8::1"], ports: 1024-65535 }')
        .replace("out: wan, to: 192.0.2.1 }", "out: wan, to: masquerade, ports: 2000-60000 }")
        .replace("to: 192.0.2.10-192.0.2.12", "to: [192.0.2.12, 203.0.113.130-203.0.113.140, 192.0.2.10]")
        .replace("target: 10.1.0.21 }", "target: 10.1.0.21, targetPort: 7000 }"),
    ],
    [
      "IPv6 one to one, moved, and routed; several groups",
      goodNatDocument
        .replace("  oneToOne:\n", `${moved6}  oneToOne:\n${network6}`)
        .replace("wan: [203.0.113.0/24]", `wan: [203.0.113.0/24, "2001:db8:7::/64"]${second}`),
    ],
  ];
  for (const [name, text] of kinds) {
    it(`are accepted, saved and loaded again: ${name}`, () => {
      const rules = renderGatewayRules(documentOf(text), "gw1");
      checkBare(rules);
      inside(gateway, "nft", ["-f", "-"], rules);
      const loaded = inside(gateway, "nft", ["list", "ruleset"]);
      const count = (one: string) => one.match(/\S comment "/g)?.length;
      assert.equal(count(loaded), count(rules));
      inside(gateway, "nft", ["flush", "ruleset"]);
      inside(gateway, "nft", ["-f", "-"], loaded);
      assert.equal(inside(gateway, "nft", ["list", "ruleset"]), loaded);
      inside(gateway, "nft", ["flush", "ruleset"]);
    });
  }
});

describe("gateway rules with helpers in the kernel", () => {
  it("are accepted with every helper and every event", () => {
    const document = documentOf(
      goodDocument
        .replace("nat:", "nat:\n  helpers: [ftp, tftp, sip, pptp, irc, h323]")
        .replace("replication:", "replication:\n  shortExchanges: true\n  marks: true"),
    );
    const rules = renderGatewayRules(document, "gw1");
    checkBare(rules);
    inside(gateway, "nft", ["-f", "-"], rules);
    const loaded = inside(gateway, "nft", ["list", "ruleset"]);
    assert.equal(loaded.match(/ct helper set/g)?.length, 8);
    inside(gateway, "nft", ["flush", "ruleset"]);
  });

  it("can be saved by nft and loaded again, unless marks are wanted: nft 1.0.6 does not read what it writes", () => {
    const document = documentOf(goodDocument.replace("nat:", "nat:\n  helpers: [ftp, sip]"));
    inside(gateway, "nft", ["-f", "-"], renderGatewayRules(document, "gw1"));
    const saved = inside(gateway, "nft", ["list", "ruleset"]);
    inside(gateway, "nft", ["flush", "ruleset"]);
    inside(gateway, "nft", ["-f", "-"], saved);
    assert.equal(inside(gateway, "nft", ["list", "ruleset"]), saved);
    inside(gateway, "nft", ["flush", "ruleset"]);
  });
});

const virtual = "10.1.0.1";

/** Runs a program of a few lines within a namespace; what it prints is its events, line by line. */
function program(
  namespace: string,
  source: string,
): { child: ChildProcess; printed: () => string; until: (line: string) => Promise<void> } {
  const child = spawn("ip", ["netns", "exec", namespace, process.execPath, "-e", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  programs.add(child);
  child.once("exit", () => programs.delete(child));
  let printed = "";
  child.stdout.on("data", (bytes: Buffer) => {
    printed += bytes.toString("utf8");
  });
  const until = async (line: string) => {
    for (let tries = 0; tries < 500 && !printed.includes(line); tries++) await sleep(20);
    assert.ok(printed.includes(line), `expected ${line}, got ${printed}`);
  };
  return { child, printed: () => printed, until };
}

/** A connection that stays open and tells what happens to it. */
function talk(port: number): string {
  return `const s = require("node:net").connect(${port}, "${virtual}", () => s.write("before", () => console.log("written")));
    s.on("error", (e) => console.log("error " + e.code)); s.on("close", () => console.log("closed"));
    process.stdin.on("data", () => s.write("after", () => console.log("sent")));`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** How often the rule with this match dropped something. */
function dropped(match: string): number {
  const rules = inside(gateway, "nft", ["list", "table", "inet", "tocha"]).split("\n");
  return Number(rules.find((line) => line.includes(match))?.match(/packets (\d+)/)?.[1] ?? Number.NaN);
}

async function untilDropped(match: string): Promise<void> {
  for (let tries = 0; tries < 500 && !(dropped(match) > 0); tries++) await sleep(20);
  assert.ok(dropped(match) > 0, `a packet was dropped by ${match}`);
}

describe("a gateway that meets packets without a connection", () => {
  const document = documentOf(goodDocument);
  // As the failover role does while it lives: without the mark, ARP for virtual addresses is not answered.
  const alive = `table arp test { chain a {\ntype filter hook input priority ${liveness.priority}\nmeta mark set ${liveness.mark}\n}\n}\n`;
  // Nothing is tracked until the rules are there: an open connection becomes one that the table does not know.
  const loadRules = () => inside(gateway, "nft", ["-f", "-"], renderGatewayRules(document, "gw1") + alive);
  const unloadRules = () => inside(gateway, "nft", ["flush", "ruleset"]);

  before(() => {
    unloadRules();
    const link = [
      "link",
      "add",
      "eth0",
      "netns",
      gateway,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      client,
    ];
    execFileSync("ip", link);
    execFileSync("ip", ["-n", gateway, "link", "add", "eth1", "type", "bridge"]);
    for (const [namespace, address] of [
      [gateway, "10.1.0.2/24"],
      [gateway, `${virtual}/24`],
      [client, "10.1.0.100/24"],
    ] as const) {
      execFileSync("ip", ["-n", namespace, "address", "add", address, "dev", "eth0"]);
      execFileSync("ip", ["-n", namespace, "link", "set", "eth0", "up"]);
    }
  });

  it("has every kernel setting in its own namespace", () => {
    for (const { name, value } of gatewaySysctls(document, "gw1")) {
      inside(gateway, "sh", ["-c", `echo ${value} > ${sysctlPath(name)}`]);
      assert.equal(inside(gateway, "cat", [sysctlPath(name)]).trim(), String(value), name);
    }
  });

  it("stays silent to TCP from the middle of a connection", async () => {
    const server = program(
      gateway,
      `require("node:net").createServer((s) => s.on("data", (d) => console.log("got " + d))).listen(4000, () => console.log("ready"))`,
    );
    await server.until("ready");
    const talker = program(client, talk(4000));
    await server.until("got before");
    loadRules();
    talker.child.stdin?.write("go\n");
    await talker.until("sent");
    await untilDropped("@virtual4 ct state invalid");
    assert.equal(server.printed().includes("after"), false);
    assert.equal(talker.printed(), "written\nsent\n", "no RST: the connection is not closed");
  });

  it("sends no RST from a virtual address for a connection that the table does not know", async () => {
    unloadRules();
    // A service that dies with unread data ends its connection with a RST (RFC 2525 2.17).
    const server = program(
      gateway,
      `require("node:net").createServer({ pauseOnConnect: true }, () => console.log("connected")).listen(4001, () => console.log("ready"))`,
    );
    await server.until("ready");
    const talker = program(client, talk(4001));
    await server.until("connected");
    await talker.until("written");
    loadRules();
    await end(server.child);
    await untilDropped("no RST for a packet");
    assert.equal(talker.printed(), "written\n", "the connection is not closed");
  });

  it("still answers new connections to a virtual address", async () => {
    const server = program(
      gateway,
      `require("node:net").createServer((s) => s.end("hello")).listen(4001, "${virtual}", () => console.log("ready"))`,
    );
    await server.until("ready");
    const caller = program(
      client,
      `require("node:net").connect(4001, "${virtual}").on("data", (d) => console.log("got " + d)).on("end", () =>
         require("node:net").connect(4002, "${virtual}").on("error", (e) => console.log(e.code)))`,
    );
    await caller.until("got hello");
    // A port without a service is refused as usual.
    await caller.until("ECONNREFUSED");
    await end(caller.child);
    await end(server.child);
  });

  it("says no port unreachable from a virtual address, but does from its own", async () => {
    const talker = program(
      client,
      `const u = require("node:dgram").createSocket("udp4"); u.on("error", (e) => console.log("own " + e.code));
       const v = require("node:dgram").createSocket("udp4"); v.on("error", (e) => console.log("virtual " + e.code));
       u.connect(4003, "10.1.0.2", () => v.connect(4003, "${virtual}", () => { v.send("x"); u.send("x"); }))`,
    );
    await talker.until("own ECONNREFUSED");
    await untilDropped("port-unreachable");
    assert.equal(talker.printed(), "own ECONNREFUSED\n");
    await end(talker.child);
  });
});
