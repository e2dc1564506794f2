import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseFlowLine } from "./conntrack-line.ts";
import { FlowFields } from "./flow-fields.ts";
import { flowText } from "./flows.test-data.ts";

// Lines as Linux 6.18 writes them.
const lines = {
  tcp: "ipv4     2 tcp      6 599 ESTABLISHED src=10.1.0.10 dst=192.0.2.80 sport=41000 dport=443 packets=4 bytes=9 src=192.0.2.80 dst=192.0.2.1 sport=443 dport=41000 packets=0 bytes=0 [ASSURED] mark=7 zone=0 use=2",
  udp: "ipv4     2 udp      17 28 src=127.0.0.1 dst=127.1.35.121 sport=35313 dport=9000 [UNREPLIED] src=127.1.35.121 dst=127.0.0.1 sport=9000 dport=35313 mark=0 zone=5 use=2",
  icmp: "ipv6     10 icmpv6   58 29 src=fd00:0001:0000:0000:0000:0000:0000:0010 dst=2001:0db8:0000:0000:0000:0000:0000:0080 type=128 code=0 id=77 src=2001:0db8:0000:0000:0000:0000:0000:0080 dst=fd00:0001:0000:0000:0000:0000:0000:0010 type=129 code=0 id=77 mark=0 zone=0 use=2",
  gre: "ipv4     2 gre      47 179 timeout=30, stream_timeout=180 src=10.1.0.10 dst=192.0.2.80 srckey=0x1a dstkey=0xbeef src=192.0.2.80 dst=192.0.2.1 srckey=0xbeef dstkey=0x1a [ASSURED] mark=0 zone=0 use=1",
  generic:
    "ipv4     2 unknown  50 599 src=10.1.0.10 dst=192.0.2.80 src=192.0.2.80 dst=192.0.2.1 mark=0 zone=0 use=2",
  oneWay:
    "ipv4     2 udp      17 28 src=10.1.0.10 dst=192.0.2.80 sport=53 dport=53 zone-orig=9 src=192.0.2.80 dst=10.1.0.10 sport=53 dport=53 mark=0 use=2",
} as const;

const expected: Record<keyof typeof lines, readonly [number, number, string, number, number]> = {
  tcp: [4, 6, "10.1.0.10 41000 > 192.0.2.80 443", 0, 3],
  udp: [4, 17, "127.0.0.1 35313 > 127.1.35.121 9000", 5, 3],
  icmp: [6, 58, "fd00:1::10 > 2001:db8::80 77/128/0", 0, 3],
  gre: [4, 47, "10.1.0.10 26 > 192.0.2.80 48879", 0, 3],
  generic: [4, 50, "10.1.0.10 0 > 192.0.2.80 0", 0, 3],
  oneWay: [4, 17, "10.1.0.10 53 > 192.0.2.80 53", 9, 1],
};

describe("parseFlowLine", () => {
  for (const [name, line] of Object.entries(lines)) {
    it(`reads which flow it is: ${name}`, () => {
      const fields = new FlowFields();
      fields.original.icmpId = 1;
      fields.zone = 1;
      assert.ok(parseFlowLine(line, fields));
      const { original, zone, zoneDirection } = flowText(fields);
      const read = [fields.family, fields.protocol, original, zone, zoneDirection];
      assert.deepEqual(read, expected[name as keyof typeof lines]);
    });
  }

  it("takes what is no such line for none", () => {
    const fields = new FlowFields();
    for (const line of [
      "",
      "entries  searched found new",
      lines.tcp.replace("ipv4     2", "bridge   7"),
      lines.tcp.replace("src=10.1.0.10", "src=10.1.0.256"),
      lines.tcp.replace("src=10.1.0.10", "src=fd00::1"),
      lines.tcp.slice(0, 60),
    ])
      assert.equal(parseFlowLine(line, fields), false, line);
    fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (line) => !parseFlowLine(line, fields)));
  });
});
