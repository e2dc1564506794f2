/**
 * Every finding of `tocha doctor`, with what it means: stable, for scripts, and listed with the same words in
 * docs/guide/doctor.md. Which check makes it: src/core/doctor.
 */
export const doctorCodes = {
  // The machine.
  "not-root": "The examination does not run as root, and cannot see everything.",
  "tool-missing": "A program that tocha needs is not installed.",
  "kernel-old": "The kernel is older than tocha needs.",
  "kernel-feature-missing": "The kernel lacks a feature that tocha needs.",
  "flow-kinds-missing": "The kernel does not take some kinds of connections.",
  "rules-refused": "The kernel, or nft, does not take the rules of the node.",
  "no-ipvs": "The kernel has no IPVS.",
  "no-real-time": "The failover role runs without real-time priority.",
  "woken-late": "The failover role was woken so late that its peers could take it for dead.",
  "memory-not-locked": "The failover role may not keep its code in memory.",
  "disk-nearly-full": "There is little room where the node keeps its state.",
  "not-writable": "A folder that the node must write to cannot be written to.",
  "not-a-service": "The daemon was not started by systemd.",
  "unit-missing": "The systemd unit of the node is not installed.",
  "unit-not-enabled": "The systemd unit of the node does not start when the machine does.",
  // Kernel settings.
  "sysctl-differs": "A kernel setting is not what the node has set.",
  "sysctl-missing": "The kernel does not have a setting that the node needs.",
  "reverse-path-filter": "The kernel drops packets whose answer would leave by another interface.",
  "accepts-router-advertisements": "An interface of the gateway configures itself by what routers say.",
  "automatic-helpers": "The kernel gives helpers to connections by their ports alone.",
  // The connection table.
  "conntrack-nearly-full": "The connection table has little room left.",
  "conntrack-too-large": "A full connection table would take much of the memory.",
  "conntrack-small": "The connection table may hold much less than the memory has room for.",
  "conntrack-slow": "The connection table has few buckets for so many connections.",
  "conntrack-max-differs": "The connection tables of the nodes have different room.",
  // Interfaces and what is behind them.
  "device-missing": "A network device of the document does not exist on this machine.",
  "address-missing": "A network device does not have an address of the node.",
  "no-carrier": "A network device is down, or has no carrier.",
  "half-duplex": "A network device can only send or receive at a time.",
  "device-errors": "A network device sends or receives broken packets.",
  "device-drops": "A network device drops packets for want of room.",
  "device-managed": "Another program configures a network device of the gateway.",
  "speed-differs": "The same interface has another speed on another node.",
  "mtu-differs": "The same interface has a smaller MTU than on another node.",
  "mtu-not-carried": "The network between two nodes does not carry packets of full size.",
  "duplicate-address": "Somebody else answers for a virtual address.",
  "foreign-router": "A VRRP router that is no node is active for our virtual router id.",
  "asymmetric-route":
    "The way to a network does not lead through an interface with virtual addresses of its side.",
  // Keys.
  "keys-unusable": "The keys of a node cannot be used.",
  "certificate-ends": "The certificate of a node ends soon.",
  "authority-ends": "The certificate of the cluster's authority ends soon.",
  "authority-differs": "The nodes do not have the same authority.",
  // Other programs.
  "program-fights": "A program runs that does the same work, or undoes it.",
  "forward-policy-drop": "Other rules drop every forwarded packet that they do not know.",
  "forward-rules-drop": "Other rules drop some forwarded packets.",
  // The document.
  "history-broken": "The stored history of the document is damaged.",
  // The nodes together.
  "node-unreachable": "A node could not be examined.",
  "node-not-understood": "A node answered what this version does not understand.",
  "revision-differs": "A node runs another document.",
  "version-differs": "A node runs another version of tocha.",
  "runtime-differs": "A node runs tocha on another version of Node.js.",
  "clock-not-synchronised": "Nothing keeps the clock of the node right.",
  "clock-skew": "The clocks of two nodes differ.",
  "clock-unknown": "The clock of another node could not be compared.",
  // The examination itself.
  "not-found-out": "Something could not be found out.",
} as const;

export type DoctorCode = keyof typeof doctorCodes;
