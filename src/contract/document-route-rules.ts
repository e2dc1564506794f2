import {
  equalIp,
  formatIp,
  formatNetwork,
  type IpNetwork,
  ipFamily,
  isLinkLocal,
  networkContains,
  parseNetwork,
  validIp,
} from "../base/ip.ts";
import type { DocumentFacts, InterfaceFacts, NodeFacts } from "./document-facts.ts";
import { clip } from "./document-scalars.ts";
import type { Finding } from "./finding.ts";
import { type StaticRoute, staticRoute } from "./routes-schema.ts";
import { itemPath, type Understood, understoodItems } from "./understood.ts";
import { hintFor, knownInterfaces, unknownInterface } from "./unknown-name.ts";

/** What must hold for the static routes. */
export function checkRoutes(root: unknown, facts: DocumentFacts): Finding[] {
  const routes = understoodItems(root, ["routes"], staticRoute);
  const nodes = new Map(facts.nodes.map((node) => [node.name, node]));
  const interfaces = knownInterfaces(facts);
  return [
    ...checkIds(routes),
    ...routes.flatMap((route) => {
      const { value, path } = route;
      const unknown = [
        ...(value.interface === undefined
          ? []
          : unknownInterface(value.interface, [...path, "interface"], interfaces)),
        ...(value.nodes ?? []).flatMap((name, index): Finding[] => {
          if (nodes.has(name) || facts.nodesPath === undefined) return [];
          const place = { path: itemPath(root, [...path, "nodes"], index), on: "value" } as const;
          const hint = hintFor(name, new Set(nodes.keys()), "Nodes");
          return [{ code: "unknown-node", ...place, message: `there is no node "${clip(name)}"`, hint }];
        }),
      ];
      if (unknown.length > 0) return unknown;
      const own = (value.nodes ?? [...nodes.keys()]).flatMap((name) => nodes.get(name) ?? []);
      return checkRoute(route, own, facts).slice(0, 1);
    }),
    ...checkDuplicates(routes, [...nodes.keys()]),
  ];
}

function checkIds(routes: readonly Understood<StaticRoute>[]): Finding[] {
  const seen = new Set<string>();
  return routes.flatMap(({ value: { id }, path }): Finding[] => {
    const isRepeated = seen.has(id);
    seen.add(id);
    if (!isRepeated) return [];
    const message = `another route has the id "${clip(id)}"`;
    const hint = "Give every route its own id.";
    return [{ code: "duplicate-id", path: [...path, "id"], on: "value", message, hint }];
  });
}

function checkRoute(
  { value: route, path }: Understood<StaticRoute>,
  nodes: readonly NodeFacts[],
  facts: DocumentFacts,
): Finding[] {
  const to = parseNetwork(route.to);
  if (to === undefined) return [];
  const bad = (key: string, message: string, hint: string, code: Finding["code"] = "bad-route"): Finding => ({
    ...({ code, path: [...path, key], on: "value" } as const),
    message,
    hint,
  });
  const findings = coversSync(to, facts).map((network) =>
    bad(
      "to",
      `${route.to} covers ${network}, the network between the nodes`,
      "Take this route away, or make it wider than that network: the nodes would lose each other.",
      "route-covers-sync",
    ),
  );
  if (route.via === undefined) {
    if (route.interface !== undefined) return findings;
    const message = `the route "${clip(route.id)}" has neither via nor interface`;
    const hint = "Add via: ADDRESS of the next router, or interface: NAME for a network on the link itself.";
    return [...findings, { code: "bad-route", path, on: "key", message, hint }];
  }
  const via = validIp(route.via);
  if (ipFamily(via) !== ipFamily(to.address)) {
    const message = `${route.to} and ${route.via} are not of one family`;
    return [...findings, bad("via", message, "Name a router of the same family.", "family-mismatch")];
  }
  if (isLinkLocal(via)) {
    if (route.interface !== undefined) return findings;
    const hint = "Add interface: a link-local address means nothing without it.";
    return [...findings, bad("via", `${route.via} is link-local, and there is no interface`, hint)];
  }
  return [...findings, ...nodes.flatMap((node) => checkVia(route, via, node, facts, bad))];
}

function checkVia(
  route: StaticRoute,
  via: Uint8Array,
  node: NodeFacts,
  { groups }: DocumentFacts,
  bad: (key: string, message: string, hint: string) => Finding,
): Finding[] {
  const text = formatIp(via);
  const isVirtual = groups.some((group) =>
    group.addresses.some(({ list }) => list.items.some(({ value }) => equalIp(value.address, via))),
  );
  if (
    isVirtual ||
    node.interfaces.some((one) => one.addresses.items.some(({ value }) => equalIp(value.address, via)))
  )
    return [
      bad(
        "via",
        `${text} is an address of the cluster itself`,
        "Name the router that the packets go to next.",
      ),
    ];
  const candidates = node.interfaces.filter(
    (one) => route.interface === undefined || one.role === route.interface,
  );
  if (candidates.some((one) => !one.addresses.complete || holds(one, via))) return [];
  const where = route.interface === undefined ? "any interface" : `"${clip(route.interface)}"`;
  return [
    bad(
      "via",
      `${text} lies in no network of ${where} on ${clip(node.name)}`,
      `Name a router that ${clip(node.name)} has in a network, or the nodes that have the route: nodes: [...].`,
    ),
  ];
}

function holds({ addresses }: InterfaceFacts, address: Uint8Array): boolean {
  return addresses.items.some(({ value }) => networkContains(value, address));
}

/** The network of the sync interface, where a route is for all or a part of it. */
function coversSync(to: IpNetwork, { nodes, syncInterface }: DocumentFacts): string[] {
  const own = nodes.flatMap((node) =>
    node.interfaces
      .filter(({ role }) => role === syncInterface?.value)
      .flatMap(({ addresses }) => addresses.items.map(({ value }) => value)),
  );
  const found = own.find((one) => one.prefixLength <= to.prefixLength && networkContains(one, to.address));
  return found === undefined ? [] : [formatNetwork(found)];
}

/** The kernel has one route for a network and a metric. */
function checkDuplicates(routes: readonly Understood<StaticRoute>[], nodes: readonly string[]): Finding[] {
  const seen = new Map<string, string>();
  return routes.flatMap(({ value, path }): Finding[] => {
    const keys = (value.nodes ?? nodes).map((node) => `${node} ${value.to} ${value.metric ?? ""}`);
    const other = keys.map((key) => seen.get(key)).find((one) => one !== undefined);
    for (const key of keys) seen.set(key, value.id);
    if (other === undefined) return [];
    return [
      {
        ...({ code: "duplicate-route", path: [...path, "to"], on: "value" } as const),
        message: `the route "${clip(other)}" leads to ${value.to} with the same metric`,
        hint: "Give one of them another metric, or say with nodes: [...] which node has which.",
      },
    ];
  });
}
