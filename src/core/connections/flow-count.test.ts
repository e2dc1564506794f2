import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionCountSchema } from "../../contract/connections.ts";
import { FlowCount } from "./flow-count.ts";
import { testFlow } from "./flows.test-data.ts";

describe("FlowCount", () => {
  it("counts by protocol, state, translation, family and mirroring", () => {
    const count = new FlowCount();
    for (let i = 0; i < 5; i++) count.add(testFlow({ as: "192.0.2.1" }), true);
    count.add(testFlow({ tcpState: 1, status: 8 }), false);
    count.add(testFlow({ to: "10.1.0.80", as: "10.1.0.1" }), true);
    count.add(testFlow({ source: "fd00:1::7", destination: "2001:db8::9", to: "fd00:1::80" }), true);
    count.add(testFlow({ protocol: 17, status: 10 }), false);
    count.add(testFlow({ protocol: 17, status: 14 }), true);
    count.add(testFlow({ protocol: 47, status: 8, sourcePort: 0, destinationPort: 0 }), false);
    const result = count.result();
    assert.deepEqual(result, {
      total: 11,
      families: { ipv4: 10, ipv6: 1 },
      protocols: { tcp: 8, udp: 2, gre: 1 },
      states: {
        "tcp ESTABLISHED": 7,
        "tcp SYN_SENT": 1,
        "udp REPLIED": 1,
        "udp ASSURED": 1,
        "gre UNREPLIED": 1,
      },
      translated: { source: 5, destination: 1, both: 1, none: 4 },
      mirrored: { yes: 8, no: 3 },
    });
    assert.deepEqual(connectionCountSchema.parse(result), result);
    assert.equal(Object.keys(result.states)[0], "tcp ESTABLISHED");
  });

  it("counts nothing", () => {
    assert.deepEqual(new FlowCount().result().states, {});
    assert.equal(new FlowCount().result().total, 0);
  });

  it("finds a place for a state that this version does not know", () => {
    const count = new FlowCount();
    count.add(testFlow({ tcpState: 99 }), true);
    assert.equal(count.result().total, 1);
    assert.equal(Object.values(count.result().states)[0], 1);
  });
});
