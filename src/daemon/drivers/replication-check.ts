import type { ReplicatorReport } from "../role-report.ts";
import type { ProbeResult } from "./probe.ts";

/** Whether the connections of a group are mirrored, on the side of this node. */
export function replicationCheck(
  replicator: ReplicatorReport | undefined,
  group: string,
  active: boolean,
): ProbeResult {
  if (replicator === undefined) return { good: false, words: "the replicator does not answer" };
  if (!active) {
    const good = replicator.groups[group] ?? false;
    return { good, words: `this node ${good ? "holds" : "does not hold"} every connection` };
  }
  const outgoing = replicator.streams.filter(({ direction }) => direction === "to");
  const complete = outgoing
    .filter(({ connected, complete }) => connected && complete)
    .map(({ peer }) => peer);
  if (outgoing.length === 0) return { good: true, words: "there is no other node" };
  if (complete.length === 0) return { good: false, words: "no other node holds every connection" };
  return {
    good: true,
    words: `${complete.join(" and ")} ${complete.length === 1 ? "holds" : "hold"} every connection`,
  };
}
