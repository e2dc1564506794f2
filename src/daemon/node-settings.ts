import { hkdfSync } from "node:crypto";
import { isAbsolute, resolve } from "node:path";
import { formatIp, parseNetwork } from "../base/ip.ts";
import { type ClusterDocument, groupsOf, virtualAddressesOf } from "../contract/cluster-document.ts";
import { documentRevision } from "../contract/document-revision.ts";
import { type PulsePath, pulsePaths } from "../contract/pulse-paths.ts";

/** An interface that carries virtual addresses of a group: one face of it. */
export interface FaceSettings {
  readonly name: string;
  readonly device: string;
  /** This node's own addresses on it. */
  readonly addresses: readonly string[];
  readonly virtualAddresses: readonly { readonly address: string; readonly prefixLength: number }[];
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
  readonly preempt: boolean;
  readonly faces: readonly FaceSettings[];
}

export interface ArbiterSettings {
  readonly endpoints: readonly string[];
  readonly leaseMs: number;
  readonly caFile: string;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly userFile: string | undefined;
}

/** What the document says for one node, made ready for its roles: plain values, nothing left to look up. */
export interface NodeSettings {
  readonly node: string;
  readonly cluster: string;
  readonly revision: string;
  readonly document: ClusterDocument;
  readonly runDirectory: string;
  readonly keysDirectory: string;
  /** Hexadecimal; derived from the cluster's key for the pulses alone. */
  readonly pulseKey: string;
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
}

export interface NodeSettingsSource {
  readonly document: ClusterDocument;
  /** The folder that relative key paths start from. */
  readonly documentDirectory: string;
  readonly node: string;
  readonly runDirectory: string;
}

/** The folder with the keys, as the document says. */
export function keysDirectory(document: ClusterDocument, documentDirectory: string): string {
  const { directory } = document.keys;
  return isAbsolute(directory) ? directory : resolve(documentDirectory, directory);
}

export function nodeSettings(source: NodeSettingsSource, clusterKey: Uint8Array): NodeSettings {
  const { document, node } = source;
  const faceNames = [...virtualAddressesOf(document).keys()];
  const sync = interfaceOf(document, node, document.replication.interface);
  return {
    node,
    cluster: document.cluster,
    revision: documentRevision(document),
    document,
    runDirectory: source.runDirectory,
    keysDirectory: keysDirectory(document, source.documentDirectory),
    pulseKey: Buffer.from(hkdfSync("sha256", clusterKey, document.cluster, "tocha pulse v1", 32)).toString(
      "hex",
    ),
    groups: groupsOf(document).map((group) => ({
      name: group.name,
      virtualRouterId: group.virtualRouterId,
      priority: group.priorities[node] ?? 1,
      intervalMs: group.intervalMs,
      pulseIntervalMs: group.pulseIntervalMs,
      preempt: group.preempt,
      faces: Object.entries(group.addresses).map(([name, virtual]) => ({
        name,
        device: interfaceOf(document, node, name).device,
        addresses: interfaceOf(document, node, name).addresses,
        virtualAddresses: virtual.map(splitNetwork),
      })),
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
    arbiter: arbiterSettings(document, source.documentDirectory),
    metrics: metricsSettings(document, node),
  };
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
  };
}

function metricsSettings(document: ClusterDocument, node: string): NodeSettings["metrics"] {
  if (document.metrics === undefined) return undefined;
  const { device, addresses } = interfaceOf(document, node, document.metrics.interface);
  return { device, addresses, port: document.metrics.port };
}

function interfaceOf(document: ClusterDocument, node: string, name: string) {
  const found = document.nodes[node]?.interfaces[name];
  if (found === undefined) throw new Error(`a valid document gives node ${node} an interface ${name}`);
  return { ...found, addresses: found.addresses.map((text) => splitNetwork(text).address) };
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
