import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { gatewaySysctls } from "../gateway-sysctls.ts";
import { gatewayRuleset, renderGatewayRules } from "./gateway-rules.ts";
import { ruleText } from "./ruleset-text.ts";

const examples = new URL("../../../examples/", import.meta.url);

function documentOf(text: string): ClusterDocument {
  const { document, problems } = readDocument(text, "cluster.yaml", documentFiles(fileURLToPath(examples)));
  assert.ok(document, JSON.stringify(problems));
  return document;
}

function having(text: string): ClusterDocument {
  return documentOf(goodDocument.replace("replication:", `${text}\nreplication:`));
}

/** The rules of a chain, without comments; undefined where there is no such chain. */
function chainOf(document: ClusterDocument, name: string, node = "gw1"): string[] | undefined {
  const chains = gatewayRuleset(document, node).tables.flatMap((table) => table.chains);
  return chains
    .find((chain) => chain.name === name)
    ?.rules.map((rule) => ruleText(rule).replace(/ comment ".*"$/, ""));
}

const sets = `sets:
  staff: { elements: [10.1.0.0/25, "fd00:1::/64"] }
  guests: { elements: [10.2.0.0/16] }
  web: { kind: ports, elements: [80, 443] }
`;

/** What one rule of the forward chain becomes there. */
function rendered(rule: string): string[] | undefined {
  const document = having(`${sets}firewall: { forward: { rules: [{ id: a, ${rule} }] } }`);
  return chainOf(document, "firewall-forward")?.slice(1);
}

describe("firewall rules", () => {
  it("render the example of a campus as in campus.golden.nft", () => {
    // Written by this renderer, read by people, and loaded into a kernel by gateway-rules-kernel.test.ts.
    const golden = readFileSync(new URL("campus.golden.nft", import.meta.url), "utf8");
    const campus = documentOf(readFileSync(new URL("campus.yaml", examples), "utf8"));
    assert.equal(renderGatewayRules(campus, "gw1"), golden);
  });

  it("are not there without the key", () => {
    const rules = renderGatewayRules(documentOf(goodDocument), "gw1");
    assert.ok(!rules.includes("firewall") && !rules.includes("filter + 10"));
    const one = having("firewall: { forward: { default: drop } }");
    assert.deepEqual(chainOf(one, "firewall-input"), undefined);
    assert.deepEqual(chainOf(one, "firewall-forward"), [
      "ct state established,related accept",
      "counter drop",
    ]);
  });

  it("let port forwards pass behind them, and nothing of what is translated one to one", () => {
    const forwards = `nat:
  forward:
    - { id: web, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20, targetPort: 8443 }
    - { id: six, protocol: both, address: "2001:db8::1", port: 8000-8009, target: "fd00:1::20", targetPort: 9000 }
  oneToOne:
    - { id: mail, inside: 10.1.0.25, outside: 198.18.0.25, out: wan }
  source:`;
    const text = goodDocument
      .replace("nat:\n  source:", forwards)
      .replace(
        "    addresses:\n      lan: [10.1.0.1",
        "    routedNetworks: { wan: [198.18.0.0/24] }\n    addresses:\n      lan: [10.1.0.1",
      )
      .replace(
        "replication:",
        `firewall: { forward: { default: drop, rules: [{ id: a, from: 10.9.0.0/16, action: drop }] } }\nreplication:`,
      );
    assert.deepEqual(chainOf(documentOf(text), "firewall-forward"), [
      "ct state established,related accept",
      "ip saddr 10.9.0.0/16 counter drop",
      "ct status dnat ip daddr 10.1.0.20 tcp dport 8443 counter accept",
      "ct status dnat ip6 daddr fd00:1::20 meta l4proto { tcp, udp } th dport 9000-9009 counter accept",
      "counter drop",
    ]);
  });

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["action: accept", ["counter accept"]],
    ["in: lan, out: [wan, sync], action: drop", ['iifname "eth0" oifname { "eth1", "eth2" } counter drop']],
    ["from: 10.1.0.7/32, action: drop", ["ip saddr 10.1.0.7 counter drop"]],
    ["from: 0.0.0.0/0, action: drop", ["meta nfproto ipv4 counter drop"]],
    [
      "from: [10.1.0.0/25, 10.1.0.128/25, 10.1.0.9], to: [192.0.2.9, '2001:db8::9'], action: drop",
      ["ip saddr 10.1.0.0/24 ip daddr 192.0.2.9 counter drop"],
    ],
    [
      "from: ['@staff', 10.9.0.0/16, '@guests'], action: accept",
      [
        "ip saddr 10.9.0.0/16 counter accept",
        "ip saddr @staff-v4 counter accept",
        "ip saddr @guests-v4 counter accept",
        "ip6 saddr @staff-v6 counter accept",
      ],
    ],
    ["protocol: tcp, ports: 80, action: accept", ["tcp dport 80 counter accept"]],
    [
      "protocol: [tcp, udp], ports: [53, '@web'], sourcePorts: 1024-65535, action: accept",
      [
        "meta l4proto { tcp, udp } th sport 1024-65535 th dport 53 counter accept",
        "meta l4proto { tcp, udp } th sport 1024-65535 th dport @web-ports counter accept",
      ],
    ],
    ["protocol: [gre, icmpv6], action: drop", ["meta l4proto { 47, icmpv6 } counter drop"]],
    [
      "protocol: [icmp, icmpv6], from: '@guests', action: drop",
      ["ip saddr @guests-v4 meta l4proto icmp counter drop"],
    ],
    [
      "protocol: [icmp, icmpv6], types: [echo-request, packet-too-big], action: accept",
      [
        "icmp type echo-request counter accept",
        "icmpv6 type { echo-request, packet-too-big } counter accept",
      ],
    ],
    ["protocol: tcp, action: reject", ["meta l4proto tcp counter reject with tcp reset"]],
    ["protocol: udp, action: reject", ["meta l4proto udp counter reject with icmpx admin-prohibited"]],
    ["action: reject", ["counter goto forward-a"]],
    [
      "to: '@staff', limit: 10/s, action: accept",
      ["ip daddr @staff-v4 counter goto forward-a", "ip6 daddr @staff-v6 counter goto forward-a"],
    ],
  ];
  for (const [rule, expected] of cases)
    it(`render ${rule}`, () => assert.deepEqual(rendered(rule), expected));

  it("match nothing where their sets hold nothing", () => {
    const document = having(
      "sets: { a: { elements: [10.0.0.1] } }\nfirewall: { forward: { rules: [{ id: a, to: '@a', action: drop }] } }",
    );
    const empty = { ...document, sets: { a: { kind: "addresses" as const, elements: [] } } };
    assert.deepEqual(chainOf(empty, "firewall-forward"), ["ct state established,related accept"]);
  });

  it("bound, log and accept in a chain of their own: one bound for all of a rule's matches", () => {
    const document = having(
      `${sets}logging: { firewall: { prefix: "fw:", group: 7, rate: 5/m } }
firewall: { forward: { rules: [{ id: web, from: ["@staff", "@guests"], limit: 100/s, sourceLimit: 10/m, connections: 50, log: true, action: accept }] } }`,
    );
    assert.deepEqual(chainOf(document, "forward-web"), [
      "add @forward-web-connections4 { ip saddr ct count over 50 } counter drop",
      "add @forward-web-connections6 { ip6 saddr & ffff:ffff:ffff:ffff:: ct count over 50 } counter drop",
      "update @forward-web-sources4 { ip saddr limit rate over 10/minute burst 10 packets } counter drop",
      "update @forward-web-sources6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 10/minute burst 10 packets } counter drop",
      "limit rate over 100/second burst 100 packets counter drop",
      'limit rate 5/minute burst 5 packets log prefix "fw:web: " group 7',
      "counter accept",
    ]);
  });
});

