import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionTopSchema, topKinds } from "../../contract/connections.ts";
import { FlowTop } from "./flow-top.ts";
import { testFlow } from "./flows.test-data.ts";

const flows = [
  testFlow({ source: "10.1.0.7", as: "192.0.2.1" }),
  testFlow({ source: "10.1.0.7", destination: "203.0.113.10", as: "192.0.2.2" }),
  testFlow({ source: "10.1.0.8", protocol: 17, as: "192.0.2.1" }),
  testFlow({ source: "fd00:1::7", destination: "2001:db8::9", destinationPort: 80 }),
  testFlow({ source: "198.51.100.4", destination: "192.0.2.1", to: "10.1.0.80" }),
  testFlow({ protocol: 1 }),
];

describe("FlowTop", () => {
  const expected = {
    source: ["10.1.0.7 3", "10.1.0.8 1", "198.51.100.4 1", "fd00:1::7 1"],
    destination: ["203.0.113.9 3", "192.0.2.1 1", "203.0.113.10 1", "2001:db8::9 1"],
    nat: ["192.0.2.1 2", "10.1.0.80 1", "192.0.2.2 1"],
    port: ["tcp/443 3", "tcp/80 1", "udp/443 1"],
  };
  for (const by of topKinds)
    it(`ranks by ${by}`, () => {
      const top = new FlowTop(by);
      for (const flow of flows) top.add(flow);
      const result = top.result(10);
      assert.deepEqual(
        result.entries.map(({ key, connections }) => `${key} ${connections}`),
        expected[by],
      );
      assert.equal(result.distinct, expected[by].length);
      assert.equal(result.uncertainty, 0);
      assert.deepEqual(connectionTopSchema.parse(result), result);
      assert.equal(top.result(1).entries.length, 1);
    });

  it("says how sure it is when there are more than it can follow", () => {
    const top = new FlowTop("source", 4);
    for (let i = 0; i < 10; i++) top.add(testFlow({ source: `10.1.0.${i}` }));
    const { distinct, uncertainty } = top.result(10);
    assert.deepEqual({ distinct, uncertainty }, { distinct: null, uncertainty: 2 });
  });
});
