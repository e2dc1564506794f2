import type { NodeFacts } from "./doctor-facts.ts";

const macs = { gw1: "02:00:00:00:01", gw2: "02:00:00:00:02" };
const devices = { lan: "eth0", wan: "eth1", sync: "eth2" };

/** What a node of the good document (bad-documents.test-data.ts) finds out when nothing is wrong. */
export function healthyFacts(node: "gw1" | "gw2"): NodeFacts {
  const peer = node === "gw1" ? "gw2" : "gw1";
  const number = { gw1: 2, gw2: 3 }[peer];
  return {
    node,
    cluster: "campus",
    version: "0.1.0",
    nodejs: "26.10.0",
    revision: "c1a397d8a92bc19b",
    daemonRuns: true,
    isRoot: true,
    realTime: true,
    lockedKiB: 100_000,
    lateness: { times: 0, maxMs: 1.5 },
    withheldShare: 0.0002,
    kernel: {
      release: "6.1.0-42-amd64",
      lackingFeatures: [],
      lackingKinds: [],
      hasConntrackEvents: true,
      hasPacketSockets: true,
      hasIpvs: true,
    },
    tools: [
      { name: "nft", version: "nftables v1.0.6" },
      { name: "ip", version: "ip utility, iproute2-6.1.0" },
    ],
    sysctls: [
      { name: "net.ipv4.ip_forward", wanted: 1, found: "1", why: "The node is a router.", setBy: [] },
      { name: "net.ipv4.conf.eth0.arp_ignore", wanted: 1, found: "1", why: "One by one.", setBy: [] },
    ],
    interfaces: Object.entries(devices).map(([name, device], index) => ({
      ...{
        name,
        device,
        present: true,
        up: true,
        mtu: 1_500,
        mac: `${macs[node]}:0${index}`,
        lackingAddresses: [],
      },
      ...{ speed: 10_000, duplex: "full", packets: 5_000_000, errors: 0, drops: 3 },
      ...{ reversePathFilter: 0, acceptRa: 1, forwarding6: true, managedBy: null },
    })),
    macs: ["00:00:00:00:00:00", ...[0, 1, 2].map((index) => `${macs[node]}:0${index}`)],
    conntrack: { count: 102_334, max: 1_048_576, buckets: 1_048_576 },
    memoryBytes: 8 * 2 ** 30,
    clock: { synchronised: true },
    probes: [
      { interface: "lan", peer, address: `10.1.0.${number}`, bytes: 1_500, small: true, full: true },
      { interface: "wan", peer, address: `192.0.2.${number}`, bytes: 1_500, small: true, full: true },
      { interface: "sync", peer, address: `10.255.0.${number - 1}`, bytes: 1_500, small: true, full: true },
    ],
    // gw1 is active: it is gw2 that gets answers.
    answers: [
      { interface: "lan", address: "10.1.0.1", macs: node === "gw1" ? [] : [`${macs.gw1}:00`] },
      { interface: "wan", address: "192.0.2.1", macs: node === "gw1" ? [] : [`${macs.gw1}:01`] },
    ],
    foreignRouters: [],
    routes: [
      { network: "10.1.0.0/24", address: "10.1.0.4", device: "eth0", interface: "lan", out: "wan" },
      { network: "100.64.0.0/10", address: "100.64.0.1", device: "eth0", interface: null, out: "wan" },
    ],
    certificates: {
      problem: null,
      nodeEnds: "2028-08-01T00:00:00.000Z",
      authorityEnds: "2036-08-01T00:00:00.000Z",
      authority: "AA:BB:CC:DD:EE",
      directory: "/etc/tocha/keys",
    },
    disks: [{ path: `/var/lib/tocha/${node}`, freeBytes: 2 ** 34, totalBytes: 2 ** 36, writable: true }],
    programs: [],
    refusals: [],
    foreignChains: [],
    automaticHelpers: null,
    service: {
      hasSystemd: true,
      unit: `tocha@${node}.service`,
      load: "loaded",
      enabled: "enabled",
      runsUnderIt: true,
    },
    history: { directory: `/var/lib/tocha/${node}/config.git`, problem: null },
    failures: [],
  };
}
