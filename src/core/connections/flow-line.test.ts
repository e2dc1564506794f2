import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionSchema } from "../../contract/connections.ts";
import { flowLine } from "./flow-line.ts";
import { testFlow } from "./flows.test-data.ts";

/** The line as a value; that the schema drops nothing is a part of every test. */
function parsed(line: string): object {
  assert.ok(line.endsWith("}\n") && line.indexOf("\n") === line.length - 1, line);
  const value: unknown = JSON.parse(line);
  const connection = connectionSchema.parse(value);
  assert.deepEqual(connection, value);
  return connection;
}

describe("flowLine", () => {
  it("tells of a translated TCP connection", () => {
    const flow = testFlow({ as: "192.0.2.1", asPort: 50_000, timeoutSeconds: 431_999, mark: 16, zone: 3 });
    assert.deepEqual(parsed(flowLine(flow, true)), {
      protocol: "tcp",
      state: "ESTABLISHED",
      source: "10.1.0.7",
      sourcePort: 40_000,
      destination: "203.0.113.9",
      destinationPort: 443,
      translatedSource: "192.0.2.1",
      translatedSourcePort: 50_000,
      timeoutSeconds: 431_999,
      assured: true,
      mirrored: true,
      mark: 16,
      zone: 3,
    });
  });

  it("tells of a port forward, and of a translation of the port alone", () => {
    assert.partialDeepStrictEqual(
      parsed(flowLine(testFlow({ destination: "192.0.2.1", to: "10.1.0.80", toPort: 8_080 }), true)),
      { destination: "192.0.2.1", translatedDestination: "10.1.0.80", translatedDestinationPort: 8_080 },
    );
    assert.partialDeepStrictEqual(parsed(flowLine(testFlow({ as: "10.1.0.7", asPort: 1_024 }), true)), {
      sourcePort: 40_000,
      translatedSource: "10.1.0.7",
      translatedSourcePort: 1_024,
    });
  });

  it("tells of a ping, of IPv6, and of protocols without a name", () => {
    assert.deepEqual(
      parsed(
        flowLine(
          testFlow({ protocol: 58, source: "fd00:1::7", destination: "2001:db8::9", status: 8 }),
          false,
        ),
      ),
      {
        protocol: "icmpv6",
        state: "UNREPLIED",
        source: "fd00:1::7",
        destination: "2001:db8::9",
        icmpId: 77,
        icmpType: 128,
        icmpCode: 0,
        timeoutSeconds: 300,
        assured: false,
        mirrored: false,
      },
    );
    assert.deepEqual(
      parsed(flowLine(testFlow({ protocol: 50, sourcePort: 0, destinationPort: 0, status: 10 }), false)),
      {
        protocol: "50",
        state: "REPLIED",
        source: "10.1.0.7",
        destination: "203.0.113.9",
        timeoutSeconds: 300,
        assured: false,
        mirrored: false,
      },
    );
  });
});
