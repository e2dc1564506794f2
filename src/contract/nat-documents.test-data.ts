import { type BadDocument, goodDocument } from "./bad-documents.test-data.ts";

/** The good document with every kind of translation. */
export const goodNatDocument = goodDocument
  .replace(
    "wan: [192.0.2.1/24,",
    "wan: [192.0.2.1/24, 192.0.2.10/24, 192.0.2.11/24, 192.0.2.12/24, 192.0.2.50/24,",
  )
  .replace(
    "nat:\n",
    `    routedNetworks:
      wan: [203.0.113.0/24]
nat:
  forward:
    - { id: web, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20, targetPort: 8443 }
    - { id: games, protocol: both, address: 192.0.2.1, port: 27000-27010, target: 10.1.0.21 }
    - { id: web6, protocol: tcp, address: "2001:db8::1", port: 443, target: "fd00:1::20" }
    - { id: office, protocol: tcp, address: 192.0.2.1, port: 22, target: 10.1.0.22, from: 198.51.100.0/24, hairpin: false }
  oneToOne:
    - { id: mail, inside: 10.1.0.50, outside: 192.0.2.50, out: wan }
    - { id: labs, inside: 10.3.0.0/28, outside: 203.0.113.240/28, out: wan }
  cgnat:
    - { id: homes, subscribers: 100.64.0.0/22, out: wan, pool: 203.0.113.0-203.0.113.63, portsPerSubscriber: 4032 }
`,
  )
  .replace(
    "    - { id: lan-out",
    "    - { id: offices, from: 10.2.0.0/24, out: wan, to: 192.0.2.10-192.0.2.12, ports: 1024-65535 }\n    - { id: lan-out",
  );

const web = "{ id: web, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20, targetPort: 8443 }";
const mail = "{ id: mail, inside: 10.1.0.50, outside: 192.0.2.50, out: wan }";
const after = (rule: string, next: string) => ({ replace: rule, by: `${rule}\n    - ${next}` });

