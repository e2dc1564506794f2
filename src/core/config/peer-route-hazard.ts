import { formatIp, type IpAddress, parseIp, parseNetwork } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { wayBack } from "./way-back.ts";

/** Somebody whom a node speaks to directly. */
interface Neighbour {
  readonly address: IpAddress;
  /** For sentences, as in `gw2 on wan`. */
  readonly name: string;
}

/**
 * Static routes that lead what nodes, and VRRP routers, say to each other over a router: VRRP takes nothing that was routed
 * (RFC 9568 5.1.1.3), and the nodes would depend on that router. The interface between the nodes has a check of its own
 * (route-covers-sync).
 */
export function peerRouteHazard({
  before,
  after,
}: {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
}): Problem[] {
  return Object.keys(after.nodes).flatMap((node) =>
    neighboursOf(after, node).flatMap(({ address, name }): Problem[] => {
      const now = wayBack(after, node, address);
      if (now?.route === undefined) return [];
      const old = before.nodes[node] === undefined ? undefined : wayBack(before, node, address);
      if (old?.route !== undefined && old.via === now.via) return [];
      const over = now.via === undefined ? `over ${now.device}` : `over the router ${now.via}`;
      return [
        {
          code: "plan-cuts-peers",
          message: `the route ${now.route} leads what ${node} sends to ${formatIp(address)}, ${name}, ${over}: VRRP and pulses would not arrive there`,
          hint: "Make the route wider than the network that they share, or take it away.",
          path: `routes.${now.route}`,
        },
      ];
    }),
  );
}

function neighboursOf(document: ClusterDocument, node: string): Neighbour[] {
  const faces = new Set(Object.values(document.groups).flatMap(({ addresses }) => Object.keys(addresses)));
  const others = Object.entries(document.nodes).filter(([name]) => name !== node);
  const own = others.flatMap(([name, { interfaces }]) =>
    [...faces].flatMap((face) =>
      (interfaces[face]?.addresses ?? []).flatMap((text): Neighbour[] => {
        const address = parseNetwork(text)?.address;
        return address === undefined ? [] : [{ address, name: `${name} on ${face}` }];
      }),
    ),
  );
  const listed = Object.values(document.groups).flatMap(({ unicastPeers }) =>
    Object.entries(unicastPeers).flatMap(([face, peers]) =>
      peers.flatMap((text): Neighbour[] => {
        const address = parseIp(text);
        return address === undefined ? [] : [{ address, name: `a VRRP router on ${face}` }];
      }),
    ),
  );
  const known = new Set(own.map(({ address }) => formatIp(address)));
  const ownAddresses = new Set(
    Object.values(document.nodes[node]?.interfaces ?? {})
      .flatMap(({ addresses }) => addresses)
      .flatMap((text) => parseNetwork(text)?.address ?? [])
      .map(formatIp),
  );
  const strangers = listed.filter(({ address }) => {
    const text = formatIp(address);
    return !known.has(text) && !ownAddresses.has(text);
  });
  return [...own, ...strangers];
}
