import type { FindingSeverity } from "../../contract/doctor.ts";
import type { DoctorCode } from "../../contract/doctor-codes.ts";
import type { InterfaceFacts, NodeFacts } from "../../contract/doctor-facts.ts";
import type { Examination } from "./examination.ts";

/** One thing that is wrong with a healthy cluster, and the one finding that it must lead to. */
export interface FaultyNode {
  readonly name: string;
  readonly code: DoctorCode;
  readonly severity: FindingSeverity;
  /** Where the finding stands; gw2 unless said otherwise. The node that asks is gw1. */
  readonly node?: "gw1" | "gw2";
  readonly change?: (facts: NodeFacts) => void;
  readonly changeAll?: (nodes: NodeFacts[]) => void;
  readonly examination?: Partial<Examination>;
  /** A part of what is said, and of the command. */
  readonly says: string;
  readonly command?: string;
  readonly on?: string;
}

const lan = (change: Partial<InterfaceFacts>) => (facts: NodeFacts) => {
  Object.assign(facts.interfaces.find(({ name }) => name === "lan") ?? {}, change);
};
const kernel = (change: Partial<NodeFacts["kernel"]>) => (facts: NodeFacts) => {
  Object.assign(facts.kernel, change);
};
const service = (change: Partial<NodeFacts["service"]>) => (facts: NodeFacts) => {
  Object.assign(facts.service, change);
};
const certificates = (change: Partial<NodeFacts["certificates"]>) => (facts: NodeFacts) => {
  Object.assign(facts.certificates, change);
};
const chain = (change: Partial<NodeFacts["foreignChains"][number]>) => (facts: NodeFacts) => {
  const none = { dropsByPolicy: false, droppingRules: 0, owner: null };
  facts.foreignChains.push({ family: "ip", table: "filter", chain: "FORWARD", ...none, ...change });
};
const skew = (offsetMs: number, errorMs: number): Partial<Examination> => ({
  clocks: [{ node: "gw2", offsetMs, errorMs }],
});

