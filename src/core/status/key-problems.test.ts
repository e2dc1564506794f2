import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { healthyStatus } from "../../contract/status.test-data.ts";
import type { NodeStatus } from "../../contract/status.ts";
import { keyProblems } from "./key-problems.ts";

const asOf = "2026-08-01T10:00:00.000Z";
const far = "2030-01-01T00:00:00.000Z";
const [gw1, gw2] = healthyStatus().nodes;
assert.ok(gw1 && gw2);

function withKeys(node: NodeStatus, keys: Partial<NonNullable<NodeStatus["keys"]>> = {}): NodeStatus {
  const usual = {
    serial: "ab",
    expires: far,
    authorityExpires: far,
    letter: 3,
    authorities: 1,
    clusterKeys: 1,
  };
  return { ...node, keys: { ...usual, ...keys } };
}

const said = (...nodes: NodeStatus[]) =>
  keyProblems(nodes, asOf).map(
    ({ severity, code, node = "", message }) => `${severity} ${code} ${node}: ${message}`,
  );

const inDays = (days: number) => new Date(Date.parse(asOf) + days * 86_400_000).toISOString();

describe("problems of keys", () => {
  it("are none where all is well, or where an older node does not tell", () => {
    assert.deepEqual(said(withKeys(gw1), withKeys(gw2)), []);
    assert.deepEqual(said(gw1, gw2), []);
    assert.deepEqual(said(withKeys(gw1, { expires: inDays(30.1), authorityExpires: inDays(90.1) })), []);
  });

  it("begin 30 days before the end of a certificate, and are errors from 7 days on", () => {
    const about = (days: number) => said(withKeys(gw1, { expires: inDays(days) })).join();
    assert.match(
      about(29.9),
      /^warning certificate-expires gw1: the certificate of gw1 ends on 2026-08-31, in 29 days/,
    );
    assert.match(about(7.1), /^warning .* in 7 days/);
    assert.match(about(7), /^error certificate-expires/);
    assert.match(about(1.5), /tomorrow/);
    assert.match(about(0.5), /today/);
    assert.match(about(-3), /^error .* ended on 2026-07-29/);
  });

  it("begin 90 days before the end of the authority", () => {
    const [problem] = said(withKeys(gw1, { authorityExpires: inDays(60) }));
    assert.match(problem ?? "", /^warning authority-expires gw1: .* in 60 days/);
  });

  it("name who did not get the last letter, and an exchange that somebody left half done", () => {
    assert.deepEqual(said(withKeys(gw1, { letter: 4 }), withKeys(gw2)), [
      "warning keys-differ gw2: gw2 has the authority's letter 3, others have 4: it does not trust and refuse what they do",
    ]);
    assert.deepEqual(said(withKeys(gw1, { clusterKeys: 2 }), withKeys(gw2, { authorities: 2 })), [
      "warning rotation-unfinished : the exchange of keys is not complete: gw1 and gw2 accept the old and the new",
    ]);
  });
});
