import type { NodeStatus, StatusProblem } from "../../contract/status.ts";

/**
 * The address of the VRRP router that is active, where that is no node of the cluster, as a keepalived beside it: it cannot be
 * asked, and no node mirrors its connections. Names of nodes are no addresses.
 */
export function foreignActive(
  heard: string | undefined,
  nodes: readonly Pick<NodeStatus, "name">[],
): string | undefined {
  return nodes.some(({ name }) => name === heard) ? undefined : heard;
}

/** Without a capital, for the middle of a sentence. */
export function foreignActiveWords(address: string): string {
  return `the VRRP router ${address}, which is no node of this cluster, is active`;
}

/** It serves, and may be meant to be there; but whoever takes over from it breaks its connections. */
export function foreignActiveProblem(address: string): StatusProblem {
  return {
    severity: "warning",
    code: "foreign-active",
    message: `${foreignActiveWords(address)}: no node holds its connections`,
    hint: "A takeover from it breaks them. If it is not meant to be there, see where it is heard: tocha doctor",
  };
}
