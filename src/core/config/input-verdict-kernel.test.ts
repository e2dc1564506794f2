// First of all: everything here happens in a network namespace of this test's own.
import "../../../tests/network/own-namespace.ts";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { run, runIp, TestHost } from "../../../tests/network/test-host.ts";
import { validIp } from "../../base/ip.ts";
import { readDocument } from "../../contract/read-document.ts";
import { renderGatewayRules } from "../ruleset/gateway-rules.ts";
import { InputFirewall } from "./input-verdict.ts";
import { pairDocument } from "./plans.test-data.ts";

/** What a plan thinks of connections to a gateway is what the kernel does with them, under the rules of the same document. */
const PORTS = [22, 2_222, 7_847] as const;

const base = pairDocument
  .replace("10.1.0.2/24] }", "10.1.0.2/24] }\n      mgmt: { device: eth3, addresses: [10.9.0.2/24] }")
  .replace("10.1.0.3/24] }", "10.1.0.3/24] }\n      mgmt: { device: eth3, addresses: [10.9.0.3/24] }");

const documents: Readonly<Record<string, string>> = {
  nothing: "",
  "a default": "firewall: { input: { default: drop } }",
  "management by interface": "management: { interfaces: mgmt }\nfirewall: { input: { default: drop } }",
  "management by address, ports of its own, the API":
    "management: { from: [10.1.0.64/26, 198.51.100.0/24], ports: [2222] }\napi: { interface: lan }\nfirewall: { input: { default: drop } }",
  "the API behind the rules":
    "api: { interface: lan }\nfirewall: { input: { default: drop, rules: [{ id: a, from: 10.1.0.128/25, protocol: tcp, ports: 7847, action: reject }] } }",
  "rules in their order": `sets: { far: { elements: [198.51.100.0/24] }, ssh: { kind: ports, elements: [22, 2222] } }
firewall:
  input:
    rules:
      - { id: a, from: 10.1.0.64/26, in: lan, protocol: tcp, ports: 22, action: accept }
      - { id: b, in: lan, protocol: tcp, ports: "@ssh", action: drop }
      - { id: c, from: "@far", action: drop }
      - { id: d, to: 10.9.0.2, protocol: tcp, ports: 2222, action: drop }
      - { id: e, protocol: udp, action: drop }
      - { id: f, from: 10.9.0.128/25, protocol: tcp, limit: 1000/s, action: accept }
      - { id: g, from: 10.9.0.128/25, action: drop }`,
  "ports that connections come from":
    "firewall: { input: { rules: [{ id: a, protocol: tcp, sourcePorts: 1-1023, action: drop }, { id: b, in: lan, protocol: tcp, sourcePorts: 1024-65535, action: drop }] } }",
};

/** Where the client comes from, on which interface, and whom it asks. */
const ways = [
  ["10.1.0.77", "lan", "10.1.0.2"],
  ["10.1.0.200", "lan", "10.1.0.2"],
  ["10.1.0.77", "lan", "10.1.0.1"],
  ["10.9.0.7", "mgmt", "10.9.0.2"],
  ["10.9.0.200", "mgmt", "10.9.0.2"],
  ["198.51.100.7", "mgmt", "10.9.0.2"],
] as const;

let client: TestHost;
const servers: Server[] = [];

before(async () => {
  client = await TestHost.start();
  runIp([
    "link set lo up",
    "link add eth0 type veth peer name lan",
    "link add eth3 type veth peer name mgmt",
  ]);
  for (const device of ["lan", "mgmt"]) client.take(device);
  client.runIp([
    ...["lan", "mgmt"].map((device) => `link set ${device} up`),
    ...["10.1.0.77", "10.1.0.200"].map((address) => `addr add ${address}/24 dev lan`),
    ...["10.9.0.7", "10.9.0.200"].map((address) => `addr add ${address}/24 dev mgmt`),
    "addr add 198.51.100.7/32 dev lo",
  ]);
  runIp([
    ...["eth0", "eth3"].map((device) => `link set ${device} up`),
    ...["10.1.0.2", "10.1.0.1"].map((address) => `addr add ${address}/24 dev eth0`),
    "addr add 10.9.0.2/24 dev eth3",
    "route add 198.51.100.0/24 via 10.9.0.7",
  ]);
  for (const port of PORTS) {
    const server = createServer((socket) => socket.on("error", () => socket.destroy()).end("here"));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(port, "0.0.0.0", resolve);
    await promise;
    servers.push(server);
  }
});

after(() => {
  for (const server of servers) server.close();
  client?.close();
});

/** Opens connections from the client, all at once. @returns whether each was answered */
async function knock(knocks: readonly object[]): Promise<boolean[]> {
  const child = client.start("knock-end.ts", [JSON.stringify(knocks)]);
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return JSON.parse(text) as boolean[];
}

describe("the plan's view of the firewall", () => {
  for (const [name, more] of Object.entries(documents))
    it(`is the kernel's: ${name}`, async () => {
      const text = base.replace("replication:", () => `${more}\nreplication:`);
      const { document, problems } = readDocument(text, "cluster.yaml");
      assert.ok(document, JSON.stringify(problems));
      run("nft", ["flush", "ruleset"]);
      run("nft", ["-f", "-"], renderGatewayRules(document, "gw1"));
      // Nobody defends the virtual addresses here.
      run("nft", ["delete", "table", "arp", "tocha"]);
      const knocks = ways.flatMap(([localAddress, role, host]) =>
        PORTS.map((port) => ({ localAddress, role, host, port })),
      );
      const answered = await knock(knocks.map(({ role: _role, ...rest }) => rest));
      const firewall = new InputFirewall(document);
      const seen = knocks.map(({ localAddress, host, port }, index) => [
        `${localAddress} ${host} ${port}`,
        answered[index] === true ? "passes" : "dropped",
      ]);
      const foreseen = knocks.map(({ localAddress, role, host, port }) => {
        const to = validIp(host);
        const { verdict } = firewall.verdict({ from: validIp(localAddress), interface: role, port, to });
        return [`${localAddress} ${host} ${port}`, verdict];
      });
      assert.deepEqual(foreseen, seen);
    });
});