describe("the input chain with a default that drops", () => {
  const document = having(
    `${sets}metrics: { interface: lan }
management: { interfaces: [lan, sync], from: ["@staff", 10.9.0.1], ports: [22, 8443] }
firewall: { input: { default: drop, rules: [{ id: no-metrics, from: "@guests", action: drop }] } }`,
  );
  const rules = chainOf(document, "firewall-input") ?? [];
  const at = (part: string) => rules.findIndex((rule) => rule.includes(part));

  it("lets everything that is tracked by nobody but said between the nodes pass, before all rules", () => {
    const untracked = chainOf(document, "control-in")?.map((rule) => rule.replace("notrack", "accept")) ?? [];
    assert.ok(untracked.length >= 9);
    for (const rule of untracked)
      assert.ok(rules.indexOf(rule) >= 0 && rules.indexOf(rule) < at("@guests"), rule);
  });

  it("lets administrators in before all rules", () => {
    const ports = "tcp dport { 22, 8443 } counter accept";
    assert.deepEqual(rules.slice(at("dport { 22, 8443 }"), at("ct state invalid")), [
      `iifname { "eth0", "eth2" } ip saddr 10.9.0.1 ${ports}`,
      `iifname { "eth0", "eth2" } ip saddr @staff-v4 ${ports}`,
      `iifname { "eth0", "eth2" } ip6 saddr @staff-v6 ${ports}`,
    ]);
    assert.ok(at("ct state invalid") < at("@guests"));
  });

  it("lets those in who ask the API, as administrators, or else behind the rules", () => {
    const api = "api: { interface: lan, port: 7900 }\n";
    const drop = "firewall: { input: { default: drop } }";
    const said = having(`${api}management: { interfaces: sync }\n${drop}`);
    const input = chainOf(said, "firewall-input") ?? [];
    assert.ok(input.includes('iifname "eth2" tcp dport { 22, 7900 } counter accept'), input.join("\n"));
    assert.deepEqual(input.slice(-2), ["ct state invalid counter drop", "counter drop"]);
    assert.deepEqual(chainOf(having(`${api}${drop}`), "firewall-input")?.slice(-2), [
      'iifname "eth0" tcp dport 7900 counter accept',
      "counter drop",
    ]);
  });

  it("lets metrics in behind the rules, which can forbid it", () => {
    assert.deepEqual(rules.slice(at("@guests")), [
      "ip saddr @guests-v4 counter drop",
      'iifname "eth0" tcp dport 9845 counter accept',
      "counter drop",
    ]);
  });
});

describe("kernel timeouts", () => {
  it("are the document's where it says them, and tocha's otherwise", () => {
    const document = having("timeouts: { udp: 3m, tcpEstablished: 24h, gre: 1m }");
    const value = (name: string) =>
      gatewaySysctls(document, "gw1").find((one) => one.name === `net.netfilter.nf_conntrack_${name}`)?.value;
    assert.deepEqual(
      ["udp_timeout", "udp_timeout_stream", "tcp_timeout_established", "gre_timeout", "generic_timeout"].map(
        value,
      ),
      [180, 300, 86_400, 60, undefined],
    );
  });
});
