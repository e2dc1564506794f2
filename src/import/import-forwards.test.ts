import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { importCluster } from "./import-cluster.ts";

const keepalived = `vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  version 3
  virtual_ipaddress {
    10.1.0.1/24
    192.0.2.1/24 dev eth1
  }
}
`;

describe("port forwards", () => {
  /** The forwards, and what was said of the rule, of one rule of a chain for destinations. */
  function forwards(rule: string): string {
    const rules = `table inet nat {
      chain pre {
        type nat hook prerouting priority dstnat;
        ${rule}
      }
    }`;
    const { text, remarks, problems } = importCluster({
      cluster: "campus",
      nodes: [
        {
          name: "gw1",
          files: [
            { file: "k", text: keepalived },
            { file: "n", text: rules },
          ],
        },
      ],
      devices: [
        { role: "lan", device: "eth0" },
        { role: "wan", device: "eth1" },
        { role: "sync", device: "eth2" },
      ],
      addresses: [
        { node: "gw1", interface: "lan", address: "10.1.0.2/24" },
        { node: "gw1", interface: "wan", address: "192.0.2.2/24" },
        { node: "gw1", interface: "sync", address: "10.255.0.1/24" },
      ],
      without: [],
      include: () => [],
    });
    assert.deepEqual(problems, []);
    const said = remarks.filter(({ file }) => file === "n").map(({ why }) => why);
    const [, list = ""] = /forward:\n([\s\S]*)\nreplication/.exec(text ?? "") ?? [];
    return said.length > 0 ? said.join() : list.replace(/\s+/g, " ").trim();
  }

  for (const [rule, expected] of [
    [
      "ip daddr 192.0.2.1 udp dport { 53, 5353 } dnat ip to 10.1.0.53:53",
      "- id: forward-1 protocol: udp address: 192.0.2.1 port: 53 target: 10.1.0.53 - id: forward-2 protocol: udp address: 192.0.2.1 port: 5353 target: 10.1.0.53 targetPort: 53",
    ],
    [
      'iifname eth1 ip saddr 198.51.100.0/24 tcp dport 2222 counter dnat to 10.1.0.9:22 comment "Admin"',
      "- id: admin protocol: tcp address: 192.0.2.1 port: 2222 target: 10.1.0.9 targetPort: 22 from: 198.51.100.0/24 hairpin: false",
    ],
    [
      "ip daddr 192.0.2.1 meta l4proto { tcp, udp } th dport 443 dnat to 10.1.0.80",
      "- id: forward-1 protocol: both address: 192.0.2.1 port: 443 target: 10.1.0.80",
    ],
    ["tcp dport 80 dnat to 10.1.0.80", "it does not say of which address the ports are"],
    [
      "ip daddr 192.0.2.9 tcp dport 80 dnat to 10.1.0.80",
      "192.0.2.9 is no virtual address: it would stay behind when the node dies",
    ],
    [
      "ip daddr 192.0.2.1 dnat to 10.1.0.80",
      "the document forwards ports of tcp or udp, not whole addresses",
    ],
    [
      "ip daddr 192.0.2.1 tcp dport 80 dnat to 10.1.0.80-10.1.0.90",
      "the document forwards to one host, and to one port of it",
    ],
    [
      "ip daddr 192.0.2.1 tcp dport 80 redirect to :8080",
      'the condition "redirect" is not one of the document\'s',
    ],
    [
      "ip daddr 192.0.2.1 tcp dport 80 ct mark 7 dnat to 10.1.0.80",
      'the condition "ct" is not one of the document\'s',
    ],
  ] as const) {
    it(rule, () => assert.equal(forwards(rule), expected));
  }
});
