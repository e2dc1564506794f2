import type { ProblemCode } from "./problem-codes.ts";

/** A small document without a mistake; every bad one differs from it in one place. */
export const goodDocument = `cluster: campus
nodes:
  gw1:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.2/24, "fd00:1::2/64"] }
      wan: { device: eth1, addresses: [192.0.2.2/24, "2001:db8::2/64"] }
      sync: { device: eth2, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.3/24, "fd00:1::3/64"] }
      wan: { device: eth1, addresses: [192.0.2.3/24, "2001:db8::3/64"] }
      sync: { device: eth2, addresses: [10.255.0.2/24] }
groups:
  gateway:
    virtualRouterId: 51
    interval: 100ms
    preempt: false
    priorities: { gw1: 110, gw2: 100 }
    addresses:
      lan: [10.1.0.1/24, "fd00:1::1/64"]
      wan: [192.0.2.1/24, "2001:db8::1/64"]
nat:
  source:
    - { id: lan-out, from: 10.1.0.0/24, out: wan, to: 192.0.2.1 }
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: "2001:db8::1" }
replication:
  interface: sync
  port: 7844
  refresh: 60s
pulses: { port: 7845 }
control: { port: 7846 }
keys: { directory: keys }
`;

export interface BadDocument {
  readonly name: string;
  /** What is replaced in the good document; absent where the whole text is. */
  readonly replace?: string;
  /** What stands there instead. The sign § marks where the problem must be reported, and is taken out. */
  readonly by: string;
  readonly code: ProblemCode;
  readonly path?: string;
  /** A part of the message or of the hint. */
  readonly says: string;
}

const sync2 = "sync: { device: eth2, addresses: [10.255.0.2/24] }";
const rule1 = "- { id: lan-out, from: 10.1.0.0/24, out: wan, to: 192.0.2.1 }";
const rule6 = '- { id: lan6-out, from: "fd00:1::/64", out: wan, to: "2001:db8::1" }';
const group = "gateway:\n    virtualRouterId: 51";

