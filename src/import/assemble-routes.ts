import { equalIp, formatIp, formatNetwork, isLinkLocal, networkContains, parseIp } from "../base/ip.ts";
import type { AddressTools } from "./assemble-addresses.ts";
import { SYNC } from "./assemble-interfaces.ts";
import { documentName, freeName } from "./config-values.ts";
import type { NodeConfig } from "./node-config.ts";
import type { RouteFact } from "./route-facts.ts";

/** A document has at most so many routes. */
const ROUTES_MAX = 1_024;

interface Route {
  readonly to: string;
  readonly via?: string;
  readonly interface?: string;
  readonly metric?: number;
}

/** `routes` of the document: what several nodes have is there once. */
export function assembleRoutes(
  nodes: readonly NodeConfig[],
  virtual: ReadonlyMap<string, string>,
  tools: AddressTools,
): unknown[] {
  const routes = new Map<string, { readonly route: Route; readonly nodes: string[] }>();
  const places = new Map<string, string>();
  for (const node of nodes) {
    for (const fact of node.routes) {
      const route = routeOf(fact, node, virtual, tools);
      if (route === undefined) continue;
      const key = JSON.stringify(route);
      const place = `${node.name} ${route.to} ${route.metric ?? ""}`;
      const known = routes.get(key);
      if (known?.nodes.includes(node.name) === true) continue;
      if (places.has(place)) {
        tools.remarks.lost(fact.at, `another route leads to ${route.to}`, "Give one of the two a metric.");
        continue;
      }
      if (known === undefined && routes.size >= ROUTES_MAX) {
        tools.remarks.lost(fact.at, `a document has at most ${ROUTES_MAX} routes`, hint);
        continue;
      }
      places.set(place, key);
      if (known === undefined) routes.set(key, { route, nodes: [node.name] });
      else known.nodes.push(node.name);
      if (fact.isVirtual)
        tools.remarks.changed(fact.at, "every node has the route always, not the active one alone");
    }
  }
  const taken = new Set<string>();
  return [...routes.values()].map(({ route, nodes: having }) => ({
    id: freeName(idOf(route.to), taken),
    ...route,
    ...(having.length === nodes.length ? {} : { nodes: having }),
  }));
}

function idOf(to: string): string {
  if (to === "0.0.0.0/0") return "default";
  return to === "::/0" ? "default-ipv6" : documentName(`to-${to}`, "route");
}

const hint = "Put it into the network configuration of every node, or correct it and import again.";

function routeOf(
  { at, to, via, device, metric }: RouteFact,
  node: NodeConfig,
  virtual: ReadonlyMap<string, string>,
  { interfaces, remarks }: AddressTools,
): Route | undefined {
  const lost = (why: string): undefined => {
    remarks.lost(at, why, hint);
    return undefined;
  };
  const role = device === undefined ? undefined : interfaces.roleOf(node.name, device);
  if (device !== undefined && role === undefined)
    return lost(`${device.slice(0, 40)} is no interface of the document`);
  const sync = interfaces.nodes.flatMap((name) => interfaces.own(name, SYNC));
  if (sync.some((own) => own.prefixLength <= to.prefixLength && networkContains(own, to.address)))
    return lost("it leads the traffic between the nodes another way");
  const said = { to: formatNetwork(to), ...(metric === undefined ? {} : { metric }) };
  const router = via === undefined ? undefined : parseIp(via);
  if (router === undefined)
    return role === undefined
      ? lost("it has neither a router nor an interface")
      : { ...said, interface: role };
  if (router.length !== to.address.length) return lost("its router is of another family");
  const { to: destination, ...rest } = said;
  const route = {
    to: destination,
    via: formatIp(router),
    ...(role === undefined ? {} : { interface: role }),
    ...rest,
  };
  if (isLinkLocal(router))
    return role === undefined ? lost("its router is link-local, and it names no interface") : route;
  const roles = role === undefined ? interfaces.roles : [role];
  const own = roles.flatMap((one) => interfaces.own(node.name, one));
  const isOurs =
    virtual.has(formatIp(router)) ||
    interfaces.roles.some((one) =>
      interfaces.own(node.name, one).some(({ address }) => equalIp(address, router)),
    );
  if (isOurs) return lost("its router is the node itself");
  return own.some((one) => networkContains(one, router))
    ? route
    : lost(`${formatIp(router)} is in no network of ${role ?? "the node"}`);
}
