import { formatIp, type IpAddress, parseIp, parseNetwork } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";
import type { Hazards } from "./caller-hazard.ts";
import { wayBack } from "./way-back.ts";

/** Somebody whom a node speaks to on an interface with virtual addresses. */
interface Neighbour {
  readonly address: IpAddress;
  /** The interface that they share. */
  readonly face: string;
  /** For sentences, as in `gw2 on wan`. */
  readonly name: string;
}

/**
 * Static routes that lead what nodes, and VRRP routers, say to each other over a router. VRRP takes nothing that was routed (RFC
 * 9568 5.1.1.3): where it goes to single routers, it ceases. Pulses would depend on that router. Both leave by the interface that is
 * meant, whatever routes there are over others. The interface between the nodes has a check of its own (route-covers-sync).
 */
export function peerRouteHazards({
  before,
  after,
}: {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
}): Hazards {
  const [refusals, warnings]: [Problem[], Problem[]] = [[], []];
  for (const node of Object.keys(after.nodes)) {
    for (const { address, face, name } of neighboursOf(after, node)) {
      const [old, now] = [before, after].map((document) => {
        const bound = document.nodes[node]?.interfaces[face]?.device;
        return bound === undefined ? undefined : wayBack(document, { node, address, bound });
      });
      if (now?.route === undefined || (old?.route !== undefined && old.via === now.via)) continue;
      const over = now.via === undefined ? "elsewhere" : `over the router ${now.via}`;
      const isUnicast = Object.values(after.groups).some(({ unicastPeers }) => face in unicastPeers);
      const result = isUnicast
        ? "VRRP, which takes nothing that was routed, would not arrive"
        : "pulses would depend on it";
      (isUnicast ? refusals : warnings).push({
        code: "plan-cuts-peers",
        message: `the route ${now.route} leads what ${node} sends to ${formatIp(address)}, ${name}, ${over}: ${result}`,
        hint: "Make the route wider than the network that they share, or take it away.",
        path: `routes.${now.route}`,
      });
    }
  }
  return { refusals, warnings };
}

function neighboursOf(document: ClusterDocument, node: string): Neighbour[] {
  const faces = new Set(Object.values(document.groups).flatMap(({ addresses }) => Object.keys(addresses)));
  const nodes = Object.entries(document.nodes).flatMap(([name, { interfaces }]) =>
    [...faces].flatMap((face) =>
      (interfaces[face]?.addresses ?? []).flatMap((text): (Neighbour & { readonly node: string })[] => {
        const address = parseNetwork(text)?.address;
        return address === undefined ? [] : [{ address, face, name: `${name} on ${face}`, node: name }];
      }),
    ),
  );
  const known = new Set(nodes.map(({ address }) => formatIp(address)));
  const listed = Object.values(document.groups).flatMap(({ unicastPeers }) =>
    Object.entries(unicastPeers).flatMap(([face, peers]) =>
      peers.flatMap((text): Neighbour[] => {
        const address = parseIp(text);
        if (address === undefined || known.has(formatIp(address))) return [];
        return [{ address, face, name: `a VRRP router on ${face}` }];
      }),
    ),
  );
  return [...nodes.filter((one) => one.node !== node), ...listed];
}
