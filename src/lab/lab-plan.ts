import { ProblemError } from "../base/problem.ts";

/** What a lab is asked to be. */
export interface LabSettings {
  /** Every namespace, link and process of the lab carries it. */
  readonly name: string;
  readonly intervalMs: number;
  /** Of the pulses; undefined: `intervalMs`. */
  readonly pulseIntervalMs: number | undefined;
  readonly preempt: boolean;
  /** How many gateways: gw1, gw2, … */
  readonly nodes: number;
  readonly ipv6: boolean;
  /** How often the tables of the gateways are compared, at the least. */
  readonly refreshMs: number;
  /** `nat.helpers` of the document. */
  readonly helpers: readonly string[];
  /** `replication.shortExchanges` of the document. */
  readonly shortExchanges: boolean;
  /** Failover groups. With two, the client's second address uses the gateway of the second one, which prefers the last node. */
  readonly groups: 1 | 2;
  /** `replication.marks` of the document. */
  readonly marks: boolean;
  /** Checks of every group, as lines of the document: `upstream: { kind: ping, ... }`. */
  readonly checks: readonly string[];
  /** Networks that only the gateways are in: `e1` and following. */
  readonly moreInterfaces: number;
  /** Virtual addresses of each family in every network but sync, besides the usual ones. */
  readonly moreAddresses: number;
}

export const defaultLabSettings: LabSettings = {
  name: "tocha",
  intervalMs: 100,
  pulseIntervalMs: undefined,
  preempt: false,
  nodes: 2,
  ipv6: true,
  refreshMs: 60_000,
  helpers: [],
  shortExchanges: false,
  groups: 1,
  marks: false,
  checks: [],
  moreInterfaces: 0,
  moreAddresses: 0,
};

/** The switches of every lab, and so interface roles of every gateway. */
export const labSwitches = ["lan", "wan", "sync"] as const;
export type LabSwitch = (typeof labSwitches)[number];

/** All switches of a lab: the usual ones, then those of `moreInterfaces`. */
export function labNetworks(settings: { readonly moreInterfaces: number }): string[] {
  return [...labSwitches, ...Array.from({ length: settings.moreInterfaces }, (_, index) => `e${index + 1}`)];
}

/** How the addresses of a network that has virtual ones begin. */
function prefixesOf(network: string): { readonly v4: string; readonly v6: string } {
  if (network === "lan") return { v4: "10.1.0", v6: "fd00:1" };
  if (network === "wan") return { v4: "192.0.2", v6: "2001:db8" };
  const number = 100 + Number(network.slice(1));
  return { v4: `10.${number}.0`, v6: `fd00:${number}` };
}

/**
 * The lab's addresses. The same in every lab: each one lives in its own namespaces.
 *
 * The client has two addresses so that two connections can leave from the same source port; source NAT to one
 * address must then choose another port for one of them, and only a mirrored mapping brings its replies back.
 */
export const labAddresses = {
  virtual: { lan: ["10.1.0.1/24", "fd00:1::1/64"], wan: ["192.0.2.1/24", "2001:db8::1/64"] },
  /** Those of the second group. */
  second: { lan: ["10.1.0.100/24", "fd00:1::100/64"], wan: ["192.0.2.100/24", "2001:db8::100/64"] },
  client: ["10.1.0.10/24", "10.1.0.11/24", "fd00:1::10/64", "fd00:1::11/64"],
  server: ["192.0.2.9/24", "2001:db8::9/64"],
  lanNetworks: ["10.1.0.0/24", "fd00:1::/64"],
  /** A routed network behind the client, whose subscribers open the background flows. */
  subscribers: "10.77.0.0/16",
  /** The hosts that the background flows go to (RFC 2544 benchmarking range), behind the server. */
  services: "198.18.0.0/16",
} as const;

const NODES_MAX = 8;
// A namespace name is a file name, and "-gw1" is appended; the limit keeps tables of `lab list` in 80 columns.
const namePattern = /^[a-z][a-z0-9-]{0,30}$/;

/** @throws ProblemError when a setting is out of its range */
export function checkLabSettings(settings: LabSettings): void {
  checkLabName(settings.name);
  if (!Number.isInteger(settings.nodes) || settings.nodes < 1 || settings.nodes > NODES_MAX) {
    throw new ProblemError({
      code: "lab-setting",
      message: `a lab has 1 to ${NODES_MAX} nodes, not ${settings.nodes}`,
      hint: "Leave --nodes away for the usual two.",
    });
  }
}

export function checkLabName(name: string): void {
  if (namePattern.test(name)) return;
  throw new ProblemError({
    code: "lab-name",
    message: `"${name}" is no name for a lab: it needs a small letter first, then small letters, digits and "-", 31 characters at most`,
    hint: "For example: --name tocha",
  });
}

export function nodeNames(settings: { readonly nodes: number }): string[] {
  return Array.from({ length: settings.nodes }, (_, index) => `gw${index + 1}`);
}

/** The namespace of a node, or of `lan` (the client), `wan` (the server) or `net` (the switches). */
export function namespaceOf(lab: string, part: string): string {
  return `${lab}-${part}`;
}

/** Whether a namespace's name says that it belongs to this lab. */
export function isLabNamespace(lab: string, namespace: string): boolean {
  return namespace.startsWith(`${lab}-`) && /^(gw[1-9]|lan|wan|net)$/.test(namespace.slice(lab.length + 1));
}

/** A node's own addresses on one switch, with prefix lengths. */
export function nodeAddresses(node: string, network: string, settings: { readonly ipv6: boolean }): string[] {
  const number = nodeNumber(node);
  if (network === "sync") return [`10.255.0.${number}/24`];
  const { v4, v6 } = prefixesOf(network);
  return [`${v4}.${number + 1}/24`, ...(settings.ipv6 ? [`${v6}::${number + 1}/64`] : [])];
}

/** The virtual addresses of the first group, by network, with prefix lengths. */
export function groupAddresses(settings: LabSettings): Readonly<Record<string, readonly string[]>> {
  const usual: Readonly<Record<string, readonly string[]>> = labAddresses.virtual;
  const networks = labNetworks(settings).filter((network) => network !== "sync");
  return Object.fromEntries(
    networks.map((network) => {
      const { v4, v6 } = prefixesOf(network);
      const more = Array.from({ length: settings.moreAddresses }, (_, index) => FIRST_MORE + index);
      const all = [
        ...(usual[network] ?? []),
        ...more.map((number) => `${v4}.${number}/24`),
        ...more.map((number) => `${v6}::${number}/64`),
      ];
      return [network, withFamilies(all, settings.ipv6)];
    }),
  );
}

/** Nobody else in a network has such an address. */
const FIRST_MORE = 120;

/** All virtual addresses of the lab, with prefix lengths. */
export function virtualAddresses(settings: LabSettings): string[] {
  const { second } = labAddresses;
  const others = settings.groups === 2 ? [...second.lan, ...second.wan] : [];
  return [...Object.values(groupAddresses(settings)).flat(), ...withFamilies(others, settings.ipv6)];
}

export function withFamilies(addresses: readonly string[], ipv6: boolean): string[] {
  return addresses.filter((address) => ipv6 || !address.includes(":"));
}

/** 1 for gw1. */
export function nodeNumber(node: string): number {
  return Number(node.slice(2));
}

/** `10.1.0.10` of `10.1.0.10/24`. */
export function bareAddress(address: string): string {
  return address.split("/")[0] ?? address;
}