/** Each differs from the good one in one place, as in bad-documents.test-data.ts. */
export const badNatDocuments: readonly BadDocument[] = [
  // Pools.
  {
    name: "a pool with its ends exchanged",
    replace: "192.0.2.10-192.0.2.12",
    by: "§192.0.2.12-192.0.2.10",
    code: "bad-nat-target",
    path: "nat.source[0].to",
    says: "192.0.2.10-192.0.2.20",
  },
  {
    name: "a word in a list of addresses",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: [192.0.2.10, §masquerade]",
    code: "bad-pool",
    path: "nat.source[0].to[1]",
    says: "no part of a pool",
  },
  {
    name: "a number for a pool",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: §7",
    code: "wrong-type",
    path: "nat.source[0].to",
    says: "an address, a range of addresses, or a list of such",
  },
  {
    name: "a pool with an address that is not virtual",
    replace: "192.0.2.10-192.0.2.12",
    by: "§192.0.2.10-192.0.2.13",
    code: "unknown-nat-address",
    path: "nat.source[0].to",
    says: "192.0.2.13 of 192.0.2.10-192.0.2.13",
  },
  {
    name: "a pool that is routed nowhere",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: [192.0.2.10, §198.51.100.0/28]",
    code: "unknown-nat-address",
    path: "nat.source[0].to[1]",
    says: "routedNetworks",
  },
  {
    name: "an address twice in a pool",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: [192.0.2.10-192.0.2.12, §192.0.2.11]",
    code: "overlapping-pools",
    path: "nat.source[0].to[1]",
    says: "of the same pool",
  },
  {
    name: "a pool of another family",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: 'to: [192.0.2.10, §"2001:db8::1"]',
    code: "family-mismatch",
    path: "nat.source[0].to[1]",
    says: "10.2.0.0/24",
  },
  {
    name: "ports of a prefix",
    replace: 'out: wan, to: "2001:db8::1" }',
    by: 'out: wan, to: "2001:db8:9::/64", ports: §1024-65535 }',
    code: "bad-ports",
    path: "nat.source[2].ports",
    says: "leaves all ports as they are",
  },
  {
    name: "ports in the wrong order",
    replace: "ports: 1024-65535",
    by: "ports: §65535-1024",
    code: "bad-ports",
    path: "nat.source[0].ports",
    says: "8000-8010",
  },
  {
    name: "a pool that is translated one to one as well",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: [192.0.2.10-192.0.2.12, §192.0.2.50]",
    code: "overlapping-pools",
    path: "nat.source[0].to[1]",
    says: '"mail"',
  },
  {
    name: "a pool that subscribers share",
    replace: "to: 192.0.2.10-192.0.2.12",
    by: "to: [192.0.2.10-192.0.2.12, §203.0.113.63]",
    code: "overlapping-pools",
    path: "nat.source[0].to[1]",
    says: "203.0.113.63 is used",
  },
  // Networks that are routed to the cluster.
  {
    name: "a routed network on the link",
    replace: "wan: [203.0.113.0/24]",
    by: "wan: [203.0.113.0/24, §192.0.2.128/25]",
    code: "prefix-on-link",
    path: "groups.gateway.routedNetworks.wan[1]",
    says: "nobody answers",
  },
  {
    name: "a routed network on an unknown interface",
    replace: "wan: [203.0.113.0/24]",
    by: "wan: [203.0.113.0/24]\n      §wna: [198.51.100.0/24]",
    code: "unknown-interface",
    path: "groups.gateway.routedNetworks.wna",
    says: '"wan"',
  },
  {
    name: "a routed network within another",
    replace: "wan: [203.0.113.0/24]",
    by: "wan: [203.0.113.0/24, §203.0.113.64/26]",
    code: "overlapping-networks",
    path: "groups.gateway.routedNetworks.wan[1]",
    says: "Name every network once",
  },
  {
    name: "a network that cannot be routed to an address there",
    replace: "wan: [203.0.113.0/24]",
    by: "wan: [203.0.113.0/24]\n      sync: [§198.51.100.0/24]",
    code: "no-virtual-addresses",
    path: "groups.gateway.routedNetworks.sync[0]",
    says: "groups.gateway.addresses.sync",
  },
  // Port forwards.
  {
    name: "a forward without a protocol",
    replace: web,
    by: "§{ id: web, address: 192.0.2.1, port: 443, target: 10.1.0.20 }",
    code: "missing-key",
    path: "nat.forward[0].protocol",
    says: "tcp, udp or both",
  },
  {
    name: "a forward of a strange protocol",
    replace: "id: web, protocol: tcp",
    by: "id: web, protocol: §icmp",
    code: "out-of-range",
    path: "nat.forward[0].protocol",
    says: "not one of tcp, udp, both",
  },
  {
    name: "a forward of port zero",
    replace: "port: 443, target: 10.1.0.20",
    by: "port: §0, target: 10.1.0.20",
    code: "bad-ports",
    path: "nat.forward[0].port",
    says: "neither a port nor a range",
  },
  {
    name: "a list of ports",
    replace: "port: 443, target: 10.1.0.20",
    by: "port: §[443], target: 10.1.0.20",
    code: "wrong-type",
    path: "nat.forward[0].port",
    says: "a port or a range of ports",
  },
  {
    name: "a forward of an address that nobody has",
    replace: "address: 192.0.2.1, port: 443",
    by: "address: §192.0.2.9, port: 443",
    code: "unknown-nat-address",
    path: "nat.forward[0].address",
    says: "192.0.2.9 is not a virtual address",
  },
  {
    name: "a forward to the cluster itself",
    replace: "target: 10.1.0.20",
    by: "target: §10.1.0.1",
    code: "bad-nat-target",
    path: "nat.forward[0].target",
    says: "the cluster itself",
  },
  {
    name: "a forward to the node itself",
    replace: "target: 10.1.0.20",
    by: "target: §10.1.0.2",
    code: "bad-nat-target",
    path: "nat.forward[0].target",
    says: "behind the gateway",
  },
  {
    name: "a forward between the families",
    replace: "target: 10.1.0.20",
    by: 'target: §"fd00:1::20"',
    code: "family-mismatch",
    path: "nat.forward[0].target",
    says: "192.0.2.1 is IPv4",
  },
  {
    name: "a forward from another family",
    replace: "from: 198.51.100.0/24",
    by: 'from: [198.51.100.0/24, §"2001:db8:9::/48"]',
    code: "family-mismatch",
    path: "nat.forward[3].from[1]",
    says: "IPv6",
  },
  {
    name: "a forward that ends after the last port",
    replace: "port: 27000-27010, target: 10.1.0.21",
    by: "port: 27000-27010, target: 10.1.0.21, targetPort: §65530",
    code: "bad-ports",
    path: "nat.forward[1].targetPort",
    says: "65525 or a smaller port",
  },
  {
    name: "a forward twice",
    ...after(web, "§{ id: web2, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.21 }"),
    code: "duplicate-forward",
    path: "nat.forward[1]",
    says: '"web" forwards the same',
  },
  {
    name: "a forward of ports that belong to subscribers",
    ...after(web, "{ id: web2, protocol: tcp, address: 203.0.113.1, port: §1000-6000, target: 10.1.0.21 }"),
    code: "forward-in-pool",
    path: "nat.forward[1].port",
    says: "the first of them to 100.64.0.16",
  },
  {
    name: "an id of another kind of rule",
    replace: "id: mail,",
    by: "id: §web,",
    code: "duplicate-id",
    path: "nat.oneToOne[0].id",
    says: "its own id",
  },
  // One to one.
  {
    name: "one to one of unequal networks",
    replace: "outside: 203.0.113.240/28",
    by: "outside: §203.0.113.224/27",
    code: "prefix-length-mismatch",
    path: "nat.oneToOne[1].outside",
    says: "as many addresses",
  },
  {
    name: "one to one between the families",
    replace: "inside: 10.3.0.0/28, outside: 203.0.113.240/28",
    by: 'inside: "fd00:3::/64", outside: §203.0.113.240/28',
    code: "family-mismatch",
    path: "nat.oneToOne[1].outside",
    says: "two families",
  },
  {
    name: "one to one with host bits",
    replace: "inside: 10.3.0.0/28",
    by: "inside: §10.3.0.1/28",
    code: "host-bits",
    path: "nat.oneToOne[1].inside",
    says: "10.3.0.0/28",
  },
  {
    name: "one to one outside of the cluster",
    replace: "outside: 192.0.2.50",
    by: "outside: §192.0.2.51",
    code: "unknown-nat-address",
    path: "nat.oneToOne[0].outside",
    says: 'virtual address of "wan"',
  },
  {
    name: "an inside address with two outside ones",
    ...after(mail, "{ id: mail2, inside: §10.1.0.50, outside: 203.0.113.200, out: wan }"),
    code: "overlapping-sources",
    path: "nat.oneToOne[1].inside",
    says: "one outside address",
  },
  {
    name: "an outside address with two inside ones",
    ...after(mail, "{ id: mail2, inside: 10.1.0.51, outside: §192.0.2.50, out: wan }"),
    code: "overlapping-pools",
    path: "nat.oneToOne[1].outside",
    says: '"mail"',
  },
  {
    name: "one to one on an unknown interface",
    replace: "outside: 192.0.2.50, out: wan",
    by: "outside: 192.0.2.50, out: §syn",
    code: "unknown-interface",
    path: "nat.oneToOne[0].out",
    says: '"sync"',
  },
  // Subscribers that share addresses.
  {
    name: "too few addresses for all subscribers",
    replace: "pool: 203.0.113.0-203.0.113.63",
    by: "pool: §203.0.113.0-203.0.113.59",
    code: "pool-too-small",
    path: "nat.cgnat[0].pool",
    says: "need 64 addresses; the pool has 60: 4 are missing",
  },
  {
    name: "too many ports for each subscriber",
    replace: "portsPerSubscriber: 4032",
    by: "portsPerSubscriber: §64512, firstPort: 2000",
    code: "out-of-range",
    path: "nat.cgnat[0].portsPerSubscriber",
    says: "At most 63,536 ports fit",
  },
  {
    name: "too many subscribers",
    replace: "subscribers: 100.64.0.0/22",
    by: "subscribers: §100.64.0.0/13",
    code: "out-of-range",
    path: "nat.cgnat[0].subscribers",
    says: "524,288 subscribers",
  },
  {
    name: "subscribers of IPv6",
    replace: "subscribers: 100.64.0.0/22",
    by: 'subscribers: §"fd00:64::/118"',
    code: "family-mismatch",
    path: "nat.cgnat[0].subscribers",
    says: "only IPv4 addresses are shared",
  },
  {
    name: "subscribers twice",
    replace: "subscribers: 100.64.0.0/22",
    by: "subscribers: [100.64.0.0/23, §100.64.1.0/24]",
    code: "overlapping-sources",
    path: "nat.cgnat[0].subscribers[1]",
    says: "every subscriber once",
  },
  {
    name: "a pool for subscribers that is not routed here",
    replace: "pool: 203.0.113.0-203.0.113.63",
    by: "pool: §203.0.114.0-203.0.114.63",
    code: "unknown-nat-address",
    path: "nat.cgnat[0].pool",
    says: "203.0.114.0 of 203.0.114.0-203.0.114.63",
  },
  {
    name: "a word in the pool of subscribers",
    replace: "pool: 203.0.113.0-203.0.113.63",
    by: "pool: [203.0.113.0/26, §everything]",
    code: "bad-pool",
    path: "nat.cgnat[0].pool[1]",
    says: "an IPv4 network",
  },
  {
    name: "subscribers without ports",
    replace:
      "{ id: homes, subscribers: 100.64.0.0/22, out: wan, pool: 203.0.113.0-203.0.113.63, portsPerSubscriber: 4032 }",
    by: "§{ id: homes, subscribers: 100.64.0.0/22, out: wan, pool: 203.0.113.0-203.0.113.63 }",
    code: "missing-key",
    path: "nat.cgnat[0].portsPerSubscriber",
    says: "How many ports each subscriber has",
  },
  {
    name: "two kinds of subscribers that share addresses",
    ...after(
      "pool: 203.0.113.0-203.0.113.63, portsPerSubscriber: 4032 }",
      "{ id: more, subscribers: 100.65.0.0/29, out: wan, pool: §203.0.113.63, portsPerSubscriber: 100 }",
    ),
    code: "overlapping-pools",
    path: "nat.cgnat[1].pool",
    says: '"homes"',
  },
];
