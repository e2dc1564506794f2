import { hkdfSync } from "node:crypto";
import { dirname, isAbsolute, resolve } from "node:path";
import { formatIp, type IpFamily, isLinkLocal, parseNetwork, validIp } from "../base/ip.ts";
import {
  type ClusterDocument,
  type ClusterGroup,
  type GroupCheck,
  groupsOf,
  virtualAddressesOf,
} from "../contract/cluster-document.ts";
import type { CheckKind } from "../contract/document-checks.ts";
import { documentRevision } from "../contract/document-revision.ts";
import { type PulsePath, pulsePaths } from "../contract/pulse-paths.ts";
import type { PeerSettings as ElectionPeer } from "../core/election/election-types.ts";
import type { NamedCheckSettings } from "../core/health/check-set.ts";
import type { VrrpVersion } from "../wire/vrrp.ts";

/** An interface that carries virtual addresses of a group: one face of it. */
export interface FaceSettings {
  readonly name: string;
  readonly device: string;
  /** This node's own addresses on it. */
  readonly addresses: readonly string[];
  readonly virtualAddresses: readonly VirtualAddressSettings[];
  /** The link-local ones among the virtual addresses of all groups on this interface: none of them is this node's own. */
  readonly virtualLinkLocals: readonly string[];
  /** Whom its VRRP advertisements go to, this node left out. Empty: the multicast group. */
  readonly unicastPeers: readonly string[];
  /** Undefined where none are sent. */
  readonly routerAdvertisement: RouterAdvertisementSettings | undefined;
}

export interface VirtualAddressSettings {
  readonly address: string;
  readonly prefixLength: number;
  /** The device that carries it: that of the face, or one with the virtual hardware address above it. */
  readonly device: string;
}

export interface RouterAdvertisementSettings {
  /** The virtual link-local address that hosts know the router by. */
  readonly source: string;
  readonly intervalMs: number;
  readonly lifetimeSeconds: number;
  readonly managed: boolean;
  readonly otherConfiguration: boolean;
  readonly prefixes: readonly {
    readonly prefix: string;
    readonly onLink: boolean;
    readonly autonomous: boolean;
    readonly validSeconds: number;
    readonly preferredSeconds: number;
  }[];
  readonly dnsServers: readonly string[];
  readonly mtu: number | undefined;
}

export interface PeerSettings {
  readonly name: string;
  readonly syncAddress: string;
  /** All of its own addresses on the faces: its VRRP advertisements come from one of these. */
  readonly addresses: readonly string[];
}

