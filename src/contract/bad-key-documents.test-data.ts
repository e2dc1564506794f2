import type { BadDocument } from "./bad-documents.test-data.ts";
import type { ProblemCode } from "./problem-codes.ts";

// Every key that has no row in the other tables, once: what stands there is of the wrong kind or out of range. A test compares
// the tables with the schema, so that a new key needs a row.

/** What is wrong, with § where it must be shown; the code; the path; a part of what is said. */
type Row = readonly [text: string, code: ProblemCode, path: string, says: string];

function rows(
  list: readonly Row[],
  place: (text: string) => { readonly replace: string; readonly by: string },
): BadDocument[] {
  return list.map(([text, code, path, says]) => ({
    name: `${path}: ${text.replace("§", "")}`,
    ...place(text),
    ...{ code, path, says },
  }));
}

const before = "replication:\n  interface";

const documentRows: readonly Row[] = [
  ["firewall: §[]", "wrong-type", "firewall", "is a list, but must be a map"],
  ["firewall: { forward: §drop }", "wrong-type", "firewall.forward", 'is the text "drop", but must be a map'],
  ["firewall: { input: §[] }", "wrong-type", "firewall.input", "is a list, but must be a map"],
  ["firewall: { §output: {} }", "unknown-key", "firewall.output", "Keys here: forward, input."],
  ["firewall: { §inputs: {} }", "unknown-key", "firewall.inputs", 'Did you mean "input"?'],
  [
    "firewall: { forward: { default: §reject } }",
    "out-of-range",
    "firewall.forward.default",
    'the text "reject" is not one of accept, drop',
  ],
  [
    "firewall: { input: { rules: §{} } }",
    "wrong-type",
    "firewall.input.rules",
    "is a map, but must be a list",
  ],
  ["management: §lan", "wrong-type", "management", 'is the text "lan", but must be a map'],
  ["management: { §interface: lan }", "unknown-key", "management.interface", 'Did you mean "interfaces"?'],
  ["management: { ports: §22 }", "wrong-type", "management.ports", "must be a list"],
  ["management: { ports: [22, §0] }", "out-of-range", "management.ports[1]", "0 is too small"],
  ["management: { ports: §[] }", "out-of-range", "management.ports", "the list has 0 items"],
  ["sets: §[]", "wrong-type", "sets", "is a list, but must be a map"],
  [
    "routes: [{ id: a, to: 10.9.0.0/16, via: 10.1.0.9, metric: §-1 }]",
    "out-of-range",
    "routes[0].metric",
    "-1 is too small",
  ],
  ["timeouts: §60s", "wrong-type", "timeouts", "must be a map"],
  ["timeouts: { udpStream: §5 }", "bad-duration", "timeouts.udpStream", "5 has no unit"],
  ["timeouts: { icmp: §60 }", "bad-duration", "timeouts.icmp", "60 has no unit"],
  ["timeouts: { icmpv6: §1m30 }", "bad-duration", "timeouts.icmpv6", "not a duration"],
  ["timeouts: { tcpSynSent: §0s }", "out-of-range", "timeouts.tcpSynSent", "0s"],
  ["timeouts: { tcpSynRecv: §true }", "wrong-type", "timeouts.tcpSynRecv", "a duration"],
  ["timeouts: { tcpFinWait: §4min }", "bad-duration", "timeouts.tcpFinWait", "4min"],
  ["timeouts: { tcpCloseWait: §-4m }", "bad-duration", "timeouts.tcpCloseWait", "-4m"],
  ["timeouts: { tcpLastAck: §[] }", "wrong-type", "timeouts.tcpLastAck", "is a list"],
  ["timeouts: { tcpTimeWait: §500ms }", "out-of-range", "timeouts.tcpTimeWait", "500ms"],
  ["timeouts: { tcpEstablished: §10000h }", "out-of-range", "timeouts.tcpEstablished", "10000h"],
  ["timeouts: { tcpUnacknowledged: §5 m }", "bad-duration", "timeouts.tcpUnacknowledged", "5 m"],
  ["timeouts: { gre: §30 }", "bad-duration", "timeouts.gre", "has no unit"],
  ["timeouts: { greStream: §long }", "bad-duration", "timeouts.greStream", "long"],
  ["timeouts: { generic: §{} }", "wrong-type", "timeouts.generic", "is a map"],
  ["logging: §debug", "wrong-type", "logging", "must be a map"],
  ["logging: { firewall: §true }", "wrong-type", "logging.firewall", "must be a map"],
  [
    "logging: { firewall: { group: §70000 } }",
    "out-of-range",
    "logging.firewall.group",
    "70000 is too large",
  ],
  ["logging: { firewall: { rate: §10 } }", "wrong-type", "logging.firewall.rate", "10"],
  ["logging: { firewall: { rate: §10/d } }", "bad-rate", "logging.firewall.rate", "is not a rate"],
  ["metrics: §9845", "wrong-type", "metrics", "must be a map"],
  ["api: §true", "wrong-type", "api", "must be a map"],
  ["api: { interface: §lam }", "unknown-interface", "api.interface", 'Did you mean "lan"?'],
  ["api: { interface: lan, port: §443 }", "out-of-range", "api.port", "at least 1024"],
  ["api: { interface: lan, requestsPerSecond: §0 }", "out-of-range", "api.requestsPerSecond", "at least 1"],
  ["api: { interface: lan, certificateFile: §api.crt }", "api-keys", "api.certificateFile", "keyFile"],
  ["api: { interface: lan, keyFile: §api.key }", "api-keys", "api.keyFile", "certificateFile"],
  ["users: §[ana]", "wrong-type", "users", "must be a map"],
  ["users: { §Ana: { role: admin } }", "bad-name", "users.Ana", "at most 32 characters"],
  ["users: { ana: §admin }", "wrong-type", "users.ana", "must be a map"],
  ["users: { §ana: {} }", "missing-key", "users.ana.role", "role"],
  ["users: { ana: { role: §root } }", "out-of-range", "users.ana.role", "viewer, operator, admin"],
  ["users: { ana: { role: admin, §password: secret } }", "unknown-key", "users.ana.password", "role"],
  ["arbiter: §etcd", "wrong-type", "arbiter", "must be a map"],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: §7 }',
    "wrong-type",
    "arbiter.caFile",
    "must be a text",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, keyFile: §arbiter.key }',
    "arbiter-keys",
    "arbiter.keyFile",
    "certificateFile",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, userFile: §"" }',
    "out-of-range",
    "arbiter.userFile",
    "at least 1",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, userEnvironment: §"root:secret" }',
    "bad-name",
    "arbiter.userEnvironment",
    "does not belong here",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, userFile: user, userEnvironment: §ETCD_USER }',
    "secret-twice",
    "arbiter.userEnvironment",
    "not both",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, leaseTtl: §1s }',
    "out-of-range",
    "arbiter.leaseTtl",
    "2s",
  ],
  [
    'arbiter: { endpoints: ["https://10.1.0.9:2379"], caFile: ca.crt, §password: secret }',
    "unknown-key",
    "arbiter.password",
    "userFile",
  ],
  ["history: §/srv/backup", "wrong-type", "history", "must be a map"],
];

