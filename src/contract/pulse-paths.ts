import { formatIp, type IpNetwork, isLinkLocal, networkContains, parseNetwork } from "../base/ip.ts";
import { type ClusterDocument, groupsOf } from "./cluster-document.ts";

/** A network that all nodes share, and that pulses are sent on. */
export interface PulsePath {
  /** Of the interface, which is the same on all nodes. */
  readonly name: string;
  readonly device: string;
  /** This node's own address there. */
  readonly address: string;
  readonly peers: readonly { readonly name: string; readonly address: string }[];
  /** The groups whose pulses take it. */
  readonly groups: readonly string[];
}

/** As many as a pulse has bits for (src/wire/pulse.ts): more would tell nothing more about a peer's death. */
const PATHS_MAX = 7;

/**
 * The paths of a node's pulses: the interface between the nodes first, then those with virtual addresses by name, up to 7 in
 * all; the same on every node. Left out are those that `pulses.without` names, and those on which the nodes have no addresses
 * in one network.
 */
export function pulsePaths(document: ClusterDocument, node: string): readonly PulsePath[] {
  const groups = groupsOf(document);
  const sync = document.replication.interface;
  const faces = [...new Set(groups.flatMap(({ addresses }) => Object.keys(addresses)))].sort();
  const names = [sync, ...faces.filter((name) => name !== sync && !document.pulses.without.includes(name))];
  const paths = names.flatMap((name): PulsePath[] => {
    const device = document.nodes[node]?.interfaces[name]?.device;
    const ends = endsOn(document, name);
    const address = ends?.get(node);
    if (device === undefined || ends === undefined || address === undefined) return [];
    const peers = [...ends].flatMap(([peer, of]) => (peer === node ? [] : [{ name: peer, address: of }]));
    const users = groups.filter(({ addresses }) => name === sync || name in addresses);
    return [{ name, device, address, peers, groups: users.map((group) => group.name) }];
  });
  return paths.slice(0, PATHS_MAX);
}

/** The address of every node on an interface, all in one network; undefined when there is no such network. */
function endsOn(document: ClusterDocument, name: string): ReadonlyMap<string, string> | undefined {
  const lists = Object.entries(document.nodes).map(([node, { interfaces }]) => ({
    node,
    networks: (interfaces[name]?.addresses ?? []).flatMap((text) => parseNetwork(text) ?? []),
  }));
  for (const network of lists[0]?.networks ?? []) {
    // A link-local address needs an interface to be understood.
    if (isLinkLocal(network.address)) continue;
    const ends = lists.map(({ node, networks }) => [node, inSame(network, networks)] as const);
    const found = ends.flatMap(([node, of]) => (of === undefined ? [] : [[node, of] as const]));
    if (found.length === lists.length) return new Map(found);
  }
  return undefined;
}

function inSame(network: IpNetwork, own: readonly IpNetwork[]): string | undefined {
  const found = own.find(({ address }) => !isLinkLocal(address) && networkContains(network, address));
  return found === undefined ? undefined : formatIp(found.address);
}
