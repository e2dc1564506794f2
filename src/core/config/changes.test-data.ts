import { parseDocument } from "yaml";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { readDocument } from "../../contract/read-document.ts";
import type { ReadFile } from "../../contract/set-file.ts";

/** A document in which everything is said that a document can say. */
export const wholeDocument = `cluster: campus
nodes:
  gw1:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.2/24, "2001:db8:1::2/64", "2001:db8:2::2/64"] }
      wan: { device: eth1, addresses: [192.0.2.2/24, "2001:db8::2/64"] }
      mgmt: { device: eth3, addresses: [10.9.0.2/24] }
      sync: { device: eth2, addresses: [10.255.0.1/24] }
  gw2:
    interfaces:
      lan: { device: eth0, addresses: [10.1.0.3/24, "2001:db8:1::3/64", "2001:db8:2::3/64"] }
      wan: { device: eth1, addresses: [192.0.2.3/24, "2001:db8::3/64"] }
      mgmt: { device: eth3, addresses: [10.9.0.3/24] }
      sync: { device: eth2, addresses: [10.255.0.2/24] }
groups:
  main:
    virtualRouterId: 51
    interval: 100ms
    pulseInterval: 20ms
    preempt: true
    preemptDelay: 5s
    priorities: { gw1: 110, gw2: 100 }
    addresses:
      lan: ["fe80::51:1/64", "2001:db8:1::1/64", 10.1.0.1/24]
      wan: ["2001:db8::1/64", 192.0.2.1/24]
    version: 3
    virtualMac: false
    acceptMode: true
    announceRate: 100
    unicastPeers:
      wan: [192.0.2.2, 192.0.2.3, "2001:db8::2", "2001:db8::3"]
    routerAdvertisements:
      lan:
        interval: 30s
        lifetime: 30m
        managed: false
        otherConfiguration: true
        prefixes:
          - { prefix: "2001:db8:1::/64", onLink: true, autonomous: true, validLifetime: 24h, preferredLifetime: 4h }
        dnsServers: ["2001:db8:1::53"]
        mtu: 1500
    checks:
      provider: { kind: arp, interface: wan, target: 192.0.2.254, interval: 500ms, timeout: 400ms, veto: true }
      internet: { kind: ping, interface: wan, target: 192.0.2.253, rise: 2, fall: 5, weight: 30 }
      disk: { kind: script, command: [/usr/local/bin/check-disk, /var], weight: 5 }
    routedNetworks:
      wan: [203.0.113.0/24]
  second:
    virtualRouterId: 52
    interval: 1s
    priorities: { gw1: 100, gw2: 110 }
    addresses:
      wan: [192.0.2.5/24]
nat:
  source:
    - { id: office, from: 10.1.0.0/25, out: wan, to: 192.0.2.1 }
    - { id: guests, from: [10.1.0.128/25], out: wan, to: 192.0.2.5 }
    - { id: lab, from: 10.2.0.0/24, out: wan, to: masquerade }
    - { id: six, from: "2001:db8:1::/64", out: wan, to: "2001:db8::1" }
    - { id: pool, from: 10.3.0.0/24, out: wan, to: [203.0.113.100-203.0.113.110], ports: 1024-65535 }
  forward:
    - { id: web, protocol: tcp, address: 192.0.2.1, port: 443, target: 10.1.0.20, targetPort: 8443, from: [198.51.100.0/24], hairpin: true }
  oneToOne:
    - { id: mail, inside: 10.1.0.50, outside: 203.0.113.50, out: wan, hairpin: true }
  cgnat:
    - { id: homes, subscribers: [100.64.0.0/28], out: wan, pool: [203.0.113.0], portsPerSubscriber: 4000, firstPort: 1024 }
  helpers: [ftp]
replication: { interface: sync, port: 7844, refresh: 60s, shortExchanges: false, marks: false }
pulses: { port: 7845, without: [lan] }
control: { port: 7846 }
metrics: { interface: mgmt, port: 9845 }
api: { interface: mgmt, port: 7847, requestsPerSecond: 50, certificateFile: api.crt, keyFile: api.key }
arbiter:
  endpoints: ["https://10.9.0.5:2379"]
  caFile: arbiter-ca.crt
  certificateFile: arbiter.crt
  keyFile: arbiter.key
  userFile: arbiter.user
  leaseTtl: 6s
sets:
  staff: { kind: addresses, elements: [10.1.0.0/25] }
  web: { kind: ports, elements: [80, 443] }
  listed: { file: listed.txt }
firewall:
  forward:
    default: accept
    rules:
      - { id: far, from: 10.1.0.64/26, to: 198.51.100.0/24, in: lan, out: wan, protocol: udp, ports: 53, sourcePorts: 1024-65535, log: true, limit: 100/s, sourceLimit: 10/s, connections: 50, action: accept }
      - { id: echo, to: 198.51.100.7, protocol: icmp, types: echo-request, action: drop }
  input:
    default: accept
    rules:
      - { id: near, from: 10.1.0.64/26, to: 10.1.0.1, in: lan, protocol: udp, ports: 53, sourcePorts: 1024-65535, log: true, limit: 100/s, sourceLimit: 10/s, connections: 50, action: accept }
      - { id: ping, from: 10.9.0.0/24, protocol: icmp, types: echo-request, action: accept }
management: { interfaces: [mgmt], from: [10.9.0.0/24], ports: [22] }
routes:
  - { id: far, to: 198.18.0.0/24, via: 10.1.0.9, interface: lan, metric: 10, nodes: [gw1] }
timeouts: { tcpEstablished: 3h, udp: 6m }
logging: { level: info, firewall: { prefix: "fw ", group: 5, rate: 10/s } }
history: { remote: /srv/backup/tocha.git }
users: { ana: { role: admin }, ben: { role: viewer } }
keys: { directory: /etc/tocha/keys }
`;

