import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Edit, wholeDocument } from "./changes.test-data.ts";
import { planOf } from "./plans.test-data.ts";

describe("planChange, of subscribers that share addresses", () => {
  const [pool, ports] = ["pool", "portsPerSubscriber"].map((key) => ["nat", "cgnat", 0, key]);
  const rows: readonly [Edit, string][] = [
    [
      { path: ports ?? [], value: 2_000 },
      "`portsPerSubscriber` of rule homes in the port blocks of subscribers goes from 4000 to 2000: 16 subscribers, 32 to an address, blocks of 2,000 ports: 1 of 1 address",
    ],
    [
      { path: pool ?? [], value: ["203.0.113.0-203.0.113.3"] },
      "203.0.113.0-203.0.113.3 is added to `pool` of rule homes in the port blocks of subscribers: 16 subscribers, 16 to an address, blocks of 4,000 ports: 1 of 4 addresses",
    ],
    [
      { path: ["nat", "cgnat", 0, "id"], value: "flats" },
      "rule flats is added to the port blocks of subscribers before all others: 16 subscribers, 16 to an address, blocks of 4,000 ports: 1 of 1 address",
    ],
  ];
  for (const [edit, sentence] of rows)
    it(`does the sums: ${edit.path.join(".")}`, () => {
      const [node] = planOf(wholeDocument, [edit]).nodes;
      const said = node?.steps.map((step) => step.sentence) ?? [];
      assert.ok(said.includes(sentence), said.join("\n"));
    });

  it("does none where nothing changes in the blocks", () => {
    const [node] = planOf(wholeDocument, [{ path: ["nat", "cgnat"] }]).nodes;
    assert.deepEqual(
      node?.steps.map((step) => step.sentence),
      ["rule homes is removed from the port blocks of subscribers"],
    );
  });
});