export const faultyNodes: readonly FaultyNode[] = [
  // The machine.
  {
    ...{ name: "without root", code: "not-root", severity: "error", says: "as root", command: "sudo" },
    change: (facts) => Object.assign(facts, { isRoot: false }),
  },
  {
    ...{ name: "nft is missing", code: "tool-missing", severity: "error", says: "nft" },
    ...{ on: "nft", command: "apt-get install nftables" },
    change: ({ tools }) => Object.assign(tools[0] ?? {}, { version: null }),
  },
  {
    ...{ name: "nft refuses a feature", code: "kernel-feature-missing", severity: "error" },
    ...{ says: "masquerade (nft says: No such file)", command: "modprobe nft_masq" },
    change: kernel({ lackingFeatures: [{ name: "masquerade", said: "No such file" }] }),
  },
  {
    ...{ name: "nft does not know a word", code: "rules-refused", severity: "error" },
    ...{ says: "Could not resolve protocol name", command: "nft --version" },
    change: (facts) =>
      Object.assign(facts, { refusals: ["nft refuses the rules: Could not resolve protocol name"] }),
  },
  {
    ...{ name: "no events", code: "kernel-feature-missing", severity: "error" },
    ...{ says: "connection events", command: "modprobe nf_conntrack_netlink" },
    change: kernel({ hasConntrackEvents: false }),
  },
  {
    ...{ name: "no packet sockets", code: "kernel-feature-missing", severity: "error" },
    ...{ says: "packet sockets", command: "modprobe af_packet" },
    change: kernel({ hasPacketSockets: false }),
  },
  {
    ...{ name: "an old kernel", code: "kernel-old", severity: "error", says: "Linux 5.10.0-28" },
    change: kernel({ release: "5.10.0-28-amd64" }),
  },
  {
    ...{ name: "another node has them", code: "flow-kinds-missing", severity: "warning", says: "SCTP" },
    change: kernel({ lackingKinds: ["SCTP"] }),
  },
  {
    ...{ name: "no IPVS", code: "no-ipvs", severity: "note", says: "IPVS", command: "modprobe ip_vs" },
    change: kernel({ hasIpvs: false }),
  },
  {
    ...{ name: "no right to it", code: "no-real-time", severity: "warning", says: "without real-time" },
    change: (facts) => Object.assign(facts, { realTime: false }),
  },
  {
    ...{ name: "woken late once", code: "woken-late", severity: "note", says: "late 1 time, by up to 42 ms" },
    ...{ on: "failover role", command: "vmstat" },
    change: (facts) => Object.assign(facts, { lateness: { times: 1, maxMs: 41.9 } }),
  },
  {
    ...{ name: "woken late by its host", code: "woken-late", severity: "warning", says: "withheld 1.2 %" },
    change: (facts) => Object.assign(facts, { lateness: { times: 10, maxMs: 41.9 }, withheldShare: 0.012 }),
  },
  {
    ...{
      name: "memory may not be locked",
      code: "memory-not-locked",
      severity: "note",
      says: "lock its code",
    },
    ...{ command: "systemctl show tocha@gw2 -p LimitMEMLOCK -p MemorySwapMax" },
    change: (facts) => Object.assign(facts, { lockedKiB: 0 }),
  },
  {
    ...{ name: "five in a hundred left", code: "disk-nearly-full", severity: "warning", says: "1024 MiB" },
    ...{ on: "/var/lib/tocha/gw2", command: "df -h /var/lib/tocha/gw2" },
    change: ({ disks }) => Object.assign(disks[0] ?? {}, { freeBytes: 2 ** 30 }),
  },
  {
    ...{ name: "nothing left", code: "disk-nearly-full", severity: "error", says: "has 1 MiB left" },
    change: ({ disks }) => Object.assign(disks[0] ?? {}, { freeBytes: 2 ** 20 }),
  },
  {
    ...{ name: "mounted for reading", code: "not-writable", severity: "error" },
    ...{ says: "/var/lib/tocha/gw2 cannot be written", command: "findmnt --target /var/lib/tocha/gw2" },
    change: ({ disks }) => Object.assign(disks[0] ?? {}, { writable: false }),
  },
  {
    ...{ name: "started by hand", code: "not-a-service", severity: "note", says: "by hand" },
    ...{ command: "systemctl enable --now tocha@gw2.service" },
    change: service({ runsUnderIt: false, load: "not-found", enabled: "" }),
  },
  {
    ...{ name: "no unit", code: "unit-missing", severity: "note", says: "has no unit tocha@gw2.service" },
    change: (facts) => {
      service({ runsUnderIt: false, load: "not-found", enabled: "" })(facts);
      Object.assign(facts, { daemonRuns: false });
    },
  },
  {
    ...{ name: "disabled", code: "unit-not-enabled", severity: "warning", says: "is disabled" },
    ...{ command: "systemctl enable tocha@gw2.service" },
    change: service({ enabled: "disabled" }),
  },
  // Kernel settings.
  {
    ...{
      name: "forwarding off",
      code: "sysctl-differs",
      severity: "error",
      says: "is 0, the node has set 1",
    },
    ...{ on: "net.ipv4.ip_forward", command: "sysctl -w net.ipv4.ip_forward=1" },
    change: ({ sysctls }) => Object.assign(sysctls[0] ?? {}, { found: "0" }),
  },
  {
    ...{
      name: "by a file",
      code: "sysctl-differs",
      severity: "warning",
      says: "; /etc/sysctl.d/9.conf sets it",
    },
    change: ({ sysctls }) => Object.assign(sysctls[1] ?? {}, { found: "2", setBy: ["/etc/sysctl.d/9.conf"] }),
  },
  {
    ...{ name: "unknown to the kernel", code: "sysctl-missing", severity: "warning", says: "arp_ignore" },
    change: ({ sysctls }) => Object.assign(sysctls[1] ?? {}, { found: null }),
  },
  {
    ...{ name: "strict, and harmless now", code: "reverse-path-filter", severity: "note", says: "strict" },
    ...{ on: "eth0", command: "net.ipv4.conf.eth0.rp_filter=2" },
    change: lan({ reversePathFilter: 1 }),
  },
  {
    ...{ name: "advertisements", code: "accepts-router-advertisements", severity: "warning" },
    ...{ says: "eth0 accepts", command: "sysctl -w net.ipv6.conf.eth0.accept_ra=0" },
    change: lan({ acceptRa: 2 }),
  },
  {
    ...{ name: "by port", code: "automatic-helpers", severity: "warning", says: "nf_conntrack_helper is 1" },
    change: (facts) => Object.assign(facts, { automaticHelpers: true }),
  },
  // The connection table.
  {
    ...{ name: "four fifths", code: "conntrack-nearly-full", severity: "warning" },
    ...{ says: "838,861 of 1,048,576", command: "nf_conntrack_max=2097152" },
    change: ({ conntrack }) => Object.assign(conntrack, { count: 838_861 }),
  },
  {
    ...{ name: "full", code: "conntrack-nearly-full", severity: "error", says: "1,048,576 of 1,048,576" },
    change: ({ conntrack }) => Object.assign(conntrack, { count: 1_048_576 }),
  },
  {
    ...{
      name: "half of the memory",
      code: "conntrack-too-large",
      severity: "warning",
      says: "456 MiB of 512",
    },
    change: (facts) => Object.assign(facts, { memoryBytes: 512 * 2 ** 20 }),
  },
  {
    ...{ name: "little of the memory", code: "conntrack-small", severity: "note", says: "1,048,576 entries" },
    change: (facts) => Object.assign(facts, { memoryBytes: 256 * 2 ** 30 }),
  },
  {
    ...{ name: "few buckets", code: "conntrack-slow", severity: "warning", says: "65,536 buckets" },
    ...{ command: "echo 1048576 > /sys/module/nf_conntrack/parameters/hashsize" },
    change: ({ conntrack }) => Object.assign(conntrack, { buckets: 65_536 }),
  },
  {
    ...{ name: "less than the other", code: "conntrack-max-differs", severity: "warning" },
    ...{ says: "524,288 entries, that of gw1 1,048,576", command: "nf_conntrack_max=1048576" },
    change: ({ conntrack }) => Object.assign(conntrack, { max: 524_288 }),
  },
  // Interfaces and what is behind them.
  {
    ...{ name: "not there", code: "device-missing", severity: "error", says: "no device eth0", on: "eth0" },
    change: (facts) => {
      lan({ present: false, up: false })(facts);
      // Its settings are not there either.
      Object.assign(facts.sysctls[1] ?? {}, { found: null });
    },
  },
  {
    ...{
      name: "nobody has set it",
      code: "address-missing",
      severity: "error",
      says: "does not have 10.1.0.3/24",
    },
    ...{ on: "eth0", command: "ip address add 10.1.0.3/24 dev eth0" },
    change: lan({ lackingAddresses: ["10.1.0.3/24"] }),
  },
  {
    ...{ name: "unplugged", code: "no-carrier", severity: "error", says: "eth0 is down", on: "eth0" },
    change: lan({ up: false }),
  },
  {
    ...{ name: "half", code: "half-duplex", severity: "warning", says: "eth0", command: "ethtool -s eth0" },
    change: lan({ duplex: "half" }),
  },
  {
    ...{ name: "a bad cable", code: "device-errors", severity: "warning", says: "50000 errors" },
    change: lan({ errors: 50_000 }),
  },
  {
    ...{ name: "too slow", code: "device-drops", severity: "note", says: "500000 of 5000000" },
    change: lan({ drops: 500_000 }),
  },
  {
    ...{ name: "NetworkManager", code: "device-managed", severity: "warning", says: "NetworkManager" },
    ...{ command: "nmcli device set eth0 managed no" },
    change: lan({ managedBy: "NetworkManager" }),
  },
  {
    ...{ name: "slower", code: "speed-differs", severity: "note", says: "1000 Mbit/s, gw1 has 10000" },
    change: lan({ speed: 1_000 }),
  },
  {
    // The packets of full size that the other one sends do not come back then either: one finding is enough.
    ...{ name: "smaller", code: "mtu-differs", severity: "warning", says: "1400, gw1 has 1500 on lan" },
    ...{ on: "eth0", command: "ip link set dev eth0 mtu 1500" },
    change: lan({ mtu: 1_400 }),
    changeAll: ([gw1]) => Object.assign(gw1?.probes[0] ?? {}, { full: false }),
  },
  {
    ...{ name: "a switch between them", code: "mtu-not-carried", severity: "warning", says: "1500 bytes" },
    ...{ on: "eth0", command: "ping -c 1 -M do -s 1472 -I eth0 10.1.0.2" },
    change: ({ probes }) => Object.assign(probes[0] ?? {}, { full: false }),
  },
  {
    ...{ name: "a stranger", code: "duplicate-address", severity: "error", says: "aa:aa:aa:aa:aa:aa on lan" },
    ...{ on: "10.1.0.1", command: "arping -c 3 -I eth0 10.1.0.1" },
    change: ({ answers }) => answers[0]?.macs.push("aa:aa:aa:aa:aa:aa"),
  },
  {
    ...{ name: "a keepalived", code: "foreign-router", severity: "warning", says: "virtual router id 51" },
    ...{ on: "eth0", command: "tcpdump" },
    change: ({ foreignRouters }) =>
      foreignRouters.push({ group: "gateway", interface: "lan", address: "10.1.0.9", priority: 200 }),
  },
  {
    ...{ name: "out by the wan", code: "asymmetric-route", severity: "warning", says: "leads through eth1" },
    ...{ on: "100.64.0.0/10", command: "ip route get 100.64.0.1" },
    change: ({ routes }) => Object.assign(routes[1] ?? {}, { device: "eth1" }),
  },
  {
    ...{ name: "no route", code: "asymmetric-route", severity: "warning", says: "should lead through eth0" },
    change: ({ routes }) => Object.assign(routes[0] ?? {}, { device: null }),
  },
  // Keys.
  {
    ...{ name: "not signed", code: "keys-unusable", severity: "error", says: "is not signed" },
    change: certificates({ problem: { message: "gw2.crt is not signed by ca.crt", hint: "Issue it anew." } }),
  },
  {
    ...{
      name: "ends soon",
      code: "certificate-ends",
      severity: "warning",
      says: "in 14 days, on 2026-08-16",
    },
    ...{ command: "tocha keys issue gw2" },
    change: certificates({ nodeEnds: "2026-08-16T00:00:00.000Z" }),
  },
  {
    ...{ name: "ends now", code: "certificate-ends", severity: "error", says: "in less than a day" },
    change: certificates({ nodeEnds: "2026-08-01T12:00:00.000Z" }),
  },
  {
    ...{ name: "needs planning", code: "authority-ends", severity: "warning", says: "in 61 days" },
    change: certificates({ authorityEnds: "2026-10-02T00:00:00.000Z" }),
  },
  {
    ...{ name: "another one", code: "authority-differs", severity: "error", says: "is not that of gw1" },
    change: certificates({ authority: "11:22:33:44:55" }),
  },
  // Other programs.
  {
    ...{ name: "conntrackd", code: "program-fights", severity: "warning", says: "conntrackd runs" },
    ...{ command: "systemctl disable --now conntrackd" },
    change: ({ programs }) => programs.push({ name: "conntrackd", pid: 77 }),
  },
  {
    ...{ name: "Docker", code: "forward-policy-drop", severity: "warning", says: "Docker's chain FORWARD" },
    ...{ command: "nft 'chain ip filter FORWARD { policy accept; }'" },
    change: chain({ dropsByPolicy: true, owner: "docker" }),
  },
  {
    ...{ name: "old iptables", code: "forward-policy-drop", severity: "warning", says: "drops every" },
    ...{ command: "iptables-legacy -P FORWARD ACCEPT" },
    change: chain({ family: "iptables-legacy", dropsByPolicy: true }),
  },
  {
    ...{ name: "some", code: "forward-rules-drop", severity: "note", says: "has 2 rules that drop" },
    ...{ command: "nft -a list chain ip filter FORWARD" },
    change: chain({ droppingRules: 2 }),
  },
  // The document.
  {
    ...{
      name: "a bad disk",
      code: "history-broken",
      severity: "error",
      says: "revision 3 (abc) is not whole",
    },
    ...{ on: "/var/lib/tocha/gw2/config.git", command: "mv /var/lib/tocha/gw2/config.git" },
    change: ({ history }) => Object.assign(history ?? {}, { problem: "revision 3 (abc) is not whole" }),
  },
  // The nodes together.
  {
    ...{ name: "dead", code: "node-unreachable", severity: "error", says: "does not answer gw1: ETIMEDOUT" },
    changeAll: (nodes) => nodes.pop(),
    examination: { missing: [{ name: "gw2", why: "ETIMEDOUT", answered: false }], clocks: [] },
  },
  {
    ...{ name: "older", code: "node-not-understood", severity: "warning", says: "status 404" },
    changeAll: (nodes) => nodes.pop(),
    examination: { missing: [{ name: "gw2", why: "status 404", answered: true }] },
  },
  {
    ...{ name: "another document", code: "revision-differs", severity: "error", says: "revision 0123" },
    change: (facts) => Object.assign(facts, { revision: "0123" }),
  },
  {
    ...{ name: "another release", code: "version-differs", severity: "warning", says: "runs tocha 0.2.0" },
    change: (facts) => Object.assign(facts, { version: "0.2.0" }),
  },
  {
    ...{ name: "another Node.js", code: "runtime-differs", severity: "note", says: "on Node.js 26.11.0" },
    change: (facts) => Object.assign(facts, { nodejs: "26.11.0" }),
  },
  {
    ...{
      name: "nobody keeps it",
      code: "clock-not-synchronised",
      severity: "note",
      says: "not synchronised",
    },
    change: ({ clock }) => Object.assign(clock, { synchronised: false }),
  },
  {
    ...{
      name: "ahead",
      code: "clock-skew",
      severity: "warning",
      says: "2s ahead of that of gw1, give or take 5ms",
    },
    examination: skew(2_000, 5),
  },
  {
    ...{ name: "an hour behind", code: "clock-skew", severity: "error", says: "1h 0m behind" },
    examination: skew(-3_600_000, 5),
  },
  {
    ...{ name: "not compared", code: "clock-unknown", severity: "note", says: "could not be compared" },
    examination: { clocks: [] },
  },
  {
    ...{ name: "nft does not answer", code: "not-found-out", severity: "note", says: "rules of others" },
    change: ({ failures }) =>
      failures.push({ what: "rules of others: nft is silent", checks: ["other-rules"] }),
  },
];
