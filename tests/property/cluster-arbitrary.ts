import fc from "fast-check";
import { checkKinds } from "../../src/contract/document-checks.ts";
import { interfaceNames, optional } from "./scalar-arbitraries.ts";

// Nodes, groups, and how they speak to each other. What other parts of a document name is always there: the node gw1, the interfaces,
// and the addresses and networks of the group `gateway`.

const NODES_MAX = 4;
const GROUPS_MAX = 3;

const faceNames = ["lan", "wan"] as const;

/** A router that is no node: one that is alone has somebody to speak to. */
const stranger = 200;

function nodeNumber(last: number) {
  return {
    interfaces: {
      lan: { device: "eth0", addresses: [`10.1.0.${last}/24`, `fd00:1::${last}/64`] },
      wan: { device: "eth1.20", addresses: [`192.0.2.${last}/24`, `2001:db8::${last}/64`] },
      sync: { device: "br-sync", addresses: [`10.255.0.${last}/24`] },
    },
  };
}

const check = fc
  .record({
    kind: fc.constantFrom(...checkKinds),
    weight: fc.option(fc.integer({ min: 1, max: 253 })),
    tieBreaker: fc.boolean(),
    place: fc.constantFrom("lan", "wan"),
    times: optional({
      interval: fc.constantFrom("1s", "5s"),
      timeout: fc.constantFrom("100ms", "1s"),
      rise: fc.integer({ min: 1, max: 100 }),
      fall: fc.integer({ min: 1, max: 100 }),
    }),
  })
  .map(({ kind, weight, tieBreaker, place, times }) => ({
    // One that asks nobody outside breaks no tie.
    ...(kind === "interface" || kind === "replication" ? {} : { tieBreaker }),
    ...{ kind, ...times, ...(weight === null ? { veto: true } : { weight }) },
    ...(kind === "script" ? { command: ["/usr/local/bin/check", "--all"] } : {}),
    ...(kind === "replication" || kind === "script" ? {} : { interface: place }),
    ...(kind === "arp" || kind === "ping" ? { target: place === "lan" ? "10.1.0.250" : "192.0.2.250" } : {}),
  }));

const prefix = fc
  .record({
    more: optional({ onLink: fc.boolean(), autonomous: fc.boolean() }),
    lifetimes: fc.constantFrom({}, { validLifetime: "48h", preferredLifetime: "2h" }),
  })
  .map(({ more, lifetimes }) => ({ prefix: "fd00:1::/64", ...more, ...lifetimes }));

const routerAdvertisement = optional({
  interval: fc.constantFrom("4s", "30s"),
  lifetime: fc.constantFrom("0s", "30m"),
  managed: fc.boolean(),
  otherConfiguration: fc.boolean(),
  prefixes: fc.array(prefix, { maxLength: 1 }),
  dnsServers: fc.constantFrom([], ["fd00:1::53", "2001:db8::53"]),
  mtu: fc.integer({ min: 1_280, max: 65_535 }),
});

/** Version 2 counts in whole seconds, and pulses come at least as often as advertisements. */
const pace = fc.oneof(
  fc.constantFrom(
    {},
    { interval: "10ms" },
    { interval: "1s", pulseInterval: "5ms" },
    { pulseInterval: "100ms" },
  ),
  fc.constantFrom({ interval: "1s", version: 2 }, { version: 3 }),
);

