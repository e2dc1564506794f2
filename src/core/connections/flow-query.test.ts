import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { validIp } from "../../base/ip.ts";
import { ProblemError } from "../../base/problem.ts";
import { connectionFilterSchema } from "../../contract/connections.ts";
import { FlowFields } from "../../wire/flow-fields.ts";
import { compileFlowQuery } from "./flow-query.ts";
import { testFlow } from "./flows.test-data.ts";

const web = testFlow({ source: "10.1.0.7", sourcePort: 40_000, as: "192.0.2.1", asPort: 50_000 });
const dns = testFlow({ protocol: 17, source: "10.1.0.8", destinationPort: 53, status: 0 });
const web6 = testFlow({ source: "fd00:1::7", destination: "2001:db8:9::80" });
const forward = testFlow({
  source: "198.51.100.4",
  destination: "192.0.2.1",
  to: "10.1.0.80",
  toPort: 8_080,
});
const ping = testFlow({ protocol: 1, source: "10.1.0.7" });
const flows = { web, dns, web6, forward, ping };

/** Names of the flows that a filter lets through. */
function matching(filter: Readonly<Record<string, readonly string[]>>): string[] {
  const test = compileFlowQuery(connectionFilterSchema.parse(filter), ({ protocol }) => protocol === 6);
  return Object.entries(flows).flatMap(([name, flow]) => (test(flow) ? [name] : []));
}

describe("compileFlowQuery", () => {
  const cases: readonly (readonly [Readonly<Record<string, readonly string[]>>, readonly string[]])[] = [
    [{}, ["web", "dns", "web6", "forward", "ping"]],
    [{ source: ["10.1.0.7"] }, ["web", "ping"]],
    [{ source: ["10.1.0.0/24"] }, ["web", "dns", "ping"]],
    [{ source: ["10.1.0.7/31"] }, ["web", "ping"]],
    [{ source: ["10.1.0.8/29", "fd00:1::/64"] }, ["dns", "web6"]],
    [{ source: ["0.0.0.0/0"] }, ["web", "dns", "forward", "ping"]],
    [{ source: ["::/0"] }, ["web6"]],
    [{ source: ["fd00:1::8/125"] }, []],
    [{ destination: ["192.0.2.1"] }, ["forward"]],
    [{ destination: ["2001:db8:8::/45"] }, ["web6"]],
    [{ nat: ["192.0.2.0/24"] }, ["web"]],
    [{ nat: ["10.1.0.80"] }, ["forward"]],
    [{ nat: ["any"] }, ["web", "forward"]],
    [{ nat: ["none"] }, ["dns", "web6", "ping"]],
    [{ nat: ["any"], source: ["10.1.0.0/16"] }, ["web"]],
    [{ port: ["40000"] }, ["web", "dns", "web6", "forward"]],
    [{ port: ["50000"] }, ["web"]],
    [{ port: ["8080", "53"] }, ["dns", "forward"]],
    [{ port: ["49999-50001"] }, ["web"]],
    [{ port: ["0"] }, []],
    [{ protocol: ["udp"] }, ["dns"]],
    [{ protocol: ["TCP", "1"] }, ["web", "web6", "forward", "ping"]],
    [{ state: ["established"] }, ["web", "web6", "forward"]],
    [{ state: ["syn-sent", "SYN_RECV"] }, []],
    [{ state: ["unreplied"] }, ["dns"]],
    [{ state: ["assured"], protocol: ["icmp"] }, ["ping"]],
    [{ mirrored: ["no"] }, ["dns", "ping"]],
    [{ mirrored: ["yes"], nat: ["none"] }, ["web6"]],
    [{ mirrored: ["yes", "no"] }, ["web", "dns", "web6", "forward", "ping"]],
  ];
  for (const [filter, expected] of cases)
    it(`${JSON.stringify(filter)} lets through ${expected.join(", ") || "nothing"}`, () => {
      assert.deepEqual(matching(filter), expected);
    });

  it("looks only at the bytes of the flow's own family", () => {
    // Memory that is used again holds the rest of a longer address.
    const fields = new FlowFields();
    fields.original.source.set(validIp("2001:db8::1"));
    fields.original.source.set(validIp("10.9.9.9"));
    const test = compileFlowQuery(connectionFilterSchema.parse({ source: ["10.9.9.9"] }), () => true);
    assert.equal(test(fields), true);
  });

  it("says what is not understood, and what would be", () => {
    const bad: readonly (readonly [Readonly<Record<string, readonly string[]>>, string])[] = [
      [{ source: ["10.1.0"] }, "(source)"],
      [{ source: ["any"] }, "(source)"],
      [{ destination: ["10.1.0.0/33"] }, "(destination)"],
      [{ nat: ["some"] }, "any, or none"],
      [{ port: ["65536"] }, "8000-8099"],
      [{ port: ["9-8"] }, '"9-8"'],
      [{ port: ["1-2-3"] }, "no port"],
      [{ port: [""] }, "no port"],
      [{ protocol: ["ipx"] }, "udplite"],
      [{ protocol: ["256"] }, '"256"'],
      [{ protocol: ["constructor"] }, "no protocol"],
      [{ state: ["none"] }, "ESTABLISHED"],
      [{ state: ["open"] }, "ASSURED"],
      [{ mirrored: ["perhaps"] }, "neither"],
    ];
    for (const [filter, part] of bad)
      assert.throws(
        () => matching(filter),
        (error) => {
          assert.ok(error instanceof ProblemError, String(error));
          assert.equal(error.problem.code, "bad-filter");
          assert.ok(`${error.problem.message} ${error.problem.hint}`.includes(part), error.problem.message);
          return true;
        },
      );
  });
});
