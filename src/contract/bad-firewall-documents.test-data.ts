import type { BadDocument } from "./bad-documents.test-data.ts";

const before = "replication:\n  interface";
/** A document with more keys at its top. */
const having = (text: string) => `${text}\nreplication:\n  interface`;
const sets = `sets:
  staff: { elements: [10.1.0.0/25] }
  web: { kind: ports, elements: [80, 443] }
`;
/** With two sets, and one rule for what goes through. */
const rule = (text: string) => having(`${sets}firewall:\n  forward:\n    rules:\n      - ${text}`);
const route = (text: string) => having(`routes:\n  - ${text}`);
const first = "firewall.forward.rules[0]";

/** Documents that are wrong in sets, firewall, routes, timeouts or logging. */
export const badFirewallDocuments: readonly BadDocument[] = [
  // Sets.
  {
    name: "a set that holds nothing",
    ...{ replace: before, by: having("sets:\n  staff: §{}"), code: "empty-set", path: "sets.staff" },
    says: "neither elements nor a file",
  },
  {
    name: "a set with a bad name",
    ...{
      replace: before,
      by: having("sets:\n  §Staff: { elements: [10.1.0.1] }"),
      code: "bad-name",
      path: "sets.Staff",
    },
    says: "small letters",
  },
  {
    name: "a set with a word",
    ...{
      replace: before,
      by: having("sets: { staff: { elements: [10.1.0.1, §all] } }"),
      code: "bad-set-element",
    },
    ...{ path: "sets.staff.elements[1]", says: "nothing that a set can hold" },
  },
  {
    name: "a set with a range that ends before it begins",
    ...{
      replace: before,
      by: having("sets: { staff: { elements: [§10.1.0.9-10.1.0.1] } }"),
      code: "bad-set-element",
    },
    ...{ path: "sets.staff.elements[0]", says: "10.1.0.10-10.1.0.19" },
  },
  {
    name: "a port among addresses",
    ...{
      replace: before,
      by: having("sets: { staff: { elements: [10.1.0.1, §443] } }"),
      code: "bad-set-element",
    },
    ...{ path: "sets.staff.elements[1]", says: "kind: ports" },
  },
  {
    name: "an address among ports",
    ...{
      replace: before,
      by: having("sets: { web: { kind: ports, elements: [§10.1.0.1] } }"),
      code: "bad-set-element",
    },
    ...{ path: "sets.web.elements[0]", says: "is no port" },
  },
  {
    name: "a truth value among ports",
    ...{
      replace: before,
      by: having("sets: { web: { kind: ports, elements: [§true] } }"),
      code: "wrong-type",
    },
    ...{ path: "sets.web.elements[0]", says: "a text or a number" },
  },
  {
    name: "a set of an unknown kind",
    ...{
      replace: before,
      by: having("sets: { web: { kind: §names, elements: [a] } }").replace("[a]", "[80]"),
    },
    ...{ code: "out-of-range", path: "sets.web.kind", says: "addresses, ports" },
  },
  {
    name: "a set whose file is not there",
    ...{ replace: before, by: having("sets: { staff: { file: §nowhere.txt } }"), code: "bad-set-file" },
    ...{ path: "sets.staff.file", says: "cannot be read" },
  },
  // Rules: shape.
  {
    name: "a rule without an action",
    ...{
      replace: before,
      by: rule("§id: a\n        to: 10.0.0.1"),
      code: "missing-key",
      path: `${first}.action`,
    },
    says: "accept",
  },
  {
    name: "a rule with an unknown action",
    ...{
      replace: before,
      by: rule("{ id: a, action: §allow }"),
      code: "out-of-range",
      path: `${first}.action`,
    },
    says: "accept, drop, reject",
  },
  {
    name: "a mistyped part of a rule",
    ...{ replace: before, by: rule("{ id: a, §protocoll: tcp, action: drop }"), code: "unknown-key" },
    ...{ path: `${first}.protocoll`, says: 'Did you mean "protocol"?' },
  },
  {
    name: "an unknown protocol",
    ...{ replace: before, by: rule("{ id: a, protocol: §tpc, action: drop }"), code: "out-of-range" },
    ...{ path: `${first}.protocol`, says: "tcp, udp" },
  },
  {
    name: "an address that is none",
    ...{ replace: before, by: rule("{ id: a, from: [10.1.0.0/24, §10.1.0.0/33], action: drop }") },
    ...{ code: "bad-network", path: `${first}.from[1]`, says: "@NAME" },
  },
  {
    name: "addresses that are a map",
    ...{
      replace: before,
      by: rule("{ id: a, from: §{}, action: drop }"),
      code: "wrong-type",
      path: `${first}.from`,
    },
    says: "a set, or a list of them",
  },
  {
    name: "a port that is none",
    ...{
      replace: before,
      by: rule("{ id: a, protocol: tcp, ports: §http, action: drop }"),
      code: "bad-port",
    },
    ...{ path: `${first}.ports`, says: "8000-8080" },
  },
  {
    name: "a port that is too large",
    ...{ replace: before, by: rule("{ id: a, protocol: tcp, ports: [80, §65536], action: drop }") },
    ...{ code: "bad-port", path: `${first}.ports[1]`, says: "65535" },
  },
  {
    name: "a rate without a unit",
    ...{ replace: before, by: rule("{ id: a, limit: §100, action: accept }"), code: "wrong-type" },
    ...{ path: `${first}.limit`, says: "a text" },
  },
  {
    name: "a rate in days",
    ...{ replace: before, by: rule("{ id: a, limit: §100/d, action: accept }"), code: "bad-rate" },
    ...{ path: `${first}.limit`, says: "100/s, 10/m or 30/h" },
  },
  {
    name: "no connections at all",
    ...{ replace: before, by: rule("{ id: a, connections: §0, action: accept }"), code: "out-of-range" },
    ...{ path: `${first}.connections`, says: "at least 1" },
  },
  {
    name: "out in a rule for the gateway itself",
    ...{
      replace: before,
      by: having("firewall: { input: { rules: [{ id: a, §out: lan, action: drop }] } }"),
    },
    ...{ code: "unknown-key", path: "firewall.input.rules[0].out", says: "Keys here" },
  },
  {
    name: "a default of its own",
    ...{ replace: before, by: having("firewall: { input: { default: §reject } }"), code: "out-of-range" },
    ...{ path: "firewall.input.default", says: "accept, drop" },
  },
  // Rules: what they name, and what goes together.
  {
    name: "two rules with one id, in different chains",
    replace: before,
    by: having(
      "firewall:\n  forward: { rules: [{ id: a, action: drop }] }\n  input: { rules: [{ id: §a, protocol: gre, action: drop }] }",
    ),
    ...{ code: "duplicate-id", path: "firewall.input.rules[0].id", says: "its own id" },
  },
  {
    name: "a rule for an unknown interface",
    ...{ replace: before, by: rule("{ id: a, in: [lan, §wna], action: drop }"), code: "unknown-interface" },
    ...{ path: `${first}.in[1]`, says: 'Did you mean "wan"?' },
  },
  {
    name: "a rule for an unknown set",
    ...{ replace: before, by: rule('{ id: a, to: §"@staf", action: drop }'), code: "unknown-set" },
    ...{ path: `${first}.to`, says: 'Did you mean "staff"?' },
  },
  {
    name: "a set of ports where addresses must stand",
    ...{
      replace: before,
      by: rule('{ id: a, from: [10.9.0.1, §"@web"], action: drop }'),
      code: "wrong-set-kind",
    },
    ...{ path: `${first}.from[1]`, says: "holds ports" },
  },
  {
    name: "a set of addresses where ports must stand",
    ...{ replace: before, by: rule('{ id: a, protocol: tcp, ports: §"@staff", action: drop }') },
    ...{ code: "wrong-set-kind", path: `${first}.ports`, says: "kind: ports" },
  },
  {
    name: "ports without a protocol",
    ...{
      replace: before,
      by: rule("{ id: a, §ports: 80, action: drop }"),
      code: "bad-rule",
      path: `${first}.ports`,
    },
    says: "protocol: tcp",
  },
  {
    name: "ports of a protocol that has none",
    ...{ replace: before, by: rule("{ id: a, protocol: [tcp, gre], §sourcePorts: 80, action: drop }") },
    ...{ code: "bad-rule", path: `${first}.sourcePorts`, says: "gre has no ports" },
  },
  {
    name: "types of something else than ICMP",
    ...{ replace: before, by: rule("{ id: a, protocol: [icmp, tcp], §types: echo-request, action: drop }") },
    ...{ code: "bad-rule", path: `${first}.types`, says: "those of ICMP" },
  },
  {
    name: "a type that only ICMPv6 has",
    ...{
      replace: before,
      by: rule("{ id: a, protocol: icmp, types: [redirect, §packet-too-big], action: drop }"),
    },
    ...{ code: "bad-rule", path: `${first}.types[1]`, says: 'icmp has no type "packet-too-big"' },
  },
  {
    name: "a limit of what is dropped",
    ...{
      replace: before,
      by: rule("{ id: a, §limit: 10/s, action: drop }"),
      code: "bad-rule",
      path: `${first}.limit`,
    },
    says: "accepts nothing",
  },
  {
    name: "a rule from IPv4 to IPv6",
    ...{ replace: before, by: rule('§{ id: a, from: 10.0.0.0/8, to: "2001:db8::/32", action: drop }') },
    ...{ code: "family-mismatch", path: first, says: "matches nothing" },
  },
  {
    name: "ICMPv6 from IPv4",
    ...{ replace: before, by: rule('§{ id: a, from: "@staff", protocol: icmpv6, action: drop }') },
    ...{ code: "family-mismatch", path: first, says: "one family" },
  },
  // Management and logging.
  {
    name: "administrators on an unknown interface",
    ...{ replace: before, by: having("management: { interfaces: §lam }"), code: "unknown-interface" },
    ...{ path: "management.interfaces", says: 'Did you mean "lan"?' },
  },
  {
    name: "administrators from an unknown set",
    ...{
      replace: before,
      by: having('management: { from: §"@staff" }'),
      code: "unknown-set",
      path: "management.from",
    },
    says: "There are no sets",
  },
  {
    name: "a level of logging that is none",
    ...{
      replace: before,
      by: having("logging: { level: §warn }"),
      code: "out-of-range",
      path: "logging.level",
    },
    says: "warning",
  },
  {
    name: "a quote before the lines of the firewall",
    ...{ replace: before, by: having("logging: { firewall: { prefix: §'a\"b' } }"), code: "bad-name" },
    ...{ path: "logging.firewall.prefix", says: "32 letters" },
  },
  // Routes.
  {
    name: "a route to nowhere",
    ...{ replace: before, by: route("{ id: a, to: 10.9.0.0/16, via: §10.2.0.1 }"), code: "bad-route" },
    ...{ path: "routes[0].via", says: "lies in no network of any interface on gw1" },
  },
  {
    name: "a route by another interface",
    ...{ replace: before, by: route("{ id: a, to: 10.9.0.0/16, via: §10.1.0.254, interface: wan }") },
    ...{ code: "bad-route", path: "routes[0].via", says: '"wan" on gw1' },
  },
  {
    name: "a route without a router and an interface",
    ...{ replace: before, by: route("§{ id: a, to: 10.9.0.0/16 }"), code: "bad-route", path: "routes[0]" },
    says: "neither via nor interface",
  },
  {
    name: "a route to the cluster itself",
    ...{ replace: before, by: route("{ id: a, to: 10.9.0.0/16, via: §10.1.0.1 }"), code: "bad-route" },
    ...{ path: "routes[0].via", says: "of the cluster itself" },
  },
  {
    name: "a route with a link-local router and no interface",
    ...{ replace: before, by: route('{ id: a, to: "2001:db8:9::/48", via: §"fe80::1" }'), code: "bad-route" },
    ...{ path: "routes[0].via", says: "Add interface" },
  },
  {
    name: "a route of two families",
    ...{
      replace: before,
      by: route('{ id: a, to: 10.9.0.0/16, via: §"fd00:1::9" }'),
      code: "family-mismatch",
    },
    ...{ path: "routes[0].via", says: "not of one family" },
  },
  {
    name: "a route in the place of the network between the nodes",
    ...{
      replace: before,
      by: route("{ id: a, to: §10.255.0.0/25, via: 10.1.0.254 }"),
      code: "route-covers-sync",
    },
    ...{ path: "routes[0].to", says: "10.255.0.1/24" },
  },
  {
    name: "a route on an unknown node",
    ...{ replace: before, by: route("{ id: a, to: 10.9.0.0/16, via: 10.1.0.254, nodes: [gw1, §gw3] }") },
    ...{ code: "unknown-node", path: "routes[0].nodes[1]", says: "gw3" },
  },
  {
    name: "a route by an unknown interface",
    ...{
      replace: before,
      by: route("{ id: a, to: 10.9.0.0/16, interface: §wna }"),
      code: "unknown-interface",
    },
    ...{ path: "routes[0].interface", says: 'Did you mean "wan"?' },
  },
  {
    name: "two routes with one metric on one node",
    ...{
      replace: before,
      by: route(
        "{ id: a, to: 10.9.0.0/16, via: 10.1.0.254, nodes: [gw2] }\n  - { id: b, to: §10.9.0.0/16, via: 10.1.0.253 }",
      ),
    },
    ...{ code: "duplicate-route", path: "routes[1].to", says: "another metric" },
  },
  {
    name: "two routes with one id",
    ...{
      replace: before,
      by: route(
        "{ id: a, to: 10.9.0.0/16, via: 10.1.0.254 }\n  - { id: §a, to: 10.8.0.0/16, via: 10.1.0.254 }",
      ),
    },
    ...{ code: "duplicate-id", path: "routes[1].id", says: "its own id" },
  },
  // Timeouts.
  {
    name: "a timeout of the kernel without a unit",
    ...{
      replace: before,
      by: having("timeouts: { udp: §120 }"),
      code: "bad-duration",
      path: "timeouts.udp",
      says: "120s",
    },
  },
  {
    name: "a timeout of half a second",
    ...{
      replace: before,
      by: having("timeouts: { udp: §500ms }"),
      code: "out-of-range",
      path: "timeouts.udp",
    },
    says: "too short",
  },
  {
    name: "a timeout that nobody knows",
    ...{
      replace: before,
      by: having("timeouts: { §udpstream: 5m }"),
      code: "unknown-key",
      path: "timeouts.udpstream",
    },
    says: 'Did you mean "udpStream"?',
  },
];