function group(place: number, nodes: number) {
  const peers = (network: string) =>
    [...Array.from({ length: nodes }, (_, index) => index + 2), stranger].map((last) => `${network}${last}`);
  const lasts = place === 0 ? { lan: 1, wan: 1 } : { lan: 10 + place, wan: 10 + place };
  const addresses = {
    lan: [`10.1.0.${lasts.lan}/24`, `fd00:1::${lasts.lan}/64`],
    wan: [`192.0.2.${lasts.wan}/24`, `2001:db8::${lasts.wan}/64`],
  };
  return fc
    .record({
      priorities: fc.uniqueArray(fc.integer({ min: 1, max: 255 }), { minLength: nodes, maxLength: nodes }),
      pace,
      faces: fc.subarray([...faceNames], { minLength: place === 0 ? 2 : 1 }),
      peers: fc.subarray([...faceNames]),
      router: fc.option(routerAdvertisement),
      more: optional({
        preempt: fc.boolean(),
        preemptDelay: fc.constantFrom("0s", "10s"),
        virtualMac: fc.boolean(),
        acceptMode: fc.boolean(),
        announceRate: fc.integer({ min: 1, max: 100_000 }),
        checks: fc.dictionary(fc.constantFrom("one", "two", "three"), check, { noNullPrototype: true }),
      }),
    })
    .map((drawn) => {
      const { faces } = drawn;
      const router = faces.includes("lan") ? drawn.router : null;
      const linkLocal = router === null ? [] : [`fe80::51:${lasts.lan}/64`];
      const own = { lan: [...linkLocal, ...addresses.lan], wan: addresses.wan };
      const peersOf = {
        lan: [...peers("10.1.0."), ...peers("fd00:1::")],
        wan: [...peers("192.0.2."), ...peers("2001:db8::")],
      };
      return {
        virtualRouterId: 51 + place,
        priorities: Object.fromEntries(
          drawn.priorities.map((priority, index) => [`gw${index + 1}`, priority]),
        ),
        addresses: Object.fromEntries(faces.map((face) => [face, own[face]])),
        ...drawn.pace,
        ...drawn.more,
        unicastPeers: Object.fromEntries(
          faces.filter((face) => drawn.peers.includes(face)).map((face) => [face, peersOf[face]]),
        ),
        ...(router === null ? {} : { routerAdvertisements: { lan: router } }),
        ...(place === 0 ? { routedNetworks } : {}),
      };
    });
}

/** What rules of translation name (nat-arbitrary.ts). */
const routedNetworks = {
  wan: ["198.18.16.0/20", "198.18.32.0/24", "198.18.33.0/24", "2001:db8:100::/40"],
};

/** Nodes and groups, which belong together. */
export const nodesAndGroups = fc
  .tuple(fc.integer({ min: 1, max: NODES_MAX }), fc.integer({ min: 1, max: GROUPS_MAX }))
  .chain(([nodes, groups]) =>
    fc.tuple(...Array.from({ length: groups }, (_, place) => group(place, nodes))).map((list) => ({
      nodes: Object.fromEntries(
        Array.from({ length: nodes }, (_, index) => [`gw${index + 1}`, nodeNumber(index + 2)]),
      ),
      groups: Object.fromEntries(list.map((one, place) => [["gateway", "guests", "servers"][place], one])),
    })),
  );

const interfaceName = fc.constantFrom(...interfaceNames);

/** Ports of the daemon's own, so that no two are the same. */
const ownPort = (least: number) => fc.integer({ min: least, max: least + 99 });

export const replication = optional({
  port: ownPort(20_000),
  refresh: fc.constantFrom("10s", "5m"),
  shortExchanges: fc.boolean(),
  marks: fc.boolean(),
}).map((more) => ({ interface: "sync", ...more }));

export const pulses = optional({ port: ownPort(20_100), without: fc.subarray(["lan", "wan"]) });

export const control = optional({ port: ownPort(20_200) });

export const metrics = fc.record(
  { interface: interfaceName, port: ownPort(20_300) },
  { requiredKeys: ["interface"] },
);

export const api = fc
  .tuple(
    fc.record(
      {
        interface: interfaceName,
        port: ownPort(20_400),
        requestsPerSecond: fc.integer({ min: 1, max: 100_000 }),
      },
      { requiredKeys: ["interface"] },
    ),
    fc.constantFrom({}, { certificateFile: "api.crt", keyFile: "api.key" }),
  )
  .map(([some, files]) => ({ ...some, ...files }));

export const arbiter = fc
  .tuple(
    fc.constantFrom({}, { certificateFile: "etcd.crt", keyFile: "etcd.key" }),
    fc.constantFrom({}, { userFile: "etcd.user" }, { userEnvironment: "ETCD_USER" }),
    optional({ leaseTtl: fc.constantFrom("2s", "60s") }),
  )
  .map(([files, user, more]) => ({
    ...{ endpoints: ["https://10.255.0.100:2379"], caFile: "etcd-ca.crt" },
    ...{ ...files, ...user, ...more },
  }));

export const history = fc.constantFrom(
  { remote: "/srv/backup/tocha.git" },
  { remote: "ssh://git@backup.example/tocha.git" },
);

export const keys = fc.constantFrom({}, { directory: "keys" });
