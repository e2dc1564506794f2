import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { goodNatDocument } from "../../contract/nat-documents.test-data.ts";
import { readDocument } from "../../contract/read-document.ts";
import { gatewayRuleset } from "./gateway-rules.ts";
import { rulesetText, ruleText } from "./ruleset-text.ts";

function documentOf(text: string): ClusterDocument {
  const { document, problems } = readDocument(text, "cluster.yaml");
  assert.ok(document, JSON.stringify(problems));
  return document;
}

function example(): ClusterDocument {
  return documentOf(readFileSync(new URL("../../../examples/provider.yaml", import.meta.url), "utf8"));
}

/** The rules of one chain, without their comments. */
function rulesOf(document: ClusterDocument, name: string, node = "gw1"): string[] {
  const [inet] = gatewayRuleset(document, node).tables;
  const chain = inet?.chains.find((one) => one.name === name);
  return (chain?.rules ?? []).map((rule) => ruleText(rule).replace(/ comment ".*"$/, ""));
}

describe("rules of translation", () => {
  it("are those of nat-rules.golden.nft for the example of a provider, but for its 65,536 subscribers", () => {
    // Written by this renderer, read by people, and loaded into a kernel by gateway-rules-kernel.test.ts and tests/netns.
    const { tables } = gatewayRuleset(example(), "gw1");
    const short = tables.map((table) => ({
      ...table,
      sets: table.sets.map((set) =>
        set.elements.length > 20
          ? { ...set, elements: [...set.elements.slice(0, 2), ...set.elements.slice(-2)] }
          : set,
      ),
    }));
    const golden = readFileSync(new URL("nat-rules.golden.nft", import.meta.url), "utf8");
    assert.equal(rulesetText({ tables: short }), golden);
    const blocks = tables[0]?.sets.find(({ name }) => name === "blocks-homes");
    assert.equal(blocks?.elements.length, 65_536);
  });

  it("have a rule for each part of a pool, by its size", () => {
    const pool = goodNatDocument.replace(
      "to: 192.0.2.10-192.0.2.12, ports: 1024-65535",
      "to: [203.0.113.130-203.0.113.131, 192.0.2.12, 203.0.113.128/31, 192.0.2.10]",
    );
    assert.deepEqual(
      rulesOf(documentOf(pool), "translate-source").filter((line) => line.includes("10.2.0.0/24")),
      [
        'oifname "eth1" ip saddr 10.2.0.0/24 jhash ip saddr mod 6 seed 0x746f6368 < 1 counter snat ip to 192.0.2.10',
        'oifname "eth1" ip saddr 10.2.0.0/24 jhash ip saddr mod 6 seed 0x746f6368 < 2 counter snat ip to 192.0.2.12',
        'oifname "eth1" ip saddr 10.2.0.0/24 counter snat ip to 203.0.113.128-203.0.113.131 persistent',
      ],
    );
  });

  it("map each port of a range that is moved", () => {
    const moved = goodNatDocument.replace(
      "port: 27000-27010, target: 10.1.0.21",
      "port: 27000-27002, target: 10.1.0.21, targetPort: 7000",
    );
    assert.equal(
      rulesOf(documentOf(moved), "translate-destination")[1],
      "ip daddr 192.0.2.1 meta l4proto { tcp, udp } th dport 27000-27002 counter dnat ip to 10.1.0.21:th dport map { 27000 : 7000, 27001 : 7001, 27002 : 7002 }",
    );
  });

  it("take only what comes from outside where hairpin is off, and none comes back then", () => {
    const off = documentOf(
      goodNatDocument
        .replaceAll(" }\n  oneToOne:", " }\n  oneToOne:")
        .replace(/(target[^}\n]*[^e]) }/g, "$1, hairpin: false }")
        .replace(/(outside[^}\n]*wan) }/g, "$1, hairpin: false }"),
    );
    for (const line of rulesOf(off, "translate-destination")) assert.match(line, /^iifname "eth1" /);
    assert.ok(!rulesOf(off, "translate-source").some((line) => line.includes("ct original")));
  });

  it("make the maps of subscribers anew where they follow from something else, and leave them alone otherwise", () => {
    const maps = (text: string) =>
      (gatewayRuleset(documentOf(text), "gw1").tables[0]?.sets ?? [])
        .filter(({ kind }) => kind === "map")
        .map(({ name, header }) => `${name} ${header.at(-1)}`);
    const before = maps(goodNatDocument);
    assert.deepEqual(
      before.map((text) => text.replace(/[0-9a-f]{16}/, "HASH")),
      ["blocks-homes", "addresses-homes"].map((name) => `${name} comment "blocks HASH"`),
    );
    assert.deepEqual(maps(goodNatDocument.replace("port: 443,", "port: 444,")), before);
    for (const [from, to] of [
      ["portsPerSubscriber: 4032", "portsPerSubscriber: 4000"],
      ["203.0.113.0-203.0.113.63", "203.0.113.1-203.0.113.64"],
      ["100.64.0.0/22", "100.64.4.0/22"],
    ] as const)
      for (const map of maps(goodNatDocument.replace(from, to))) assert.ok(!before.includes(map), map);
  });

  it("leave addresses of a group to the node that holds them, where there are several groups", () => {
    const two = goodNatDocument.replace(
      "    routedNetworks:",
      "  second:\n    virtualRouterId: 52\n    priorities: { gw1: 100, gw2: 110 }\n    addresses: { wan: [192.0.2.77/24] }\n    routedNetworks:",
    );
    const lines = rulesOf(documentOf(two), "translate-destination");
    assert.match(lines[0] ?? "", /^fib daddr type local ip daddr 192\.0\.2\.1 /);
    assert.match(lines.at(-1) ?? "", /^ip daddr 203\.0\.113\.240\/28 /, "routed to whoever forwards");
  });
});
