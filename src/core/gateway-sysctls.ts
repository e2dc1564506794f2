import { type ClusterDocument, virtualAddressesOf } from "../contract/cluster-document.ts";
import { type KernelTimeout, kernelTimeouts, timeoutNames } from "../contract/timeouts-schema.ts";

/** A kernel setting that a node needs, and why. */
export interface Sysctl {
  /** As sysctl(8) writes it: a dot within a device name is a slash (`net.ipv4.conf.eth0/20.arp_ignore`). */
  readonly name: string;
  readonly value: number;
  readonly why: string;
}

/**
 * The kernel settings of one node, in the order in which they must be set. All of them belong to the node's own
 * network namespace; none reaches the rest of the machine. docs/guide/gateway-rules.md lists them.
 */
export function gatewaySysctls(document: ClusterDocument, node: string): readonly Sysctl[] {
  const interfaces = document.nodes[node]?.interfaces ?? {};
  const devices = [...virtualAddressesOf(document).keys()].flatMap((role) => {
    const device = interfaces[role]?.device;
    return device === undefined ? [] : [device];
  });
  return [...forwarding, ...devices.flatMap(deviceSysctls), ...tracking, ...timeoutSysctls(document)];
}

/** The file of a setting under /proc/sys. */
export function sysctlPath(name: string): string {
  return `/proc/sys/${name.replace(/[./]/g, (mark) => (mark === "." ? "/" : "."))}`;
}

const forwarding: readonly Sysctl[] = [
  {
    // First of all: changing it sets other settings of the interfaces back to their defaults (ip-sysctl).
    name: "net.ipv4.ip_forward",
    value: 1,
    why: "The node is an IPv4 router.",
  },
  {
    name: "net.ipv6.conf.all.forwarding",
    value: 1,
    why: "The node is an IPv6 router. It then ignores router advertisements: give it its own default route.",
  },
];

function deviceSysctls(device: string): Sysctl[] {
  const name = `net.ipv4.conf.${device.replaceAll(".", "/")}`;
  return [
    {
      name: `${name}.arp_ignore`,
      value: 1,
      why: "An address is answered for only on its own interface, so that no neighbour learns a virtual address on a wrong one.",
    },
    {
      name: `${name}.arp_announce`,
      value: 2,
      why: "ARP requests carry an address of their own interface, so that they teach neighbours nothing wrong.",
    },
    {
      name: `${name}.promote_secondaries`,
      value: 1,
      why: "Removing one address of a network must not remove the others of that network with it.",
    },
  ];
}

const conntrack = "net.netfilter.nf_conntrack";

const tracking: readonly Sysctl[] = [
  {
    name: `${conntrack}_events`,
    value: 1,
    why: "With the default (2), connections that begin before the replicator listens never report anything.",
  },
  {
    name: `${conntrack}_tcp_loose`,
    value: 0,
    why: "A packet from the middle of an unknown connection must not create an entry: on a node that has just become active it would be one without translation, in the way of the right one.",
  },
  {
    name: `${conntrack}_tcp_be_liberal`,
    value: 1,
    why: "A node that becomes active again has entries whose window history ended when it was active last: without this, their packets would be out of window and dropped.",
  },
  {
    name: `${conntrack}_checksum`,
    value: 0,
    why: "Checksums are for the ends to verify, not for routers. Linux verifies those of UDPLITE as if they were UDP's (RFC 3828 3.1), and would take every packet of it for invalid.",
  },
];

/** In seconds: what the document says, or else tocha's default; where there is neither, the kernel's own stays. */
function timeoutSysctls({ timeouts }: ClusterDocument): readonly Sysctl[] {
  return timeoutNames.flatMap((name): Sysctl[] => {
    const { sysctl, defaultSeconds, why = "" }: KernelTimeout = kernelTimeouts[name];
    const said = timeouts[name];
    const value = said === undefined ? defaultSeconds : said / 1_000;
    if (value === undefined) return [];
    return [
      {
        name: `${conntrack}_${sysctl}`,
        value,
        why: said === undefined ? why : `The document says so: timeouts.${name}.`,
      },
    ];
  });
}
