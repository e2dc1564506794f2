import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forwardChain, forwardRules, imported } from "./imported-firewall.test-data.ts";

describe("a rule that filters", () => {
  for (const [rule, expected] of [
    ["accept", "default"],
    ["tcp dport 22 accept", { protocol: "tcp", ports: 22, action: "accept" }],
    ["tcp dport { ssh, 8000-8080 } drop", { protocol: "tcp", ports: [22, "8000-8080"], action: "drop" }],
    [
      "tcp dport != 25 tcp sport >= 1024 accept",
      { protocol: "tcp", ports: ["1-24", "26-65535"], sourcePorts: "1024-65535", action: "accept" },
    ],
    [
      'udp dport 53 counter packets 3 bytes 9 accept comment "DNS out"',
      { id: "dns-out", protocol: "udp", ports: 53, action: "accept" },
    ],
    [
      "meta l4proto { tcp, udp } th dport 53 accept",
      { protocol: ["tcp", "udp"], ports: 53, action: "accept" },
    ],
    ["meta l4proto gre accept", { protocol: "gre", action: "accept" }],
    ["ip protocol icmp accept", { protocol: "icmp", action: "accept" }],
    ["ip protocol 47 accept", { from: "0.0.0.0/0", protocol: "gre", action: "accept" }],
    [
      "icmp type { echo-request, 11 } accept",
      { protocol: "icmp", types: ["echo-request", "time-exceeded"], action: "accept" },
    ],
    ["icmpv6 type nd-redirect drop", { protocol: "icmpv6", types: "nd-redirect", action: "drop" }],
    ["meta nfproto ipv6 accept", { from: "::/0", action: "accept" }],
    [
      "ip saddr 10.1.0.0/24 ip daddr { 10.9.0.1, 10.9.0.8-10.9.0.9 } accept",
      { from: "10.1.0.0/24", to: ["10.9.0.1", "10.9.0.8/31"], action: "accept" },
    ],
    ["ip6 daddr != 8000::/1 accept", { to: "::/1", action: "accept" }],
    ['iifname "lan" oif wan accept', { in: "lan", out: "wan", action: "accept" }],
    ["iifname { lan, wan } drop", { in: ["lan", "wan"], action: "drop" }],
    ['iifname != "lo" ip daddr 127.0.0.0/8 drop', { to: "127.0.0.0/8", action: "drop" }],
    ["ct state new tcp dport 80 accept", { protocol: "tcp", ports: 80, action: "accept" }],
    ["tcp dport 80 reject with tcp reset", { protocol: "tcp", ports: 80, action: "reject" }],
    [
      "tcp dport 22 limit rate 10/minute burst 5 packets accept",
      { protocol: "tcp", ports: 22, action: "accept", limit: "10/m" },
    ],
    [
      "tcp dport 22 meter m { ip saddr ct count over 3 } drop\n tcp dport 22 ip saddr 0.0.0.0/0 accept",
      { from: "0.0.0.0/0", protocol: "tcp", ports: 22, action: "accept", connections: 3 },
    ],
    [
      "tcp dport 22 limit rate over 5/hour drop\n tcp dport 22 accept",
      { protocol: "tcp", ports: 22, action: "accept", limit: "5/h" },
    ],
    [
      'tcp dport 22 log prefix "ssh " group 3\n tcp dport 22 accept',
      { protocol: "tcp", ports: 22, action: "accept", log: true },
    ],
    [
      'tcp dport 22 log level info flags all prefix "x" drop',
      { protocol: "tcp", ports: 22, action: "drop", log: true },
    ],
  ] as const)
    it(rule, () => {
      const { list, chain, lost, opened } = forwardRules(rule);
      assert.deepEqual({ lost, opened }, { lost: [], opened: [] });
      if (expected === "default") assert.deepEqual(chain, undefined);
      else assert.deepEqual(list, [expected]);
    });

  for (const rule of [
    "meta mark 7 accept",
    "ip saddr . tcp dport { 10.0.0.1 . 22 } accept",
    "ip saddr @strange accept",
    "tcp dport $strange accept",
    "tcp flags & (syn|ack) == syn accept",
    "fib daddr type local accept",
    "ct mark 1 accept",
    "tcp dport telnets accept",
    'iifname "ppp*" accept',
    'iifname "docker0" accept',
    "ip dscp 3 accept",
    "icmp code 3 accept",
    "limit rate 10 mbytes/second accept",
    "limit rate 3/day accept",
    "ct count over 20 accept",
    "tcp dport 0 accept",
    "meta l4proto { tcp, icmp } th dport 5 accept",
    "meta l4proto != tcp accept",
    "ct state invalid accept",
    "flow add @f",
    "accept drop",
  ])
    it(`${rule}: not carried over, and less passes`, () => {
      const { list, lost, opened, chain } = forwardRules(rule);
      assert.deepEqual(
        { list, lost, opened, byDefault: chain?.default },
        { list: [], lost: ["4"], opened: [], byDefault: "drop" },
      );
    });

  for (const rule of [
    "meta mark 7 drop",
    'iifname "docker0" drop',
    "ct mark 1 reject",
    "tcp flags syn jump x",
    "limit rate 5/second drop",
    "tcp dport 22 limit rate over 5/minute drop",
  ])
    it(`${rule}: said loudly where something is accepted behind it`, () => {
      assert.deepEqual(forwardRules(`${rule}\n tcp dport 80 accept`).opened, ["4"]);
      assert.deepEqual(forwardRules(rule, { policy: "accept" }).opened, ["4"]);
      const last = forwardRules(`tcp dport 80 accept\n ${rule}`);
      assert.deepEqual([last.opened, last.lost], [[], ["5"]]);
    });

  it("what is excluded of the interfaces is the others of the document, and may be less", () => {
    assert.deepEqual(forwardRules('oifname != "wan" accept').list, [
      { out: ["sync", "lan"], action: "accept" },
    ]);
    assert.deepEqual(forwardRules('oifname != "wan" drop\n accept').opened, ["4"]);
  });

  it("that stood before the line for answers stopped answers as well, which is said loudly", () => {
    const text = forwardChain("tcp dport 80 accept").replace(
      " ct state est",
      " ip saddr 10.9.0.0/16 drop\n ct state new tcp dport 25 drop\n ct state est",
    );
    const { opened, said } = imported(text);
    assert.deepEqual(opened, ["3"], said.join("\n"));
  });

  it("where answers do not pass as a matter of course, that is said, unless the rules have them", () => {
    const rules = (lines: string) =>
      `table inet f {\n chain c { type filter hook forward priority 0; policy drop;\n${lines}\n}\n}`;
    assert.deepEqual(imported(rules("iif lan oif wan accept")).opened, ["2"]);
    assert.deepEqual(
      imported(rules("iif lan oif wan accept\n iif wan oif lan ct state established accept")).opened,
      [],
    );
    assert.deepEqual(imported(rules("tcp dport 80 accept\n iif wan ct state established accept")).opened, [
      "2",
    ]);
    assert.deepEqual(
      imported(rules("ct state vmap { new : continue, established : accept }\n tcp dport 80 accept")).opened,
      [],
    );
    assert.deepEqual(imported(rules("ct state established drop\n accept")).opened, ["3"]);
  });
});