/** Keys of a rule, in either chain. */
const ruleRows: readonly Row[] = [
  ["id: §Web, action: accept", "bad-name", "id", "small letters"],
  ["id: a, action: accept, from: §10.1.0.300", "bad-network", "from", "neither an address"],
  ["id: a, action: accept, to: §office", "bad-network", "to", "neither an address"],
  ["id: a, action: accept, in: §lam", "unknown-interface", "in", 'Did you mean "lan"?'],
  ["id: a, action: accept, protocol: §tpc", "out-of-range", "protocol", "is not one of tcp, udp"],
  ["id: a, action: accept, protocol: tcp, ports: §http", "bad-port", "ports", "neither a port"],
  ["id: a, action: accept, protocol: tcp, sourcePorts: §0", "bad-port", "sourcePorts", "neither a port"],
  ["id: a, action: accept, protocol: icmp, types: §ping", "out-of-range", "types", "echo-request"],
  ["id: a, action: §allow", "out-of-range", "action", "is not one of accept, drop, reject"],
  ["id: a, action: accept, log: §yes", "wrong-type", "log", "true or false"],
  ["id: a, action: accept, limit: §fast", "bad-rate", "limit", "is not a rate"],
  ["id: a, action: accept, sourceLimit: §10/day", "bad-rate", "sourceLimit", "is not a rate"],
  ["id: a, action: accept, connections: §0", "out-of-range", "connections", "at least 1"],
  ["id: a, action: accept, §form: 10.1.0.7", "unknown-key", "form", 'Did you mean "from"?'],
];

/** In `forward` only. */
const forwardRows: readonly Row[] = [
  ["id: a, action: accept, out: §wna", "unknown-interface", "out", 'Did you mean "wan"?'],
];

