import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { type ClusterDocument, clusterDocumentJsonSchema } from "../../src/contract/cluster-document.ts";
import { readDocument } from "../../src/contract/read-document.ts";
import type { StaticRoute } from "../../src/contract/routes-schema.ts";
import { keysIn, keysOf, type SchemaPlace } from "../../src/contract/schema-keys.test-data.ts";
import { type PlannedDocument, planChange } from "../../src/core/config/plan.ts";
import { gatewaySysctls } from "../../src/core/gateway-sysctls.ts";
import { renderGatewayRules } from "../../src/core/ruleset/gateway-rules.ts";
import { nodeRoutes } from "../../src/core/static-routes.ts";
import { documentArbitrary, setFiles } from "./document-arbitrary.ts";

/** Needs root: nft asks the kernel, in a namespace of its own. Nothing is loaded. */
const namespace = `tocha-pr-${process.pid}`;
const SEED = 20_261_126;
const RUNS = 300;

before(() => {
  assert.equal(process.geteuid?.(), 0, "this test needs root: run it with sudo");
  execFileSync("ip", ["netns", "add", namespace]);
});
after(() => {
  execFileSync("ip", ["netns", "del", namespace]);
});

/** What nft has against a rule set; empty when nothing. */
function refusal(rules: string): string {
  const { status, stderr } = spawnSync("ip", ["netns", "exec", namespace, "nft", "-c", "-f", "-"], {
    input: rules,
    encoding: "utf8",
    timeout: 60_000,
  });
  return status === 0 ? "" : `${stderr}\nin\n${rules}`;
}

/** What no document of this test has, and why: none. */
const exceptions: Readonly<Record<string, string>> = {};

/** What makes rules or plans of another kind, and is seen in values, not in keys. */
const kinds: Readonly<Record<string, (document: ClusterDocument) => boolean>> = {
  "one node": ({ nodes }) => Object.keys(nodes).length === 1,
  "more than two nodes": ({ nodes }) => Object.keys(nodes).length > 2,
  "more than one group": ({ groups }) => Object.keys(groups).length > 1,
  "a group that does not answer": ({ groups }) => Object.values(groups).some((one) => !one.acceptMode),
  "a virtual hardware address": ({ groups }) => Object.values(groups).some((one) => one.virtualMac),
  "version 2 of VRRP": ({ groups }) => Object.values(groups).some((one) => one.version === 2),
  "unicast peers": ({ groups }) =>
    Object.values(groups).some((one) => Object.keys(one.unicastPeers).length > 0),
  "short exchanges": ({ replication }) => replication.shortExchanges,
  marks: ({ replication }) => replication.marks,
  "networks without pulses": ({ pulses }) => pulses.without.length > 0,
  "no API": ({ api }) => api === undefined,
  "source NAT from an IPv6 prefix to another": ({ nat }) =>
    nat.source.some(({ to }) => String(to).endsWith("/64") || String(to).endsWith("/48")),
  "an IPv6 forward": ({ nat }) => nat.forward.some(({ target }) => target.includes(":")),
  "an IPv6 address one to one": ({ nat }) => nat.oneToOne.some(({ inside }) => /:.*\/128$/.test(inside)),
  "an IPv6 prefix one to one": ({ nat }) => nat.oneToOne.some(({ inside }) => /:.*\/64$/.test(inside)),
  "an IPv6 route": ({ routes }) => routes.some(({ to }) => to.includes(":")),
  "a route of some nodes": ({ routes }) => routes.some(({ nodes }) => nodes !== undefined),
  helpers: ({ nat }) => nat.helpers.length > 0,
};

describe("any document that validates", () => {
  it("can be planned and rendered for every node, and nft accepts it", () => {
    let valid = 0;
    let before: PlannedDocument | undefined;
    const schema: SchemaPlace = clusterDocumentJsonSchema();
    const seen = new Set<string>();
    fc.assert(
      fc.property(documentArbitrary(), (text) => {
        const { document } = readDocument(text, "cluster.yaml", setFiles);
        if (document === undefined) return;
        valid++;
        const after = { name: `document ${valid}`, text, document };
        // From nothing, then from one to another.
        const plan = planChange({ before, after });
        assert.equal(plan.changes > 0, plan.revision !== plan.revisionBefore);
        for (const { steps } of plan.nodes)
          for (const { sentence } of steps) assert.doesNotMatch(sentence, /undefined|\[object|NaN/);
        before = after;
        for (const key of keysOf(JSON.parse(text), schema)) seen.add(key);
        for (const [kind, has] of Object.entries(kinds)) if (has(document)) seen.add(kind);
        // Each node's rules take away all that was there before: one question for all of them is enough.
        const rules = Object.keys(document.nodes).map((node) => renderGatewayRules(document, node));
        assert.equal(refusal(rules.join("\n")), "");
        for (const node of Object.keys(document.nodes)) {
          assert.ok(gatewaySysctls(document, node).every(({ value }) => Number.isInteger(value)));
          const isOwn = ({ nodes }: StaticRoute) => nodes === undefined || nodes.includes(node);
          const own: number = document.routes.filter(isOwn).length;
          assert.equal(nodeRoutes(document, node).length, own);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    assert.ok(valid > RUNS / 2, `only ${valid} of ${RUNS} documents were valid: the test would show nothing`);
    const wanted = [...new Set(keysIn(schema)), ...Object.keys(kinds)];
    assert.deepEqual(
      wanted.filter((key) => !seen.has(key) && exceptions[key] === undefined),
      [],
      "what no document had",
    );
    assert.deepEqual(
      Object.keys(exceptions).filter((key) => seen.has(key) || !wanted.includes(key)),
      [],
      "no exceptions any more",
    );
  });

  it("is refused by nft when it is rendered wrongly: the question is a real one", () => {
    const [document] = fc
      .sample(documentArbitrary(), { numRuns: 10, seed: SEED })
      .flatMap((text) => readDocument(text, "cluster.yaml", setFiles).document ?? []);
    assert.ok(document);
    const rules = renderGatewayRules(document, "gw1");
    assert.equal(refusal(rules), "");
    assert.notEqual(refusal(rules.replace("ct state invalid", "ct state invalld")), "");
  });
});