type Path = readonly (string | number)[];

/** What every kind of rule of the firewall has, with another value. */
const ruleValues = {
  id: "other",
  from: "10.1.0.96/27",
  in: "mgmt",
  protocol: "tcp",
  ports: 54,
  sourcePorts: "2048-65535",
  log: false,
  limit: "200/s",
  sourceLimit: "20/s",
  connections: 60,
} as const;

const timeoutNames = [
  ...["generic", "gre", "greStream", "icmp", "icmpv6", "tcpCloseWait", "tcpEstablished", "tcpFinWait"],
  ...["tcpLastAck", "tcpSynRecv", "tcpSynSent", "tcpTimeWait", "tcpUnacknowledged", "udp", "udpStream"],
] as const;

/** Of the firewall and what goes with it. */
function filterChanges(): Edit[] {
  const rule = (chain: string, key: string, place = 0): Path => ["firewall", chain, "rules", place, key];
  return [
    ...["forward", "input"].flatMap((chain) => [
      { path: ["firewall", chain, "default"], value: "drop" },
      ...Object.entries(ruleValues).map(([key, value]) => ({ path: rule(chain, key), value })),
      { path: rule(chain, "to"), value: chain === "input" ? "10.1.0.3" : "198.51.100.0/25" },
      { path: rule(chain, "types", 1), value: "timestamp-request" },
      { path: rule(chain, "action", 1), value: "reject" },
    ]),
    { path: rule("forward", "out"), value: "mgmt" },
    { path: ["sets", "staff", "elements"], value: ["10.1.0.0/26"] },
    {
      path: ["sets", "web", "kind"],
      value: "addresses",
      also: { path: ["sets", "web", "elements"], value: ["10.1.0.9"] },
    },
    { path: ["sets", "listed", "file"], value: "other.txt" },
    { path: ["management", "interfaces"], value: ["lan"] },
    { path: ["management", "from"], value: ["10.9.0.0/25"] },
    { path: ["management", "ports"], value: [22, 443] },
    { path: ["routes", 0, "id"], value: "farther" },
    { path: ["routes", 0, "to"], value: "198.18.1.0/24" },
    { path: ["routes", 0, "via"], value: "10.1.0.8" },
    { path: ["routes", 0, "interface"], value: undefined },
    { path: ["routes", 0, "metric"], value: 20 },
    { path: ["routes", 0, "nodes"], value: ["gw1", "gw2"] },
    ...timeoutNames.map((name) => ({ path: ["timeouts", name], value: "601s" })),
    { path: ["logging", "level"], value: "debug" },
    { path: ["logging", "firewall", "prefix"], value: "gw " },
    { path: ["logging", "firewall", "group"], value: 6 },
    { path: ["logging", "firewall", "rate"], value: "20/s" },
  ];
}

/** One change of the text; without a value the key is taken away. */
export interface Edit {
  readonly path: Path;
  readonly value?: unknown;
  /** What must change with it, so that the document stays valid. */
  readonly also?: Edit;
}