export interface GroupSettings {
  readonly name: string;
  readonly virtualRouterId: number;
  readonly priority: number;
  readonly intervalMs: number;
  readonly pulseIntervalMs: number;
  readonly announceRate: number | undefined;
  readonly preempt: boolean;
  readonly preemptDelayMs: number;
  /** What is spoken over IPv4. */
  readonly version: VrrpVersion;
  /** Whether the virtual addresses have the hardware address of the virtual router. */
  readonly virtualMac: boolean;
  /** Of all nodes. */
  readonly priorities: Readonly<Record<string, number>>;
  /** Of all nodes, on the faces of this group: equals are told apart by them, and each must know the same of the other. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly faces: readonly FaceSettings[];
  readonly checks: readonly CheckSettings[];
}

/** A check as this node makes it. */
export interface CheckSettings extends NamedCheckSettings {
  readonly kind: CheckKind;
  /** Of the kinds that have an interface. */
  readonly device: string | undefined;
  /** The node's own address that a question comes from; undefined where the kernel must choose (link-local targets). */
  readonly source: string | undefined;
  readonly target: string | undefined;
  readonly command: readonly string[];
}

export interface ArbiterSettings {
  readonly endpoints: readonly string[];
  readonly leaseMs: number;
  readonly caFile: string;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly userFile: string | undefined;
  /** The variable that holds what else would stand in the file. */
  readonly userEnvironment: string | undefined;
}

/** What the document says for one node, made ready for its roles: plain values, nothing left to look up. */
export interface NodeSettings {
  readonly node: string;
  readonly cluster: string;
  readonly revision: string;
  readonly document: ClusterDocument;
  readonly runDirectory: string;
  /** What outlives a boot. */
  readonly stateDirectory: string;
  readonly keysDirectory: string;
  /** The file that the node was started with. */
  readonly configFile: string;
  /** Hexadecimal; derived from the cluster's keys for the pulses alone. The first is used for what is sent. */
  readonly pulseKeys: readonly string[];
  /** In the order of groupsOf(), which all nodes share. */
  readonly groups: readonly GroupSettings[];
  readonly peers: readonly PeerSettings[];
  /** The networks that pulses take, that of the sync interface first. */
  readonly pulsePaths: readonly PulsePath[];
  readonly sync: { readonly name: string; readonly device: string; readonly address: string };
  readonly ports: { readonly pulses: number; readonly replication: number; readonly control: number };
  readonly refreshMs: number;
  /** The document's arbiter; its files by their whole paths. */
  readonly arbiter: ArbiterSettings | undefined;
  /** Where Prometheus may ask: this node's own addresses on one interface. Undefined when nothing shall listen. */
  readonly metrics:
    | { readonly device: string; readonly addresses: readonly string[]; readonly port: number }
    | undefined;
  /** Where users may ask over HTTPS. Undefined when nothing shall listen. */
  readonly api: ApiPlace | undefined;
}

export interface ApiPlace {
  readonly device: string;
  /** This node's own ones on that interface. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of one address, and of one user. */
  readonly requestsPerSecond: number;
  /** By their whole paths; undefined: those of the node. */
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

export interface NodeSettingsSource {
  readonly document: ClusterDocument;
  /** The file that the node was started with: relative paths start from its folder. */
  readonly configFile: string;
  readonly node: string;
  readonly runDirectory: string;
  readonly stateDirectory: string;
}

/** The folder with the keys, as the document says. */
export function keysDirectory(document: ClusterDocument, documentDirectory: string): string {
  const { directory } = document.keys;
  return isAbsolute(directory) ? directory : resolve(documentDirectory, directory);
}

/** The keys of the pulses: with another cluster key, or in another cluster, they are others. */
export function pulseKeysOf(cluster: string, clusterKeys: readonly Uint8Array[]): string[] {
  return clusterKeys.map((key) =>
    Buffer.from(hkdfSync("sha256", key, cluster, "tocha pulse v1", 32)).toString("hex"),
  );
}

export function nodeSettings(source: NodeSettingsSource, clusterKeys: readonly Uint8Array[]): NodeSettings {
  const { document, node } = source;
  const directory = dirname(source.configFile);
  const faceNames = [...virtualAddressesOf(document).keys()];
  const sync = interfaceOf(document, node, document.replication.interface);
  return {
    node,
    cluster: document.cluster,
    revision: documentRevision(document),
    document,
    runDirectory: source.runDirectory,
    stateDirectory: source.stateDirectory,
    keysDirectory: keysDirectory(document, directory),
    configFile: source.configFile,
    pulseKeys: pulseKeysOf(document.cluster, clusterKeys),
    groups: groupsOf(document).map((group) => ({
      name: group.name,
      virtualRouterId: group.virtualRouterId,
      priority: group.priorities[node] ?? 1,
      intervalMs: group.intervalMs,
      pulseIntervalMs: group.pulseIntervalMs,
      announceRate: group.announceRate,
      preempt: group.preempt,
      preemptDelayMs: group.preemptDelayMs,
      version: group.version === 2 ? 2 : 3,
      virtualMac: group.virtualMac,
      faces: Object.keys(group.addresses).map((name) => faceSettings(document, node, group, name)),
      priorities: group.priorities,
      addresses: Object.fromEntries(
        Object.keys(document.nodes).map((one) => [
          one,
          Object.keys(group.addresses).flatMap((name) => interfaceOf(document, one, name).addresses),
        ]),
      ),
      checks: Object.entries(group.checks).map(([name, check]) => checkSettings(document, node, name, check)),
    })),
    peers: Object.keys(document.nodes)
      .filter((peer) => peer !== node)
      .map((peer) => ({
        name: peer,
        syncAddress: firstAddress(interfaceOf(document, peer, document.replication.interface).addresses),
        addresses: faceNames.flatMap((name) => interfaceOf(document, peer, name).addresses),
      })),
    pulsePaths: pulsePaths(document, node),
    sync: {
      name: document.replication.interface,
      device: sync.device,
      address: firstAddress(sync.addresses),
    },
    ports: {
      pulses: document.pulses.port,
      replication: document.replication.port,
      control: document.control.port,
    },
    refreshMs: document.replication.refreshMs,
    arbiter: arbiterSettings(document, directory),
    metrics: metricsSettings(document, node),
    api: apiPlace(document, directory, node),
  };
}

function faceSettings(
  document: ClusterDocument,
  node: string,
  group: ClusterGroup,
  name: string,
): FaceSettings {
  const { device, addresses } = interfaceOf(document, node, name);
  const virtualAddresses = (group.addresses[name] ?? []).map(splitNetwork).map((virtual) => {
    if (!group.virtualMac) return { ...virtual, device };
    const family = virtual.address.includes(":") ? 6 : 4;
    return { ...virtual, device: virtualMacDevice(document, group.virtualRouterId, name, family) };
  });
  return {
    name,
    device,
    addresses,
    virtualAddresses,
    virtualLinkLocals: (virtualAddressesOf(document).get(name) ?? [])
      .map((text) => splitNetwork(text).address)
      .filter(isLinkLocalIpv6),
    unicastPeers: (group.unicastPeers[name] ?? []).filter((peer) => !addresses.includes(peer)),
    routerAdvertisement: routerAdvertisementSettings(group, name),
  };
}

/**
 * The device with the virtual router's hardware address on one interface. The name says which, within the 15 characters
 * that a device's can have; the number is the place of the interface among all that have virtual addresses.
 */
function virtualMacDevice(
  document: ClusterDocument,
  virtualRouterId: number,
  name: string,
  family: IpFamily,
): string {
  const place = [...virtualAddressesOf(document).keys()].sort().indexOf(name);
  return `vrrp${family}-${virtualRouterId}-${place}`;
}

function routerAdvertisementSettings(
  group: ClusterGroup,
  name: string,
): RouterAdvertisementSettings | undefined {
  const said = group.routerAdvertisements[name];
  const source = (group.addresses[name] ?? [])
    .map((text) => splitNetwork(text).address)
    .find(isLinkLocalIpv6);
  if (said === undefined || source === undefined) return undefined;
  const { intervalMs, lifetimeMs, prefixes, mtu, ...rest } = said;
  return {
    ...rest,
    source,
    intervalMs,
    mtu,
    lifetimeSeconds: lifetimeMs / 1_000,
    prefixes: prefixes.map(({ validMs, preferredMs, ...prefix }) => ({
      ...prefix,
      validSeconds: validMs / 1_000,
      preferredSeconds: preferredMs / 1_000,
    })),
  };
}

function checkSettings(
  document: ClusterDocument,
  node: string,
  name: string,
  { interface: role, target, command = [], ...check }: GroupCheck,
): CheckSettings {
  const place = role === undefined ? undefined : interfaceOf(document, node, role);
  const asked = target === undefined ? undefined : validIp(target);
  const isSource = (own: string) => asked !== undefined && validIp(own).length === asked.length;
  const source = asked === undefined || isLinkLocal(asked) ? undefined : place?.addresses.find(isSource);
  return { ...check, name, device: place?.device, source, target, command };
}

/** The other nodes, as the election of a group knows them. */
export function electionPeers({ peers }: NodeSettings, group: GroupSettings): ElectionPeer[] {
  return peers.map(({ name }) => ({
    ...{ name, priority: group.priorities[name] ?? 1 },
    addresses: (group.addresses[name] ?? []).map(validIp),
  }));
}

/** The virtual addresses of all groups. */
export function allVirtualAddresses({ groups }: NodeSettings): readonly string[] {
  return groups.flatMap(({ faces }) =>
    faces.flatMap(({ virtualAddresses }) => virtualAddresses.map(({ address }) => address)),
  );
}

function arbiterSettings(document: ClusterDocument, directory: string): ArbiterSettings | undefined {
  const { arbiter } = document;
  if (arbiter === undefined) return undefined;
  const { endpoints, leaseMs } = arbiter;
  const whole = (path: string | undefined) => (path === undefined ? undefined : resolve(directory, path));
  return {
    ...{ endpoints, leaseMs },
    caFile: resolve(directory, arbiter.caFile),
    certificateFile: whole(arbiter.certificateFile),
    keyFile: whole(arbiter.keyFile),
    userFile: whole(arbiter.userFile),
    userEnvironment: arbiter.userEnvironment,
  };
}

function metricsSettings(document: ClusterDocument, node: string): NodeSettings["metrics"] {
  if (document.metrics === undefined) return undefined;
  const { device, addresses } = interfaceOf(document, node, document.metrics.interface);
  return { device, addresses, port: document.metrics.port };
}

function apiPlace(document: ClusterDocument, directory: string, node: string): ApiPlace | undefined {
  const { api } = document;
  if (api === undefined) return undefined;
  const whole = (path: string | undefined) => (path === undefined ? undefined : resolve(directory, path));
  return {
    ...interfaceOf(document, node, api.interface),
    ...{ port: api.port, requestsPerSecond: api.requestsPerSecond },
    ...{ certificateFile: whole(api.certificateFile), keyFile: whole(api.keyFile) },
  };
}

function interfaceOf(document: ClusterDocument, node: string, name: string) {
  const found = document.nodes[node]?.interfaces[name];
  if (found === undefined) throw new Error(`a valid document gives node ${node} an interface ${name}`);
  return { ...found, addresses: found.addresses.map((text) => splitNetwork(text).address) };
}

function isLinkLocalIpv6(address: string): boolean {
  return address.includes(":") && isLinkLocal(validIp(address));
}

function splitNetwork(text: string): { address: string; prefixLength: number } {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`a valid document has no address ${text}`);
  return { address: formatIp(network.address), prefixLength: network.prefixLength };
}

function firstAddress(addresses: readonly string[]): string {
  const [first] = addresses;
  if (first === undefined) throw new Error("a valid document gives each interface an address");
  return first;
}