const groupRows: readonly Row[] = [
  ["acceptMode: §1", "wrong-type", "acceptMode", "true or false"],
  ["announceRate: §0", "out-of-range", "announceRate", "at least 1"],
  ["unicastPeers: §[10.1.0.2]", "wrong-type", "unicastPeers", "must be a map"],
  ["routerAdvertisements: §true", "wrong-type", "routerAdvertisements", "must be a map"],
  ["routedNetworks: §198.18.0.0/24", "wrong-type", "routedNetworks", "must be a map"],
  [
    "checks: { a: { kind: interface, interface: wan, weight: 9, rise: §0 } }",
    "out-of-range",
    "checks.a.rise",
    "0",
  ],
  [
    "checks: { a: { kind: interface, interface: wan, weight: 9, veto: §7 } }",
    "wrong-type",
    "checks.a.veto",
    "true or false",
  ],
  [
    "checks: { a: { kind: interface, interface: wan, weight: 9, tieBreaker: §7 } }",
    "wrong-type",
    "checks.a.tieBreaker",
    "true or false",
  ],
];

/** Of a group that has the link-local address that router advertisements need. */
const advertisingRows: readonly Row[] = [
  [
    "routerAdvertisements: { lan: { managed: §maybe } }",
    "wrong-type",
    "routerAdvertisements.lan.managed",
    "true or false",
  ],
  [
    "routerAdvertisements: { lan: { otherConfiguration: §0 } }",
    "wrong-type",
    "routerAdvertisements.lan.otherConfiguration",
    "true or false",
  ],
  [
    'routerAdvertisements: { lan: { prefixes: §"fd00:1::/64" } }',
    "wrong-type",
    "routerAdvertisements.lan.prefixes",
    "Write it as a list",
  ],
  [
    'routerAdvertisements: { lan: { prefixes: [{ prefix: "fd00:1::/64", onLink: §no }] } }',
    "wrong-type",
    "routerAdvertisements.lan.prefixes[0].onLink",
    "true or false",
  ],
  [
    'routerAdvertisements: { lan: { prefixes: [{ prefix: "fd00:1::/64", autonomous: §2 }] } }',
    "wrong-type",
    "routerAdvertisements.lan.prefixes[0].autonomous",
    "true or false",
  ],
  [
    'routerAdvertisements: { lan: { prefixes: [{ prefix: "fd00:1::/64", preferredLifetime: §4 }] } }',
    "bad-duration",
    "routerAdvertisements.lan.prefixes[0].preferredLifetime",
    "4 has no unit",
  ],
];

/** In the place of what the good document has below `nat`. */
const natRows: readonly Row[] = [
  ["source: §{}", "wrong-type", "source", "must be a list"],
  ["helpers: [§http]", "out-of-range", "helpers[0]", "is not one of"],
  ["helpers: §ftp", "wrong-type", "helpers", "Write it as a list"],
  ["oneToOne: §10.1.0.50", "wrong-type", "oneToOne", "must be a list"],
  ["cgnat: §true", "wrong-type", "cgnat", "must be a list"],
  [
    "forward: [{ id: §A, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20 }]",
    "bad-name",
    "forward[0].id",
    "small letters",
  ],
  [
    "forward: [{ id: a, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20, hairpin: §always }]",
    "wrong-type",
    "forward[0].hairpin",
    "true or false",
  ],
  [
    "oneToOne: [{ id: a, inside: 10.1.0.50, outside: 192.0.2.1, out: wan, hairpin: §1 }]",
    "wrong-type",
    "oneToOne[0].hairpin",
    "true or false",
  ],
  [
    "cgnat: [{ id: §1, subscribers: 100.64.0.0/24, out: wan, pool: 192.0.2.1, portsPerSubscriber: 100 }]",
    "wrong-type",
    "cgnat[0].id",
    "must be a text",
  ],
  [
    "cgnat: [{ id: a, subscribers: 100.64.0.0/24, out: §wna, pool: 192.0.2.1, portsPerSubscriber: 100 }]",
    "unknown-interface",
    "cgnat[0].out",
    'Did you mean "wan"?',
  ],
  [
    "cgnat: [{ id: a, subscribers: 100.64.0.0/24, out: wan, pool: 192.0.2.1, portsPerSubscriber: 100, firstPort: §0 }]",
    "out-of-range",
    "cgnat[0].firstPort",
    "at least 1",
  ],
];

const faces = "    addresses:\n      ";

const natBefore = `nat:
  source:
    - { id: lan-out, from: 10.1.0.0/24, out: wan, to: 192.0.2.1 }
    - { id: lan6-out, from: "fd00:1::/64", out: wan, to: "2001:db8::1" }
`;

