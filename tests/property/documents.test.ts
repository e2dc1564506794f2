import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { readDocument } from "../../src/contract/read-document.ts";
import { type PlannedDocument, planChange } from "../../src/core/config/plan.ts";
import { gatewaySysctls } from "../../src/core/gateway-sysctls.ts";
import { renderGatewayRules } from "../../src/core/ruleset/gateway-rules.ts";
import { nodeRoutes } from "../../src/core/static-routes.ts";
import { documentArbitrary, ruleKeys } from "./document-arbitrary.ts";

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

describe("any document that validates", () => {
  it("can be planned and rendered for every node, and nft accepts it", () => {
    let valid = 0;
    let before: PlannedDocument | undefined;
    const seen = new Set<string>();
    fc.assert(
      fc.property(documentArbitrary(), (text) => {
        const { document } = readDocument(text, "cluster.yaml");
        if (document === undefined) return;
        valid++;
        const after = { name: `document ${valid}`, text, document };
        // From nothing, then from one to another.
        const plan = planChange({ before, after });
        assert.equal(plan.changes > 0, plan.revision !== plan.revisionBefore);
        for (const { steps } of plan.nodes)
          for (const { sentence } of steps) assert.doesNotMatch(sentence, /undefined|\[object|NaN/);
        before = after;
        for (const kind of ["source", "forward", "oneToOne", "cgnat", "helpers"] as const)
          if (document.nat[kind].length > 0) seen.add(`nat.${kind}`);
        for (const rule of [
          ...(document.firewall?.forward?.rules ?? []),
          ...(document.firewall?.input?.rules ?? []),
        ])
          for (const key of Object.keys(rule)) seen.add(key);
        for (const node of Object.keys(document.nodes)) {
          assert.equal(refusal(renderGatewayRules(document, node)), "");
          assert.ok(gatewaySysctls(document, node).every(({ value }) => Number.isInteger(value)));
          assert.equal(nodeRoutes(document, node).length, document.routes.length);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    assert.ok(valid > RUNS / 2, `only ${valid} of ${RUNS} documents were valid: the test would show nothing`);
    assert.deepEqual(
      [...ruleKeys, "nat.source", "nat.forward", "nat.oneToOne", "nat.cgnat", "nat.helpers"].filter(
        (key) => !seen.has(key),
      ),
      [],
      "what no document had",
    );
  });

  it("is refused by nft when it is rendered wrongly: the question is a real one", () => {
    const [text = ""] = fc.sample(documentArbitrary(), { numRuns: 1, seed: SEED });
    const { document } = readDocument(text, "cluster.yaml");
    assert.ok(document);
    const rules = renderGatewayRules(document, "gw1");
    assert.equal(refusal(rules), "");
    assert.notEqual(refusal(rules.replace("ct state invalid", "ct state invalld")), "");
  });
});
