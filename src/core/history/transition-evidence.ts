import type { TransitionEvidence, TransitionStamp } from "../../contract/failover-history.ts";
import type { ElectionView } from "../election/election-types.ts";

/** A view as it is right after the transition: what was heard by then. */
export type EvidenceView = Pick<
  ElectionView,
  "priority" | "effectivePriority" | "gatewayReady" | "tableComplete" | "faces" | "peers"
>;

export function transitionEvidence(view: EvidenceView, nowMs: number, lateMs: number): TransitionEvidence {
  return {
    priority: view.priority,
    effectivePriority: view.effectivePriority,
    gatewayReady: view.gatewayReady,
    tableComplete: view.tableComplete,
    interfaces: view.faces.map(({ name, up }) => ({ name, up })),
    lateMs: round(Math.max(0, lateMs)),
    peers: view.peers.map((peer) => ({
      name: peer.name,
      alive: peer.alive,
      role: peer.role ?? null,
      priority: peer.priority ?? null,
      tableComplete: peer.tableComplete,
      paths: peer.paths.map(({ name, lastHeardMs }) => ({
        name,
        silentMs: lastHeardMs === undefined ? null : round(Math.max(0, nowMs - lastHeardMs)),
      })),
    })),
  };
}

/**
 * The last signs of the node that was active before, path by path.
 *
 * @param other its name; of a router that is no node only the last word is known
 * @param wordMs when it spoke last
 */
export function heardStamps(
  view: EvidenceView,
  times: {
    readonly other: string | undefined;
    readonly wordMs: number | undefined;
    readonly noticedMs: number;
    readonly decidedMs: number;
  },
): TransitionStamp[] {
  const { other, wordMs, noticedMs, decidedMs } = times;
  const peer = view.peers.find(({ name }) => name === other);
  // What came later in the same turn has decided nothing.
  const heard = peer?.paths.flatMap(({ name, lastHeardMs }) =>
    lastHeardMs === undefined || lastHeardMs > noticedMs
      ? []
      : [stamp("heard", lastHeardMs - decidedMs, name)],
  );
  if (heard !== undefined && heard.length > 0) return heard;
  return wordMs === undefined ? [] : [stamp("heard", wordMs - decidedMs)];
}

export function stamp(what: string, afterMs: number, path?: string): TransitionStamp {
  return { what, ...(path === undefined ? {} : { path }), atUs: Math.round(afterMs * 1_000) };
}

/** To microseconds. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
