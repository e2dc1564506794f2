import type { ClusterDocument } from "../../contract/cluster-document.ts";
import { affectedParts } from "./affected-parts.ts";

/** Nodes on which a change is made at the same time. */
export interface MakeTurn {
  readonly nodes: readonly string[];
  /** Whether they must take part again, with every connection, before the next turn. */
  readonly waits: boolean;
}

/**
 * In which order a change is made on the nodes: where it is in the kernel's rules only, on all at once; where roles are started
 * again, one node after the other. Those that are active follow the others, so that somebody always serves; the one that carries the
 * change out is the last, for it may have to start its own control role again.
 */
export function makeOrder(
  { before, after }: { readonly before: ClusterDocument; readonly after: ClusterDocument },
  cluster: {
    readonly nodes: readonly string[];
    readonly active: ReadonlySet<string>;
    readonly carrying: string;
  },
): readonly MakeTurn[] {
  const { nodes, active, carrying } = cluster;
  const restarting = nodes.filter((node) => {
    const parts = affectedParts(before, after, node);
    return parts.has("failover") || parts.has("replicator");
  });
  const place = (node: string) => (node === carrying ? 2 : active.has(node) ? 1 : 0);
  const inTurn = [...restarting].sort((a, b) => place(a) - place(b));
  const quiet = nodes.filter((node) => !restarting.includes(node));
  return [
    ...(quiet.length === 0 ? [] : [{ nodes: quiet, waits: false }]),
    ...inTurn.map((node) => ({ nodes: [node], waits: true })),
  ];
}