/** What the good document says of the rest, and what stands there instead. */
const replacedRows: readonly (readonly [replace: string, ...Row])[] = [
  ["{ directory: keys }", "§keys", "wrong-type", "keys", "must be a map"],
  ["{ directory: keys }", "{ directory: §[] }", "wrong-type", "keys.directory", "must be a text"],
  ["pulses: { port: 7845 }", "pulses: §7845", "wrong-type", "pulses", "must be a map"],
  ["control: { port: 7846 }", "control: §[]", "wrong-type", "control", "must be a map"],
  ["  port: 7844\n", "  port: §65536\n", "out-of-range", "replication.port", "at most 65535"],
  [
    "  port: 7844\n",
    "  shortExchanges: §some\n",
    "wrong-type",
    "replication.shortExchanges",
    "true or false",
  ],
  ["  port: 7844\n", "  marks: §3\n", "wrong-type", "replication.marks", "true or false"],
  [
    "replication:\n  interface: sync\n  port: 7844\n  refresh: 60s\n",
    "replication: §sync\n",
    "wrong-type",
    "replication",
    "must be a map",
  ],
  [natBefore, "nat: §none\n", "wrong-type", "nat", "must be a map"],
];

const manyNodes = Array.from({ length: 17 }, (_, index) => index + 1);

/** A small document, with what stands for its nodes and its groups. */
const small = (nodes: string, groups: string) =>
  `cluster: campus\n${nodes}\n${groups}\nreplication: { interface: sync }\n`;
const someNodes = (numbers: readonly number[]) =>
  `nodes: { ${numbers.map((n) => `gw${n}: { interfaces: { lan: { device: a, addresses: [10.1.0.${n}/24] }, sync: { device: b, addresses: [10.255.0.${n}/24] } } }`).join(", ")} }`;
const someGroups = (numbers: readonly number[], addresses = "{ lan: [10.1.0.99/24] }") =>
  `groups: { gateway: { virtualRouterId: 51, priorities: { ${numbers.map((n) => `gw${n}: ${n}`).join(", ")} }, addresses: ${addresses} } }`;

const wholeRows: readonly Row[] = [
  [small("nodes: §[gw1]", someGroups([1])), "wrong-type", "nodes", "must be a map"],
  [small("§nodes: {}", someGroups([])), "too-few-nodes", "nodes", "usually two"],
  [small(`§${someNodes(manyNodes)}`, someGroups(manyNodes)), "too-many-nodes", "nodes", "At most 16"],
  [small(someNodes([1, 2]), "groups: §gateway"), "wrong-type", "groups", "must be a map"],
  [small(someNodes([1, 2]), "§groups: {}"), "too-few-groups", "groups", "group"],
  [
    small(someNodes([1, 2]), someGroups([1, 2], "§[10.1.0.99/24]")),
    "wrong-type",
    "groups.gateway.addresses",
    "must be a map",
  ],
];

/** The rows of a rule, under their paths in one chain. */
function inChain(chain: "forward" | "input", list: readonly Row[]): BadDocument[] {
  const under = `firewall.${chain}.rules[0]`;
  return rows(
    list.map(([text, code, key, says]): Row => [text, code, `${under}.${key}`, says]),
    (text) => ({
      replace: before,
      by: `firewall: { ${chain}: { rules: [{ ${text} }] } }\n${before}`,
    }),
  );
}

export const badKeyDocuments: readonly BadDocument[] = [
  ...rows(documentRows, (text) => ({ replace: before, by: `${text}\n${before}` })),
  ...inChain("forward", [...ruleRows, ...forwardRows]),
  ...inChain("input", ruleRows),
  ...rows(
    groupRows.map(([text, code, key, says]): Row => [text, code, `groups.gateway.${key}`, says]),
    (text) => ({ replace: "    preempt: false\n", by: `    ${text}\n` }),
  ),
  ...rows(
    advertisingRows.map(([text, code, key, says]): Row => [text, code, `groups.gateway.${key}`, says]),
    (text) => ({
      replace: `${faces}lan: [`,
      by: `    ${text}\n${faces}lan: ["fe80::51/64", `,
    }),
  ),
  ...rows(
    natRows.map(([text, code, key, says]): Row => [text, code, `nat.${key}`, says]),
    (text) => ({ replace: natBefore, by: `nat:\n  ${text}\n` }),
  ),
  ...wholeRows.map(
    ([by, code, path, says]): BadDocument => ({ name: `${path}: ${code}`, ...{ by, code, path, says } }),
  ),
  ...replacedRows.flatMap(([replace, ...row]) => rows([row], (by) => ({ replace, by }))),
];
