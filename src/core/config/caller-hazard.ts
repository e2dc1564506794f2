import { networkContains, parseIp, parseNetwork } from "../../base/ip.ts";
import type { Problem } from "../../base/problem.ts";
import type { ClusterDocument } from "../../contract/cluster-document.ts";

/** Whoever asks from a network that the nodes no longer have an address in may be cut off by the change. */
export function callerHazard(options: {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  readonly callerAddress: string | undefined;
}): Problem[] {
  const { before, after, callerAddress } = options;
  const caller = callerAddress === undefined ? undefined : parseIp(callerAddress);
  if (caller === undefined) return [];
  const isNear = (document: ClusterDocument) =>
    Object.values(document.nodes).some(({ interfaces }) =>
      Object.values(interfaces).some(({ addresses }) =>
        addresses.some((text) => {
          const network = parseNetwork(text);
          return network !== undefined && networkContains(network, caller);
        }),
      ),
    );
  if (!isNear(before) || isNear(after)) return [];
  return [
    {
      code: "plan-cuts-caller",
      message: `the nodes no longer have an address in the network of ${callerAddress}, from which this is asked`,
      hint: "Ask from a node itself, or from a network that stays; a change that is not confirmed is taken back.",
      path: "nodes",
    },
  ];
}