export function edited(text: string, ...edits: readonly Edit[]): string {
  const yaml = parseDocument(text);
  const carryOut = ({ path, value, also }: Edit): void => {
    if (value === undefined) yaml.deleteIn(path);
    else yaml.setIn(path, yaml.createNode(value));
    if (also !== undefined) carryOut(also);
  };
  edits.forEach(carryOut);
  return yaml.toString();
}

/** Files of sets: another name, another content. */
export const readList: ReadFile = (name) => ({ name, text: `198.51.100.${name.length}\n` });

export function parsed(text: string): ClusterDocument {
  const { document, problems } = readDocument(text, "cluster.yaml", readList);
  if (document === undefined) throw new Error(problems.map(({ message }) => message).join("; "));
  return document;
}

/** The whole document after some edits. */
export function changed(...edits: readonly Edit[]): ClusterDocument {
  return parsed(edited(wholeDocument, ...edits));
}

const main: Path = ["groups", "main"];
const router: Path = [...main, "routerAdvertisements", "lan"];
const prefix: Path = [...router, "prefixes", 0];
const check = (name: string, key: string): Path => [...main, "checks", name, key];
const own = (node: string, name: string, key: string): Path => ["nodes", node, "interfaces", name, key];

/** A change of every key that a document can have, each by itself and to another valid value. */
export const singleChanges: readonly Edit[] = [
  { path: ["cluster"], value: "other" },
  ...filterChanges(),
  { path: ["users", "ben", "role"], value: "operator" },
  { path: ["users", "cid"], value: { role: "viewer" } },
  { path: ["users", "ben"] },
  { path: ["users"] },
  { path: ["history", "remote"], value: "ssh://git@backup.example/tocha.git" },
  { path: own("gw1", "lan", "device"), value: "eth9" },
  { path: own("gw1", "mgmt", "device"), value: "eth9" },
  { path: own("gw1", "sync", "device"), value: "eth9" },
  { path: own("gw1", "lan", "addresses"), value: ["10.1.0.4/24", "2001:db8:1::2/64", "2001:db8:2::2/64"] },
  { path: own("gw2", "mgmt", "addresses"), value: ["10.9.0.4/24"] },
  { path: own("gw2", "sync", "addresses"), value: ["10.255.0.3/24"] },
  { path: own("gw2", "sync", "addresses"), value: ["10.255.0.2/24", "10.254.0.2/24"] },
  { path: [...main, "virtualRouterId"], value: 61 },
  { path: [...main, "interval"], value: "200ms" },
  { path: [...main, "pulseInterval"], value: "10ms" },
  { path: [...main, "preempt"], value: false },
  { path: [...main, "preemptDelay"], value: "2m" },
  { path: [...main, "priorities", "gw2"], value: 150 },
  { path: [...main, "addresses", "wan"], value: ["2001:db8::1/64", "192.0.2.1/24", "192.0.2.9/24"] },
  { path: [...main, "addresses", "mgmt"], value: ["10.9.0.1/24"] },
  { path: ["groups", "second", "interval"], value: "2s" },
  { path: ["groups", "second", "version"], value: 2 },
  { path: [...main, "virtualMac"], value: true },
  { path: [...main, "acceptMode"], value: false },
  { path: [...main, "announceRate"], value: 200 },
  {
    path: [...main, "unicastPeers", "wan"],
    value: ["192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::2", "2001:db8::3"],
  },
  { path: [...router, "interval"], value: "60s" },
  { path: [...router, "lifetime"], value: "1h" },
  { path: [...router, "managed"], value: true },
  { path: [...router, "otherConfiguration"], value: false },
  { path: [...prefix, "prefix"], value: "2001:db8:2::/64" },
  { path: [...prefix, "onLink"], value: false },
  { path: [...prefix, "autonomous"], value: false },
  { path: [...prefix, "validLifetime"], value: "48h" },
  { path: [...prefix, "preferredLifetime"], value: "1h" },
  { path: [...router, "dnsServers"], value: ["2001:db8:1::54"] },
  { path: [...router, "mtu"], value: 1_400 },
  { path: check("internet", "kind"), value: "arp" },
  { path: check("internet", "interface"), value: "mgmt" },
  { path: check("internet", "target"), value: "192.0.2.252" },
  { path: check("disk", "command"), value: ["/usr/local/bin/check-disk", "/srv"] },
  { path: check("internet", "interval"), value: "2s" },
  { path: check("provider", "timeout"), value: "300ms" },
  { path: check("internet", "rise"), value: 3 },
  { path: check("internet", "fall"), value: 4 },
  { path: check("internet", "weight"), value: 40 },
  { path: check("provider", "veto"), value: false, also: { path: check("provider", "weight"), value: 20 } },
  { path: check("internet", "tieBreaker"), value: true },
  { path: [...main, "checks", "provider"] },
  { path: ["nat", "source", 0, "id"], value: "desks" },
  { path: ["nat", "source", 1, "from"], value: ["10.1.0.128/26"] },
  { path: ["nat", "source", 2, "out"], value: "mgmt" },
  { path: ["nat", "source", 0, "to"], value: "192.0.2.5" },
  { path: [...main, "routedNetworks", "wan"], value: ["203.0.113.0/25"] },
  { path: ["nat", "source", 4, "ports"], value: "2000-65535" },
  { path: ["nat", "forward", 0, "id"], value: "site" },
  { path: ["nat", "forward", 0, "protocol"], value: "both" },
  { path: ["nat", "forward", 0, "address"], value: "192.0.2.5" },
  { path: ["nat", "forward", 0, "port"], value: "443-450" },
  { path: ["nat", "forward", 0, "target"], value: "10.1.0.21" },
  { path: ["nat", "forward", 0, "targetPort"], value: 9_443 },
  { path: ["nat", "forward", 0, "from"], value: ["198.51.100.0/25"] },
  { path: ["nat", "forward", 0, "hairpin"], value: false },
  { path: ["nat", "oneToOne", 0, "id"], value: "post" },
  { path: ["nat", "oneToOne", 0, "inside"], value: "10.1.0.51" },
  { path: ["nat", "oneToOne", 0, "outside"], value: "203.0.113.51" },
  {
    path: ["nat", "oneToOne", 0, "out"],
    value: "lan",
    also: { path: ["nat", "oneToOne", 0, "outside"], value: "10.1.0.1" },
  },
  { path: ["nat", "oneToOne", 0, "hairpin"], value: false },
  { path: ["nat", "cgnat", 0, "id"], value: "flats" },
  { path: ["nat", "cgnat", 0, "subscribers"], value: ["100.64.0.0/29"] },
  {
    path: ["nat", "cgnat", 0, "out"],
    value: "lan",
    also: { path: ["nat", "cgnat", 0, "pool"], value: ["10.1.0.1"] },
  },
  { path: ["nat", "cgnat", 0, "pool"], value: ["203.0.113.1"] },
  { path: ["nat", "cgnat", 0, "portsPerSubscriber"], value: 2_000 },
  { path: ["nat", "cgnat", 0, "firstPort"], value: 1_025 },
  { path: ["nat", "helpers"], value: ["ftp", "sip"] },
  { path: ["nat", "helpers"], value: [] },
  { path: ["replication", "port"], value: 7_850 },
  { path: ["replication", "interface"], value: "mgmt" },
  { path: ["replication", "refresh"], value: "30s" },
  { path: ["replication", "shortExchanges"], value: true },
  { path: ["replication", "marks"], value: true },
  { path: ["pulses", "port"], value: 7_848 },
  { path: ["pulses", "without"], value: [] },
  { path: ["control", "port"], value: 7_849 },
  { path: ["metrics", "interface"], value: "lan" },
  { path: ["metrics", "port"], value: 9_999 },
  { path: ["metrics"] },
  { path: ["api", "interface"], value: "lan" },
  { path: ["api", "port"], value: 8_443 },
  { path: ["api", "requestsPerSecond"], value: 10 },
  { path: ["api", "certificateFile"], value: "other.crt" },
  { path: ["api", "keyFile"], value: "other.key" },
  { path: ["api"] },
  { path: ["arbiter", "endpoints"], value: ["https://10.9.0.6:2379"] },
  { path: ["arbiter", "caFile"], value: "other.crt" },
  { path: ["arbiter", "certificateFile"], value: "other.crt" },
  { path: ["arbiter", "keyFile"], value: "other.key" },
  { path: ["arbiter", "userFile"], value: "other.user" },
  { path: ["arbiter", "userEnvironment"], value: "ETCD_USER", also: { path: ["arbiter", "userFile"] } },
  { path: ["arbiter", "leaseTtl"], value: "8s" },
  { path: ["arbiter"] },
  { path: ["keys", "directory"], value: "/srv/keys" },
];