describe("chains that jump", () => {
  it("are one list, of what both match", () => {
    const { list, lost, opened } = forwardRules(
      "iifname lan jump a\n iifname vmap { wan : goto b, sync : drop }\n tcp dport 9 accept",
      {
        more: "chain a { oifname lan drop; ip saddr 10.1.0.0/16 jump c; return; accept }\n chain b { tcp dport 1-10 accept }\n chain c { ip saddr 10.1.5.0/24 tcp dport 80 accept; ip saddr 10.2.0.0/16 accept }",
      },
    );
    assert.deepEqual({ lost, opened }, { lost: [], opened: [] });
    assert.deepEqual(list, [
      { in: "lan", out: "lan", action: "drop" },
      { from: "10.1.5.0/24", in: "lan", protocol: "tcp", ports: 80, action: "accept" },
      { in: "wan", protocol: "tcp", ports: "1-10", action: "accept" },
      { in: "wan", action: "drop" },
      { in: "sync", action: "drop" },
      { protocol: "tcp", ports: 9, action: "accept" },
    ]);
  });

  it("a return on a condition tears the chain: what is behind it is not carried over", () => {
    const { list, lost, opened } = forwardRules("jump a\n tcp dport 9 accept", {
      more: "chain a {\n tcp dport 7 accept\n ip saddr 10.0.0.1 return\n tcp dport 8 accept\n tcp dport 9 drop\n }",
    });
    assert.deepEqual(list, [
      { protocol: "tcp", ports: 7, action: "accept" },
      { protocol: "tcp", ports: 9, action: "accept" },
    ]);
    assert.deepEqual({ lost, opened }, { lost: ["10"], opened: ["9", "11"] });
  });

  it("that jump in a circle, or to nowhere, end", () => {
    const { opened } = forwardRules("jump a\n jump nowhere\n accept", {
      more: "chain a { jump b }\n chain b { jump a }",
    });
    assert.ok(opened.length >= 2);
  });

  it("several chains of a hook decide one after the other", () => {
    const { document, opened, lost } = imported(`table ip first {
 chain a { type filter hook forward priority -10; policy accept; ct state established accept; ip saddr 10.9.0.0/16 drop; tcp dport 80 accept; tcp dport 25 drop; }
}
table inet second {
 chain b { type filter hook forward priority filter; policy drop; ct state established accept; ip saddr 10.1.0.0/16 accept; }
}`);
    assert.deepEqual({ opened, lost }, { opened: [], lost: [] });
    const rules = document.firewall?.["forward"]?.rules?.map(({ id, ...rest }) => rest);
    assert.deepEqual(rules, [
      { from: "10.9.0.0/16", action: "drop" },
      { from: "10.1.0.0/16", protocol: "tcp", ports: 80, action: "accept" },
      { from: "0.0.0.0/0", protocol: "tcp", ports: 80, action: "drop" },
      { from: "0.0.0.0/0", protocol: "tcp", ports: 25, action: "drop" },
      { from: "10.1.0.0/16", action: "accept" },
    ]);
    assert.equal(document.firewall?.["forward"]?.default, "drop");
  });

  it("a family that nothing filters is not filtered", () => {
    const { document } = imported(
      "table ip f { chain c { type filter hook forward priority 0; policy drop; ct state established accept; tcp dport 80 accept; } }",
    );
    assert.deepEqual(document.firewall?.["forward"], {
      default: "drop",
      rules: [
        { id: "forward-1", from: "0.0.0.0/0", protocol: "tcp", ports: 80, action: "accept" },
        { id: "ipv6-is-not-filtered", from: "::/0", action: "accept" },
      ],
    });
  });

  it("of other hooks are listed, loudly where they stop something", () => {
    const { lost, opened, document } = imported(`table inet f {
 chain pre { type filter hook prerouting priority raw;
 fib saddr . iif oif missing drop
 counter
 }
 chain out { type filter hook output priority 0; policy drop;
 tcp dport 80 accept
 }
}`);
    assert.deepEqual(
      { lost, opened, firewall: document.firewall },
      { lost: ["4", "7"], opened: ["3", "6"], firewall: undefined },
    );
  });
});

describe("port forwards and the default", () => {
  const nat = `table ip nat { chain p { type nat hook prerouting priority dstnat; ip daddr 192.0.2.1 tcp dport 80 dnat to 10.1.0.8; } }\n`;
  const chain = (rules: string) => imported(nat + forwardChain(rules)).document.firewall?.["forward"];

  it("what nothing let in stays forbidden", () => {
    assert.deepEqual(chain("iif lan accept"), {
      default: "drop",
      rules: [
        { id: "forward-1", in: "lan", action: "accept" },
        { id: "everything-else", action: "drop" },
      ],
    });
  });

  it("what was accepted as translated passes in front of the default", () => {
    assert.deepEqual(chain("iif lan accept\n ct status dnat accept\n log drop"), {
      default: "drop",
      rules: [{ id: "forward-1", in: "lan", action: "accept" }],
    });
  });
});
