import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import { documentFiles } from "../../keys/document-files.ts";
import { renderGatewayRules } from "./gateway-rules.ts";

/** `nft list ruleset` is for people, too. Needs root: the rules go into a namespace of their own, which is removed afterwards. */
const namespace = `tocha-list-${process.pid}`;
const examples = new URL("../../../examples/", import.meta.url);
const guide = readFileSync(new URL("../../../docs/guide/gateway-rules.md", import.meta.url), "utf8");

function nft(args: readonly string[], input = ""): string {
  return execFileSync("ip", ["netns", "exec", namespace, "nft", ...args], {
    input,
    encoding: "utf8",
    timeout: 60_000,
    // A provider's maps are several megabytes of text.
    maxBuffer: 64 << 20,
  });
}

function documentOf(file: string): ClusterDocument {
  const text = readFileSync(new URL(file, examples), "utf8");
  const { document } = readDocument(text, file, documentFiles(fileURLToPath(examples)));
  assert.ok(document);
  return document;
}

/** The chains of a listing with their rules; where a chain hangs is no rule. */
function chainsOf(listing: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  for (const [, name = "", body = ""] of listing.matchAll(/^\tchain (\S+) \{\n([\s\S]*?)^\t\}$/gm)) {
    const rules = body.split("\n").map((line) => line.trim());
    chains.set(name, [...(chains.get(name) ?? []), ...rules.filter((line) => !/^(type .*|)$/.test(line))]);
  }
  return chains;
}

/** The chains that the guide tells of. */
const knownChains = new Set(
  [...guide.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+)/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name ?? ""),
  ),
);

before(() => {
  assert.equal(process.geteuid?.(), 0, "this test needs root: run it with sudo");
  execFileSync("ip", ["netns", "add", namespace]);
});
after(() => {
  execFileSync("ip", ["netns", "del", namespace]);
});

describe("what nft lists", () => {
  for (const file of readdirSync(examples).filter((name) => name.endsWith(".yaml")))
    it(`of examples/${file} is readable`, () => {
      const document = documentOf(file);
      const [node = ""] = Object.keys(document.nodes);
      nft(["flush", "ruleset"]);
      nft(["-f", "-"], renderGatewayRules(document, node));
      const listing = nft(["list", "ruleset"]);
      const chains = chainsOf(listing);
      const filtering = [
        ...(document.firewall?.forward?.rules ?? []).map(({ id }) => ({ id, chain: "forward" })),
        ...(document.firewall?.input?.rules ?? []).map(({ id }) => ({ id, chain: "input" })),
      ];

      // Chains by names that the guide explains, or by the rule of the document that they are of.
      const ofRules = new Set(filtering.map(({ id, chain }) => `${chain}-${id}`));
      for (const name of chains.keys()) assert.ok(knownChains.has(name) || ofRules.has(name), name);

      // A word for every rule.
      for (const [name, rules] of chains)
        for (const rule of rules) assert.match(rule, / comment "[^"]{2,}"$/, `${name}: ${rule}`);

      // Each rule of the document is found by its id, in the chain of its kind.
      const { source, forward, oneToOne, cgnat } = document.nat;
      const wanted = [
        ...[...source, ...oneToOne, ...cgnat].map(({ id }) => ({ id, chain: "translate-source" })),
        ...[...forward, ...oneToOne].map(({ id }) => ({ id, chain: "translate-destination" })),
        ...filtering.map(({ id, chain }) => ({ id, chain: `firewall-${chain}` })),
      ];
      for (const { id, chain } of wanted)
        assert.ok(
          chains.get(chain)?.some((rule) => rule.endsWith(` comment "${id}"`)),
          `${id} in ${chain}`,
        );

      // And each set by its name.
      for (const [name, { kind, elements }] of Object.entries(document.sets)) {
        if (elements.length === 0) continue;
        assert.match(listing, new RegExp(`^\tset ${name}-${kind === "ports" ? "ports" : "v[46]"} \\{$`, "m"));
      }

      // Bytes at a place of the packet stand only where nft has no word: the target of a neighbour solicitation.
      for (const [name, rules] of chains)
        for (const rule of rules)
          if (/@(ll|nh|th),/.test(rule))
            assert.match(rule, /^icmpv6 type nd-neighbor-solicit /, `${name}: ${rule}`);
    });
});
