import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { goodDocument } from "../../contract/bad-documents.test-data.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { icmpTypes, icmpv6Types } from "../../contract/firewall-schema.ts";
import { readDocument } from "../../contract/read-document.ts";
import { bareNft } from "./bare-nft.test-data.ts";
import { renderGatewayRules } from "./gateway-rules.ts";

/** Needs root: the rules go into a namespace of their own, which is removed afterwards. */
const namespace = `tocha-fw-${process.pid}`;

function nft(args: readonly string[], input = "", command: readonly string[] = ["nft"]): string {
  return execFileSync("ip", ["netns", "exec", namespace, ...command, ...args], {
    input,
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
}

function having(text: string): ClusterDocument {
  const { document, problems } = readDocument(
    goodDocument.replace("replication:", () => `${text}\nreplication:`),
    "cluster.yaml",
  );
  assert.ok(document, JSON.stringify(problems.slice(0, 3)));
  return document;
}

/** Loads the rules of a document, twice, and gives what the kernel then has. */
function loaded(text: string): string {
  const rules = renderGatewayRules(having(text), "gw1");
  nft(["-c", "-f", "-"], rules, bareNft);
  nft(["-f", "-"], rules);
  nft(["-f", "-"], rules);
  const listing = nft(["list", "ruleset"]);
  const comments = (all: string) => all.match(/\S comment "/g)?.length;
  assert.equal(comments(listing), comments(rules), "every rule is there, once");
  return listing;
}

/** The rules of a chain as nft lists them. */
function chainOf(listing: string, name: string): string[] {
  const lines = listing.split("\n");
  const from = lines.indexOf(`\tchain ${name} {`);
  assert.ok(from >= 0, `a chain ${name} in ${listing}`);
  return lines
    .slice(from + 1, lines.indexOf("\t}", from))
    .map((line) => line.trim())
    .filter((line) => !line.startsWith("type "));
}

before(() => {
  assert.equal(process.geteuid?.(), 0, "this test needs root: run it with sudo");
  execFileSync("ip", ["netns", "add", namespace]);
});
after(() => {
  execFileSync("ip", ["netns", "del", namespace]);
});

describe("the firewall in the kernel", () => {
  it("has every kind of match", () => {
    const listing = loaded(`sets:
  staff: { elements: [10.1.0.0/25, 10.1.0.200-10.1.0.209, "fd00:1::/64", "fd00:2::5-fd00:2::9"] }
  web: { kind: ports, elements: [80, 443, 8000-8080] }
firewall:
  input: { default: drop, rules: [{ id: i, in: [lan, wan], from: "::/0", protocol: esp, action: accept }] }
  forward:
    default: drop
    rules:
      - { id: a, in: lan, out: [lan, wan], from: ["@staff", 10.9.0.0/16, 10.8.0.1-10.8.0.3], to: [0.0.0.0/0, "::/0"], action: accept }
      - { id: b, protocol: [tcp, udp, sctp, dccp, udplite], ports: ["@web", 53], sourcePorts: [1024-65535, "@web"], action: drop }
      - { id: c, protocol: sctp, ports: "@web", sourcePorts: 5, action: drop }
      - { id: d, protocol: [gre, esp, ah, ospf, igmp, icmp, icmpv6], from: "@staff", action: reject }
      - { id: e, protocol: [tcp, udp], to: "fd00:9::1", action: reject }
      - { id: f, protocol: tcp, action: reject }
      - { id: g, action: reject }`);
    assert.ok(listing.includes("reject with icmpx admin-prohibited"));
    assert.match(listing, /elements = \{ 10\.1\.0\.0\/25, 10\.1\.0\.200-10\.1\.0\.209 \}/);
    assert.equal(chainOf(listing, "forward-g").length, 2);
  });

  it("has every type of ICMP and ICMPv6", () => {
    for (const [protocol, types] of [
      ["icmp", icmpTypes],
      ["icmpv6", icmpv6Types],
    ] as const)
      loaded(
        `firewall: { input: { rules: [${types.map((type) => `{ id: ${type}, protocol: ${protocol}, types: ${type}, action: drop }`).join(", ")}] } }`,
      );
  });

  it("bounds, logs and counts in the order that is documented", () => {
    const listing = loaded(`logging: { firewall: { prefix: "fw.test: _-", group: 5, rate: 30/h } }
firewall: { input: { default: drop, rules: [{ id: web, limit: 100/s, sourceLimit: 999999/h, connections: 1000000, log: true, action: accept }] } }`);
    assert.deepEqual(
      chainOf(listing, "input-web").map((line) => line.replace(/ comment .*$/, "")),
      [
        "add @input-web-connections4 { ip saddr ct count over 1000000 } counter packets 0 bytes 0 drop",
        "add @input-web-connections6 { ip6 saddr & ffff:ffff:ffff:ffff:: ct count over 1000000 } counter packets 0 bytes 0 drop",
        "update @input-web-sources4 { ip saddr limit rate over 999999/hour burst 999999 packets } counter packets 0 bytes 0 drop",
        "update @input-web-sources6 { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 999999/hour burst 999999 packets } counter packets 0 bytes 0 drop",
        "limit rate over 100/second burst 100 packets counter packets 0 bytes 0 drop",
        'limit rate 30/hour burst 30 packets log prefix "fw.test: _-web: " group 5',
        "counter packets 0 bytes 0 accept",
      ],
    );
  });

  it("logs to the kernel's own log where no group is said, with the longest prefix and the longest id", () => {
    const [prefix, id] = ["p".repeat(32), "i".repeat(63)];
    const listing = loaded(`logging: { firewall: { prefix: ${prefix} } }
firewall: { forward: { rules: [{ id: ${id}, log: true, connections: 1, sourceLimit: 1/s, limit: 1/m, action: accept }] } }`);
    assert.ok(listing.includes(`log prefix "${prefix}${id}: " comment`), listing);
  });

  it("takes a set of ten thousand networks, written in any order and overlapping", () => {
    const elements = Array.from(
      { length: 5_000 },
      (_, index) => `10.${index >> 7}.${(index * 2) & 255}.0/24`,
    );
    const ranges = Array.from({ length: 5_000 }, (_, index) =>
      `"fd00:${index.toString(16)}::/32"`.replace("/32", "/96"),
    );
    const listing =
      loaded(`sets: { many: { elements: [${[...elements, ...ranges].reverse().join(", ")}, 10.0.0.0/24] } }
firewall: { forward: { rules: [{ id: a, from: "@many", action: drop }] } }`);
    const set = /set many-v4 \{[^}]*elements = \{([^}]*)\}/.exec(listing)?.[1] ?? "";
    assert.equal(set.split(",").length, new Set(elements).size);
    const set6 = /set many-v6 \{[^}]*elements = \{([^}]*)\}/.exec(listing)?.[1] ?? "";
    assert.equal(set6.split(",").length, ranges.length);
  });

  it("takes as many rules as a document may have", () => {
    const rules = Array.from(
      { length: 1_024 },
      (_, index) =>
        `{ id: r${index}, from: 10.${index >> 8}.${index & 255}.0/24, protocol: tcp, ports: ${1 + index}, action: accept }`,
    );
    const listing = loaded(`firewall: { forward: { default: drop, rules: [${rules.join(", ")}] } }`);
    assert.equal(chainOf(listing, "firewall-forward").length, 1 + 1_024 + 1);
  });
});
