import { formatIp, type IpAddress, ipFamily, networkContains, parseNetwork } from "../../base/ip.ts";
import { type ClusterDocument, virtualAddressesOf } from "../../contract/cluster-document.ts";
import { nodeRoutes } from "../static-routes.ts";

/** How a node sends to an address, as far as the document says it. */
export interface WayBack {
  readonly device: string;
  /** The static route; undefined: the address is in a network of the node's own. */
  readonly route?: string;
  /** The next router; undefined: there is none between. */
  readonly via?: string;
}

interface Way extends WayBack {
  readonly prefixLength: number;
  readonly metric: number;
}

/**
 * What the kernel has by itself for the networks of a node's addresses, and for a route for which nobody says a metric (uapi
 * linux/ipv6_route.h; IP6_RT_PRIO_ADDRCONF, IP6_RT_PRIO_USER).
 */
const metrics = { 4: { connected: 0, routed: 0 }, 6: { connected: 256, routed: 1_024 } } as const;

/**
 * The longest prefix counts, then the lowest metric, as in the kernel; a route that is there keeps another one like it out. Undefined:
 * a route that is none of the document's.
 *
 * @param bound the device of a socket that sends by it alone, whatever routes there are over others
 */
export function wayBack(
  document: ClusterDocument,
  {
    node,
    address,
    bound,
  }: { readonly node: string; readonly address: IpAddress; readonly bound?: string | undefined },
): WayBack | undefined {
  const ways = [...connectedWays(document, node, address), ...routedWays(document, node, address)];
  const [best] = ways
    .filter(({ device }) => bound === undefined || device === bound)
    .sort((a, b) => b.prefixLength - a.prefixLength || a.metric - b.metric);
  if (best === undefined) return undefined;
  const { metric: _metric, prefixLength: _length, ...way } = best;
  return way;
}

function routedWays(document: ClusterDocument, node: string, address: IpAddress): Way[] {
  return nodeRoutes(document, node)
    .filter(({ destination, prefixLength }) =>
      networkContains({ address: destination, prefixLength }, address),
    )
    .map(({ id, prefixLength, device, gateway, metric }) => ({
      ...{ prefixLength, device, route: id, metric: metric || metrics[ipFamily(address)].routed },
      ...(gateway === undefined ? {} : { via: formatIp(gateway) }),
    }));
}

function connectedWays(document: ClusterDocument, node: string, address: IpAddress): Way[] {
  const virtual = virtualAddressesOf(document);
  return Object.entries(document.nodes[node]?.interfaces ?? {}).flatMap(([role, { device, addresses }]) =>
    [...addresses, ...(virtual.get(role) ?? [])].flatMap((text): Way[] => {
      const network = parseNetwork(text);
      if (network === undefined || ipFamily(network.address) !== ipFamily(address)) return [];
      if (!networkContains(network, address)) return [];
      return [{ prefixLength: network.prefixLength, device, metric: metrics[ipFamily(address)].connected }];
    }),
  );
}
