import { formatIp, type IpAddress, ipFamily, networkContains, parseNetwork, validIp } from "../base/ip.ts";
import type { ClusterDocument, ClusterNode } from "../contract/cluster-document.ts";
import type { StaticRoute } from "../contract/routes-schema.ts";

/** A static route as a node sets it. */
export interface NodeRoute {
  /** Its name in the document. */
  readonly id: string;
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly gateway: IpAddress | undefined;
  readonly device: string;
  /** Undefined: the kernel's default. */
  readonly metric: number | undefined;
}

/** A route of ours that the kernel has. */
export interface PresentRoute {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly gateway: IpAddress | undefined;
  readonly deviceIndex: number | undefined;
  readonly metric: number;
}

/** What leads from the routes that the kernel has to those that the document wants. */
export interface RoutePlan {
  readonly remove: readonly PresentRoute[];
  /** In place of one of ours to the same network with the same metric. */
  readonly replace: readonly (NodeRoute & { readonly deviceIndex: number })[];
  readonly add: readonly (NodeRoute & { readonly deviceIndex: number })[];
  /** Their device is not there. */
  readonly waiting: readonly NodeRoute[];
}

/** Of IPv6 routes for which nobody says one (uapi linux/ipv6_route.h, IP6_RT_PRIO_USER); of IPv4 ones it is 0. */
const METRIC_IPV6 = 1_024;

/** The static routes of one node. */
export function nodeRoutes(document: ClusterDocument, node: string): readonly NodeRoute[] {
  const own = document.nodes[node];
  if (own === undefined) throw new Error(`no node ${node} in a checked document`);
  return document.routes.flatMap((route): NodeRoute[] => {
    const to = parseNetwork(route.to);
    const device = deviceOf(route, own);
    if (to === undefined || device === undefined || route.nodes?.includes(node) === false) return [];
    const gateway = route.via === undefined ? undefined : validIp(route.via);
    return [
      {
        ...{ id: route.id, destination: to.address, prefixLength: to.prefixLength },
        ...{ gateway, device, metric: route.metric },
      },
    ];
  });
}

function deviceOf({ via, interface: role }: StaticRoute, { interfaces }: ClusterNode): string | undefined {
  if (role !== undefined) return interfaces[role]?.device;
  if (via === undefined) return undefined;
  const gateway = validIp(via);
  return Object.values(interfaces).find(({ addresses }) =>
    addresses.some((text) => {
      const network = parseNetwork(text);
      return network !== undefined && networkContains(network, gateway);
    }),
  )?.device;
}

/** @param deviceIndices of the devices that are there and up */
export function planRoutes(
  wanted: readonly NodeRoute[],
  present: readonly PresentRoute[],
  deviceIndices: ReadonlyMap<string, number>,
): RoutePlan {
  const byKey = new Map(present.map((route) => [routeKey(route), route]));
  const kept = new Set<string>();
  const replace: (NodeRoute & { readonly deviceIndex: number })[] = [];
  const add: (NodeRoute & { readonly deviceIndex: number })[] = [];
  const waiting: NodeRoute[] = [];
  for (const route of wanted) {
    const key = routeKey(route);
    kept.add(key);
    const deviceIndex = deviceIndices.get(route.device);
    if (deviceIndex === undefined) {
      waiting.push(route);
      continue;
    }
    const there = byKey.get(key);
    if (there === undefined) add.push({ ...route, deviceIndex });
    else if (there.deviceIndex !== deviceIndex || textOf(there.gateway) !== textOf(route.gateway))
      replace.push({ ...route, deviceIndex });
  }
  return { remove: present.filter((route) => !kept.has(routeKey(route))), replace, add, waiting };
}

/** The kernel has one route for a network and a metric. */
function routeKey({
  destination,
  prefixLength,
  metric,
}: {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  readonly metric: number | undefined;
}): string {
  const said = metric ?? 0;
  const effective = ipFamily(destination) === 6 && said === 0 ? METRIC_IPV6 : said;
  return `${formatIp(destination)}/${prefixLength} ${effective}`;
}

function textOf(address: IpAddress | undefined): string {
  return address === undefined ? "" : formatIp(address);
}