/** Every way to be wrong that the contract names, each with the place where it must be shown. */
export const badDocuments: readonly BadDocument[] = [
  // The text.
  { name: "nothing", by: "§", code: "empty-document", says: "holds no document" },
  { name: "only a comment", by: "§# later\n", code: "empty-document", says: "examples" },
  { name: "a list", by: "§- a\n- b\n", code: "wrong-type", says: "the document is a list" },
  { name: "a text", by: "§hello\n", code: "wrong-type", says: 'is the text "hello"' },
  {
    name: "an open bracket",
    replace: "directory: keys }\n",
    by: "directory: keys\n§",
    code: "yaml-syntax",
    says: "bracket",
  },
  { name: "a tab", replace: "  source:", by: "§\tsource:", code: "yaml-syntax", says: "spaces" },
  { name: "an open quote", by: 'cluster: "campus\n§', code: "yaml-syntax", says: "quote" },
  {
    name: "two documents",
    replace: "keys: {",
    by: "§---\nkeys: {",
    code: "yaml-syntax",
    says: "one document",
  },
  {
    name: "an unknown tag",
    replace: "cluster: campus",
    by: "cluster: §!name campus",
    code: "yaml-syntax",
    says: "!name",
  },
  {
    name: "an address with an open end",
    replace: "cluster: campus",
    by: "cluster: §2001:db8::",
    code: "yaml-syntax",
    says: "Quote",
  },
  {
    name: "an alias to nothing",
    replace: "cluster: campus",
    by: "cluster: §*name",
    code: "yaml-syntax",
    path: "cluster",
    says: "no anchor",
  },
  {
    name: "aliases of aliases",
    by: `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, §*a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n`,
    code: "document-too-large",
    path: "c[5][4]",
    says: "too many aliases",
  },
  {
    name: "an alias within itself",
    by: `a: &a [[[[[[[[[[[[[[[[§*a]]]]]]]]]]]]]]]]\n`,
    code: "document-too-large",
    path: "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
    says: "nested",
  },
  {
    name: "deep nesting",
    by: `a: [[[[[[[[[[[[[[[[§[]]]]]]]]]]]]]]]]]\n`,
    code: "document-too-large",
    path: "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
    says: "nested",
  },
  {
    name: "a text without end",
    by: `§# ${"x".repeat(300_000)}\n`,
    code: "document-too-large",
    says: "300003 characters",
  },
  // Keys and types.
  {
    name: "a key twice",
    replace: "keys: {",
    by: "§cluster: other\nkeys: {",
    code: "duplicate-key",
    path: "cluster",
    says: '"cluster" stands twice',
  },
  {
    name: "an interface twice",
    replace: sync2,
    by: `${sync2}\n      §${sync2}`,
    code: "duplicate-key",
    path: "nodes.gw2.interfaces.sync",
    says: "Keep one",
  },
  {
    name: "a mistyped key",
    replace: "preempt: false",
    by: "§premept: false",
    code: "unknown-key",
    path: "groups.gateway.premept",
    says: 'Did you mean "preempt"?',
  },
  {
    name: "a key in the wrong case",
    replace: "virtualRouterId",
    by: "§virtualRouterID",
    code: "unknown-key",
    path: "groups.gateway.virtualRouterID",
    says: '"virtualRouterId"',
  },
  {
    name: "a strange key",
    replace: "cluster: campus",
    by: "cluster: campus\n§colour: red",
    code: "unknown-key",
    path: "colour",
    says: "Keys here: cluster, nodes",
  },
  {
    name: "a key of the prototype",
    replace: "cluster: campus",
    by: "cluster: campus\n§__proto__: {}",
    code: "unknown-key",
    path: "__proto__",
    says: "no key",
  },
  {
    name: "a merge key",
    replace: "cluster: campus",
    by: "cluster: campus\n§<<: {}",
    code: "unknown-key",
    path: '["<<"]',
    says: "no key",
  },
  {
    name: "no cluster",
    replace: "cluster: campus\n",
    by: "§",
    code: "missing-key",
    path: "cluster",
    says: 'lacks "cluster"',
  },
  {
    name: "no device",
    replace: "wan: { device: eth1, addresses: [192.0.2.2",
    by: "§wan: { addresses: [192.0.2.2",
    code: "missing-key",
    path: "nodes.gw1.interfaces.wan.device",
    says: "ip link",
  },
  {
    name: "no router number",
    replace: group,
    by: "§gateway:",
    code: "missing-key",
    path: "groups.gateway.virtualRouterId",
    says: "VRID",
  },
  {
    name: "a rule without a target",
    replace: rule1,
    by: "- §{ id: lan-out, from: 10.1.0.0/24, out: wan }",
    code: "missing-key",
    path: "nat.source[0].to",
    says: 'lacks "to"',
  },
  {
    name: "a rule without a source",
    replace: rule1,
    by: "- §{ id: lan-out, out: wan, to: 192.0.2.1 }",
    code: "missing-key",
    path: "nat.source[0].from",
    says: 'lacks "from"',
  },
  {
    name: "a number in quotes",
    replace: "Id: 51",
    by: 'Id: §"51"',
    code: "wrong-type",
    path: "groups.gateway.virtualRouterId",
    says: "without quotes",
  },
  {
    name: "a word for a truth value",
    replace: "preempt: false",
    by: "preempt: §no",
    code: "wrong-type",
    path: "groups.gateway.preempt",
    says: "true or false",
  },
  {
    name: "an address for a list",
    replace: "addresses: [10.255.0.1/24]",
    by: "addresses: §10.255.0.1/24",
    code: "wrong-type",
    path: "nodes.gw1.interfaces.sync.addresses",
    says: "[10.255.0.1/24]",
  },
  {
    name: "a list for a map",
    replace: "priorities: { gw1: 110, gw2: 100 }",
    by: "priorities: §[110, 100]",
    code: "wrong-type",
    path: "groups.gateway.priorities",
    says: "a list, but must be a map",
  },
  {
    name: "an empty value",
    replace: "cluster: campus",
    by: "cluster:§",
    code: "wrong-type",
    path: "cluster",
    says: "empty",
  },
  {
    name: "a number for a name",
    replace: "cluster: campus",
    by: "cluster: §2024",
    code: "wrong-type",
    path: "cluster",
    says: "quotes",
  },
  {
    name: "a map for a network",
    replace: "from: 10.1.0.0/24",
    by: "from: §{ a: b }",
    code: "wrong-type",
    path: "nat.source[0].from",
    says: "a network or a list",
  },
  {
    name: "a number in a list of networks",
    replace: "from: 10.1.0.0/24",
    by: "from: [10.1.0.0/24, §7]",
    code: "wrong-type",
    path: "nat.source[0].from[1]",
    says: "must be a network",
  },
  {
    name: "half a router number",
    replace: "Id: 51",
    by: "Id: §51.5",
    code: "out-of-range",
    path: "groups.gateway.virtualRouterId",
    says: "not a whole number",
  },
  {
    name: "a router number too large",
    replace: "Id: 51",
    by: "Id: §256",
    code: "out-of-range",
    path: "groups.gateway.virtualRouterId",
    says: "at most 255",
  },
  {
    name: "port zero",
    replace: "port: 7845",
    by: "port: §0",
    code: "out-of-range",
    path: "pulses.port",
    says: "at least 1",
  },
  {
    name: "an empty list",
    replace: "[10.255.0.1/24]",
    by: "§[]",
    code: "out-of-range",
    path: "nodes.gw1.interfaces.sync.addresses",
    says: "at least 1",
  },
  // Names and texts.
  {
    name: "a cluster with a capital",
    replace: "cluster: campus",
    by: "cluster: §Campus",
    code: "bad-name",
    path: "cluster",
    says: "small letters",
  },
  {
    name: "a rule with a blank in its id",
    replace: "id: lan-out",
    by: 'id: §"lan out"',
    code: "bad-name",
    path: "nat.source[0].id",
    says: "not a name for a rule",
  },
  {
    name: "a device too long",
    replace: "device: eth1, addresses: [192.0.2.2",
    by: "device: §enp0s31f6np0virt, addresses: [192.0.2.2",
    code: "bad-device",
    path: "nodes.gw1.interfaces.wan.device",
    says: "15",
  },
  {
    name: "an injected device",
    replace: "device: eth1, addresses: [192.0.2.2",
    by: `device: §'eth1" drop', addresses: [192.0.2.2`,
    code: "bad-device",
    path: "nodes.gw1.interfaces.wan.device",
    says: "not the name of a network device",
  },
  {
    name: "the loopback device",
    replace: "device: eth1, addresses: [192.0.2.2",
    by: "device: §lo, addresses: [192.0.2.2",
    code: "bad-device",
    path: "nodes.gw1.interfaces.wan.device",
    says: "loopback",
  },
  {
    name: "no prefix length",
    replace: "[10.255.0.1/24]",
    by: "[§10.255.0.1]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "10.255.0.1/24",
  },
  {
    name: "a part too large",
    replace: "[10.255.0.1/24]",
    by: "[§10.256.0.1/24]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "not an address",
  },
  {
    name: "a prefix too long",
    replace: "[10.255.0.1/24]",
    by: "[§10.255.0.1/33]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "10.1.0.2/24",
  },
  {
    name: "the network itself",
    replace: "[10.255.0.1/24]",
    by: "[§10.255.0.0/24]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "is the network itself",
  },
  {
    name: "the broadcast address",
    replace: "[10.255.0.1/24]",
    by: "[§10.255.0.255/24]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "broadcast",
  },
  {
    name: "a multicast address",
    replace: "[10.255.0.1/24]",
    by: "[§224.0.0.18/24]",
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "multicast",
  },
  {
    name: "an IPv4 address in IPv6 form",
    replace: "[10.255.0.1/24]",
    by: '[§"::ffff:10.255.0.1/120"]',
    code: "bad-address",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "IPv6 form",
  },
  {
    name: "a network that is none",
    replace: "from: 10.1.0.0/24",
    by: "from: §10.1.0.0-24",
    code: "bad-network",
    path: "nat.source[0].from",
    says: "not a network",
  },
  {
    name: "a network with host bits",
    replace: "from: 10.1.0.0/24",
    by: "from: §10.1.0.5/24",
    code: "host-bits",
    path: "nat.source[0].from",
    says: "10.1.0.0/24",
  },
  {
    name: "an interval without a unit",
    replace: "interval: 100ms",
    by: "interval: §100",
    code: "bad-duration",
    path: "groups.gateway.interval",
    says: "100ms",
  },
  {
    name: "an interval in quotes without a unit",
    replace: "interval: 100ms",
    by: 'interval: §"100"',
    code: "bad-duration",
    path: "groups.gateway.interval",
    says: "has no unit",
  },
  {
    name: "an unknown unit",
    replace: "refresh: 60s",
    by: "refresh: §60sec",
    code: "bad-duration",
    path: "replication.refresh",
    says: "not a duration",
  },
  {
    name: "an interval too short",
    replace: "interval: 100ms",
    by: "interval: §5ms",
    code: "out-of-range",
    path: "groups.gateway.interval",
    says: "too short",
  },
  {
    name: "an interval too long",
    replace: "interval: 100ms",
    by: "interval: §41s",
    code: "out-of-range",
    path: "groups.gateway.interval",
    says: "too long",
  },
  {
    name: "an interval between the steps",
    replace: "interval: 100ms",
    by: "interval: §15ms",
    code: "out-of-range",
    path: "groups.gateway.interval",
    says: "multiple of 10ms",
  },
  {
    name: "pulses too often",
    replace: "interval: 100ms",
    by: "interval: 100ms\n    pulseInterval: §4ms",
    code: "out-of-range",
    path: "groups.gateway.pulseInterval",
    says: "too short",
  },
  {
    name: "pulses more rarely than advertisements",
    replace: "interval: 100ms",
    by: "interval: 100ms\n    pulseInterval: §200ms",
    code: "out-of-range",
    path: "groups.gateway.pulseInterval",
    says: "longer than the interval of 100ms",
  },
  {
    name: "a refresh too long",
    replace: "refresh: 60s",
    by: "refresh: §11m",
    code: "out-of-range",
    path: "replication.refresh",
    says: "10m",
  },
  // Nodes.
  {
    name: "a device twice",
    replace: "device: eth1, addresses: [192.0.2.2",
    by: "device: §eth0, addresses: [192.0.2.2",
    code: "duplicate-device",
    path: "nodes.gw1.interfaces.wan.device",
    says: '"lan"',
  },
  {
    name: "an own address twice",
    replace: "[10.255.0.2/24]",
    by: "[§10.255.0.1/24]",
    code: "duplicate-address",
    path: "nodes.gw2.interfaces.sync.addresses[0]",
    says: "nodes.gw1.interfaces.sync",
  },
  {
    name: "the same address in other words",
    replace: '"fd00:1::3/64"',
    by: '§"fd00:1:0:0::2/64"',
    code: "duplicate-address",
    path: "nodes.gw2.interfaces.lan.addresses[1]",
    says: "fd00:1::2",
  },
  {
    name: "overlapping networks",
    replace: "[10.255.0.1/24]",
    by: "[10.255.0.1/24, §10.1.0.130/25]",
    code: "overlapping-networks",
    path: "nodes.gw1.interfaces.sync.addresses[1]",
    says: '"lan"',
  },
  {
    name: "unequal prefix lengths",
    replace: "[10.255.0.2/24]",
    by: "[§10.255.0.2/25]",
    code: "prefix-length-mismatch",
    path: "nodes.gw2.interfaces.sync.addresses[0]",
    says: "10.255.0.1/24 of gw1",
  },
  {
    name: "a missing interface",
    replace: `  gw2:\n    interfaces:\n      lan: { device: eth0, addresses: [10.1.0.3/24, "fd00:1::3/64"] }\n`,
    by: "  gw2:\n    §interfaces:\n",
    code: "missing-interface",
    path: "nodes.gw2.interfaces",
    says: '"lan"',
  },
  {
    name: "an interface of another name",
    replace: sync2,
    by: `§synk${sync2.slice(4)}`,
    code: "unknown-interface",
    path: "nodes.gw2.interfaces.synk",
    says: 'Did you mean "sync"?',
  },
  {
    name: "nodes that cannot meet",
    replace: "[10.255.0.2/24]",
    by: "[§10.254.0.2/24]",
    code: "sync-network-mismatch",
    path: "nodes.gw2.interfaces.sync.addresses[0]",
    says: "10.255.0.1/24",
  },
  {
    name: "a sync interface with link-local first",
    replace: "[10.255.0.1/24]",
    by: '[§"fe80::9/64", 10.255.0.1/24]',
    code: "sync-network-mismatch",
    path: "nodes.gw1.interfaces.sync.addresses[0]",
    says: "link-local",
  },
  {
    name: "an unknown sync interface",
    replace: "interface: sync",
    by: "interface: §snyc",
    code: "unknown-interface",
    path: "replication.interface",
    says: 'Did you mean "sync"?',
  },
  {
    name: "one port for two",
    replace: "port: 7846",
    by: "port: §7844",
    code: "duplicate-port",
    path: "control.port",
    says: "replication",
  },
  // Metrics.
  {
    name: "metrics on an unknown interface",
    replace: "control: { port: 7846 }",
    by: "control: { port: 7846 }\nmetrics: { interface: §lam }",
    code: "unknown-interface",
    path: "metrics.interface",
    says: 'Did you mean "lan"?',
  },
  {
    name: "metrics on no interface",
    replace: "control: { port: 7846 }",
    by: "control: { port: 7846 }\n§metrics: { port: 9845 }",
    code: "missing-key",
    path: "metrics.interface",
    says: "on whose own addresses",
  },
  {
    name: "metrics on a port that is taken",
    replace: "control: { port: 7846 }",
    by: "control: { port: 7846 }\nmetrics: { interface: lan, port: §7846 }",
    code: "duplicate-port",
    path: "metrics.port",
    says: "control",
  },
  {
    name: "an unknown key of metrics",
    replace: "control: { port: 7846 }",
    by: "control: { port: 7846 }\nmetrics: { interface: lan, §prot: 9845 }",
    code: "unknown-key",
    path: "metrics.prot",
    says: 'Did you mean "port"?',
  },
  // The group.
  {
    name: "nine groups",
    replace: "nat:\n",
    by: `${moreGroups(8)}nat:\n`,
    code: "too-many-groups",
    path: "groups.g8",
    says: "9 failover groups",
  },
  {
    name: "two groups with one router number",
    replace: "nat:\n",
    by: `  other:\n    virtualRouterId: §51\n    priorities: { gw1: 1, gw2: 2 }\n    addresses: { lan: [10.1.0.9/24] }\nnat:\n`,
    code: "duplicate-router-id",
    path: "groups.other.virtualRouterId",
    says: 'the group "gateway" on "lan"',
  },
  {
    name: "two groups with one address",
    replace: "nat:\n",
    by: `  other:\n    virtualRouterId: 52\n    priorities: { gw1: 1, gw2: 2 }\n    addresses: { lan: [§10.1.0.1/24] }\nnat:\n`,
    code: "duplicate-address",
    path: "groups.other.addresses.lan[0]",
    says: 'in the group "gateway" already',
  },
  {
    name: "an unknown node",
    replace: "{ gw1: 110, gw2: 100 }",
    by: "{ gw1: 110, §gw3: 100 }",
    code: "unknown-node",
    path: "groups.gateway.priorities.gw3",
    says: 'Did you mean "gw2"?',
  },
  {
    name: "no priority",
    replace: "priorities: { gw1: 110, gw2: 100 }",
    by: "§priorities: { gw1: 110 }",
    code: "missing-priority",
    path: "groups.gateway.priorities",
    says: "gw2",
  },
  {
    name: "equal priorities",
    replace: "gw2: 100",
    by: "gw2: §110",
    code: "duplicate-priority",
    path: "groups.gateway.priorities.gw2",
    says: "gw1",
  },
  {
    name: "an address outside",
    replace: "lan: [10.1.0.1/24",
    by: "lan: [§10.2.0.1/24",
    code: "address-outside-network",
    path: "groups.gateway.addresses.lan[0]",
    says: "10.1.0.2/24",
  },
  {
    name: "another prefix length",
    replace: "lan: [10.1.0.1/24",
    by: "lan: [§10.1.0.1/25",
    code: "prefix-length-mismatch",
    path: "groups.gateway.addresses.lan[0]",
    says: "10.1.0.1/24",
  },
  {
    name: "a node's own address",
    replace: "lan: [10.1.0.1/24",
    by: "lan: [§10.1.0.3/24",
    code: "virtual-address-taken",
    path: "groups.gateway.addresses.lan[0]",
    says: "gw2",
  },
  {
    name: "a virtual address twice",
    replace: "lan: [10.1.0.1/24",
    by: "lan: [10.1.0.1/24, §10.1.0.1/24",
    code: "duplicate-address",
    path: "groups.gateway.addresses.lan[1]",
    says: "lan",
  },
  {
    name: "a link-local address with another prefix",
    replace: "lan: [10.1.0.1/24",
    by: 'lan: [§"fe80::1/10", 10.1.0.1/24',
    code: "prefix-length-mismatch",
    path: "groups.gateway.addresses.lan[0]",
    says: "fe80::1/64",
  },
  {
    name: "an unknown interface in the group",
    replace: "      lan: [10.1.0.1/24",
    by: "      §lam: [10.1.0.1/24",
    code: "unknown-interface",
    path: "groups.gateway.addresses.lam",
    says: 'Did you mean "lan"?',
  },
  {
    name: "virtual addresses between the nodes",
    replace: "      lan: [10.1.0.1/24",
    by: "      §sync: [10.255.0.9/24]\n      lan: [10.1.0.1/24",
    code: "sync-interface-virtual",
    path: "groups.gateway.addresses.sync",
    says: "between the nodes",
  },
  // Translation.
  {
    name: "an id twice",
    replace: "id: lan6-out",
    by: "id: §lan-out",
    code: "duplicate-id",
    path: "nat.source[1].id",
    says: "lan-out",
  },
  {
    name: "an unknown way out",
    replace: rule1,
    by: "- { id: lan-out, from: 10.1.0.0/24, out: §wna, to: 192.0.2.1 }",
    code: "unknown-interface",
    path: "nat.source[0].out",
    says: 'Did you mean "wan"?',
  },
  {
    name: "out by the link between the nodes",
    replace: rule1,
    by: "- { id: lan-out, from: 10.1.0.0/24, out: §sync, to: masquerade }",
    code: "bad-nat-target",
    path: "nat.source[0].out",
    says: "leads outside",
  },
  {
    name: "an address that does not move",
    replace: "to: 192.0.2.1 ",
    by: "to: §192.0.2.2 ",
    code: "unknown-nat-address",
    path: "nat.source[0].to",
    says: "192.0.2.1",
  },
  {
    name: "an address of another interface",
    replace: "to: 192.0.2.1 ",
    by: "to: §10.1.0.1 ",
    code: "unknown-nat-address",
    path: "nat.source[0].to",
    says: 'not a virtual address of "wan"',
  },
  {
    name: "a word as a target",
    replace: "to: 192.0.2.1 ",
    by: "to: §masquarade ",
    code: "bad-nat-target",
    path: "nat.source[0].to",
    says: "masquerade",
  },
  {
    name: "mixed families",
    replace: "to: 192.0.2.1 ",
    by: 'to: §"2001:db8::1" ',
    code: "family-mismatch",
    path: "nat.source[0].to",
    says: "IPv4",
  },
  {
    name: "an IPv4 prefix",
    replace: "to: 192.0.2.1 ",
    by: "to: §198.51.100.0/24 ",
    code: "bad-nat-target",
    path: "nat.source[0].to",
    says: "only IPv6",
  },
  {
    name: "prefixes of unequal length",
    replace: 'to: "2001:db8::1"',
    by: 'to: §"2001:db8:1::/48"',
    code: "prefix-length-mismatch",
    path: "nat.source[1].to",
    says: "2001:db8:1::/64",
  },
  {
    name: "a prefix with host bits",
    replace: 'to: "2001:db8::1"',
    by: 'to: §"2001:db8:1::1/64"',
    code: "host-bits",
    path: "nat.source[1].to",
    says: "2001:db8:1::/64",
  },
  {
    name: "a prefix on the link",
    replace: 'to: "2001:db8::1"',
    by: 'to: §"2001:db8::/64"',
    code: "prefix-on-link",
    path: "nat.source[1].to",
    says: "routed",
  },
  {
    name: "two networks for one prefix",
    replace: rule6,
    by: '- { id: p, from: ["fd00:1::/64", "fd00:2::/64"], out: wan, to: §"2001:db8:1::/64" }',
    code: "bad-nat-target",
    path: "nat.source[1].to",
    says: "share",
  },
  {
    name: "a rule that never matches",
    replace: rule6,
    by: "- { id: late, from: §10.1.0.128/25, out: wan, to: 192.0.2.1 }",
    code: "overlapping-sources",
    path: "nat.source[1].from",
    says: '"lan-out"',
  },
];

/** Further groups, each in order; the last one is marked. */
function moreGroups(count: number): string {
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    const mark = number === count ? "§" : "";
    return `  ${mark}g${number}:\n    virtualRouterId: ${100 + number}\n    priorities: { gw1: 1, gw2: 2 }\n    addresses: { lan: [10.1.0.${100 + number}/24] }\n`;
  }).join("");
}
